"""Readings -> the combined status of a warehouse: an as-of join of its streams.

`with_contemporaries` looks at every reading together with what the other streams had at its time: one stateful step in
Java (jvm/monitor/Contemporaries.java), which passes each reading on as it comes. `status_messages` puts words to the
result. An out-of-order reading changes nothing and gets no status, so there is at most one status a reading, and none
that replaces a newer one.
"""

from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from messages.topics import STATUSES
from rules.model import Rules, Status, StatusText
from spark_monitor.detection.alerts import filled, is_raised
from spark_monitor.detection.outgoing import json_of, message


def slot_seconds(rules: Rules) -> float:
    """Return how wide the pieces are in which the past is kept: what belongs together is in neighbouring ones."""
    return max((status.within_seconds for status in rules.statuses.values()), default=0.0)


def with_contemporaries(readings: DataFrame, rules: Rules) -> DataFrame:
    """Add what each stream had around its time to every accepted reading (see `decode.decode`).

    A reading counts for every status that its stream is part of, once for each. Returns `status` (its name),
    `entity_id`, `reading` (struct<stream, event_time, received_at, value, origin, time_source>), `own_newest` (the
    event time up to which the reading's sensor was read) and `sides`: for each combined stream, by its name,
    struct<event_time, value> or null. A side is the sensor furthest towards its limits, of those with a reading within
    `within_seconds`; where none has one, it is the stream's newest reading. The times are Kafka's (`time_source`) where
    the sensor's clock is wrong, or where those of two sensors disagree.
    """
    java: Any = readings.sparkSession._jvm  # noqa: SLF001 - the only way to Java
    combined = readings.where(F.col("stream").isin(*rules.combined_streams)).select(
        "entity_id", "stream", "sensor_id", "event_time", "received_at", "offset", "value", "origin", "sensor_time"
    )
    statuses = [[name, status.within_seconds, list(status.streams)] for name, status in rules.statuses.items()]
    limits = [
        [alert.stream, 1 if alert.is_upper else -1, alert.threshold, dict(alert.overrides)]
        for alert in rules.alerts.values()
        if alert.stream in rules.combined_streams
    ]
    found = java.monitor.Contemporaries.of(
        combined._jdf,  # noqa: SLF001
        list(rules.combined_streams),
        statuses,
        limits,
        [float(rules.streams[name].late_after) for name in rules.combined_streams],
        slot_seconds(rules),
    )
    return DataFrame(found, readings.sparkSession)


def status_messages(paired: DataFrame, rules: Rules) -> DataFrame:
    """Turn what `with_contemporaries` returns into rows of `topic, key, value, headers` for the statuses' topic."""
    streams = rules.combined_streams
    within = _by_status(rules, lambda _, status: F.lit(status.within_seconds))
    at = F.col("reading.event_time")

    sides = paired.select("*", within.alias("within"), *(F.col(f"sides.{name}").alias(name) for name in streams))
    times = sides.withColumn("event_time", F.greatest(at, *(F.col(f"{name}.event_time") for name in streams)))
    ages = times.select(
        "*", *(_apart(F.col("event_time"), F.col(f"{s}.event_time")).alias(f"{s}_age") for s in streams)
    )
    usable = ages.select(
        "status", "entity_id", "reading", "within", "event_time", "own_newest", "sides",
        *(F.when(F.col(f"{name}_age") <= F.col("within"), F.col(f"{name}.value")).alias(name) for name in streams),
        *(f"{name}_age" for name in streams),
    )  # fmt: skip
    # An out-of-order reading says nothing new about now; one from long before may still complete the history.
    behind = F.col("own_newest") - at
    complete = _by_status(rules, lambda _, status: reduce(and_, (F.col(name).isNotNull() for name in status.streams)))
    judged = usable.withColumn("complete", complete).where(
        (behind <= 0) | ((behind > F.col("within")) & F.col("complete"))
    )
    value = _by_status(rules, lambda name, status: _status(name, status, rules))
    return judged.select(message(STATUSES, F.col("entity_id"), value).alias("message")).select("message.*")


def _status(name: str, status: Status, rules: Rules) -> Column:
    return json_of(
        F.concat_ws("-", F.col("reading.origin"), F.lit(name)).alias("status_id"),
        F.lit(name).alias("rule"),
        F.col("entity_id"),
        *(F.col(stream) for stream in status.streams),
        F.when(F.col("complete"), _words(status, rules)).otherwise(_what_is_missing(status, rules)).alias("status"),
        F.col("event_time"),
        F.col("reading.time_source").alias("time_source"),
        F.col("complete"),
        *(F.col(f"{stream}_age").alias(f"{stream}_age_seconds") for stream in status.streams),
        F.col("reading.stream").alias("stream"),
        _alerts_of_the_stream(status, rules).alias("alerts"),
        F.col("reading.received_at").alias("received_at"),
    )


def _by_status(rules: Rules, of: Callable[[str, Status], Column]) -> Column:
    """Return what `of(name, status)` gives for the row's status."""
    return F.coalesce(*(F.when(F.col("status") == name, of(name, each)) for name, each in rules.statuses.items()))


def _apart(one: Column, other: Column) -> Column:
    """Return the seconds between two times; rounded, as doubles of today's epoch resolve 0.0000002 s."""
    # Not `round`: it goes through BigDecimal, which takes a tenth of a status's time.
    return F.floor(F.abs(one - other) * 1000 + 0.5) / 1000


def _words(status: Status, rules: Rules) -> Column:
    """Return the text for the combination of alerts that the values raise; all values must be there."""
    raised = {
        name: is_raised(alert, F.col("entity_id"), F.col(alert.stream))
        for name, alert in rules.alerts_in(status).items()
    }

    def applies(text: StatusText) -> Column:
        return reduce(and_, (is_so == F.lit(name in text.alerts) for name, is_so in raised.items()), F.lit(True))

    return F.coalesce(*(F.when(applies(text), F.lit(text.text)) for text in status.texts))


def _what_is_missing(status: Status, rules: Rules) -> Column:
    def of(name: str) -> Column:
        label = F.lit(rules.streams[name].label.lower())
        age = F.floor(F.col(f"{name}_age") + 0.5).cast("string")
        known = F.when(F.col(f"{name}_age").isNotNull(), filled(status.too_old, stream=label, age=age))
        return F.when(F.col(name).isNull(), F.coalesce(known, filled(status.never_seen, stream=label)))

    return filled(status.incomplete, missing=F.concat_ws(", ", *map(of, status.streams)))


def _alerts_of_the_stream(status: Status, rules: Rules) -> Column:
    """Return the alerts that the value of the reading's stream raises: others then see a state end without limits."""
    none = F.array().cast("array<string>")
    raised = [
        F.when(
            (F.col("reading.stream") == alert.stream)
            & is_raised(alert, F.col("entity_id"), F.col(f"sides.{alert.stream}.value")),
            F.array(F.lit(name)),
        ).otherwise(none)
        for name, alert in rules.alerts_in(status).items()
    ]
    # Not `filter` of the names that are there: Spark does not compile what is handed to it.
    return F.flatten(F.array(none, *raised))
