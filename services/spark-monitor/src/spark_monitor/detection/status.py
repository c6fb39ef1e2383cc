"""Readings -> the combined status of a warehouse: an as-of join of its streams.

Two steps, each a streaming aggregation that passes every reading on as it comes:

1. `with_newest` keeps each stream's newest reading of a warehouse. In normal running that is all it takes: a reading is
   looked at together with the newest of the others.
2. `with_contemporaries` keeps the recent past by time. Kafka's partitions are read independently, so after a stop one
   topic can be minutes ahead of the other, and the newest reading is not the one that belongs to the reading at hand.
   Then the one nearest in time is looked up here. Without this step every restart would print false gaps.

`status_messages` puts words to the result. An out-of-order reading changes nothing and gets no status, so there is at
most one status a reading, and none that replaces a newer one.
"""

from collections.abc import Callable
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from messages.topics import STATUSES
from spark_monitor.detection.alerts import filled, is_raised
from spark_monitor.detection.outgoing import json_of, message
from spark_monitor.rules.model import Rules, Status, StatusText

NEAR_SECONDS = 1
"""How far apart contemporaries may be: sensors report about once a second."""

SLOT_SECONDS = 8
"""Width of a piece of the past. A reading near its edge is kept in the neighbouring piece too: of wider ones that are
fewer, but each is more to read and write."""

SLOTS = 900
"""How many pieces are kept for each warehouse, as a ring: two hours. This bounds the state."""

READINGS_A_SLOT = 20
"""How many readings of a stream are kept in a piece: those that came last."""


def with_newest(readings: DataFrame, rules: Rules) -> DataFrame:
    """Add each stream's newest reading so far to every accepted reading (see `decode.decode`).

    A reading counts for every status that its stream is part of, once for each. Returns `status` (its name),
    `entity_id`, `reading` (struct<stream, event_time, received_at, offset, value, origin>) and, for each combined
    stream, `newest_<stream>` (struct<event_time, received_at, value>: by event time, then by arrival).
    """
    kept = F.struct("event_time", "received_at", "value")
    part_of = F.coalesce(
        *(
            F.when(F.col("stream") == stream, F.array(*map(F.lit, rules.statuses_with(stream))))
            for stream in rules.combined_streams
        )
    )
    return (
        readings.select("*", F.explode(part_of).alias("status"))
        .groupBy("status", "entity_id")
        .agg(
            F.last(F.struct("stream", "event_time", "received_at", "offset", "value", "origin")).alias("reading"),
            *(F.max(F.when(F.col("stream") == name, kept)).alias(f"newest_{name}") for name in rules.combined_streams),
        )
    )


def with_contemporaries(newest: DataFrame, rules: Rules) -> DataFrame:
    """Add what each stream had around the time of the reading.

    Takes what `with_newest` returns and adds, for each stream, `around_<stream>` (array<struct<event_time, value>>):
    the last arrived readings with event times in the reading's slot and NEAR_SECONDS on both sides.
    """
    at = F.col("reading.event_time")
    slot = F.floor(at / SLOT_SECONDS)
    into = at - slot * SLOT_SECONDS
    neighbour = F.when(into < NEAR_SECONDS, slot - 1).when(into >= SLOT_SECONDS - NEAR_SECONDS, slot + 1)
    own = F.struct(slot.alias("number"), F.lit(True).alias("is_own"))
    other = F.struct(neighbour.alias("number"), F.lit(False).alias("is_own"))
    spread = newest.select(
        "*", F.explode(F.when(neighbour.isNull(), F.array(own)).otherwise(F.array(own, other))).alias("slot")
    )
    carried = ["reading", *(f"newest_{name}" for name in rules.combined_streams)]
    kept = F.struct(at.alias("event_time"), F.col("reading.value").alias("value"))
    # By arrival, not by event time: in a ring, an older round must make room for the one being read.
    arrival = F.struct("reading.received_at", "reading.offset")
    grouped = spread.groupBy("status", "entity_id", F.pmod(F.col("slot.number"), F.lit(SLOTS)).alias("ring")).agg(
        F.last(F.struct(F.col("slot.is_own").alias("is_own"), *carried)).alias("last"),
        *(
            F.max_by(kept, F.when(F.col("reading.stream") == name, arrival), READINGS_A_SLOT).alias(f"around_{name}")
            for name in rules.combined_streams
        ),
    )
    return grouped.where("last.is_own").select(
        "status",
        "entity_id",
        *(F.col(f"last.{name}").alias(name) for name in carried),
        *(f"around_{name}" for name in rules.combined_streams),
    )


def status_messages(paired: DataFrame, rules: Rules) -> DataFrame:
    """Turn what `with_contemporaries` returns into rows of `topic, key, value, headers` for the statuses' topic."""
    streams = rules.combined_streams
    within = _by_status(rules, lambda _, status: F.lit(status.within_seconds))
    at = F.col("reading.event_time")

    sides = paired.select("*", within.alias("within")).select(
        "status",
        "entity_id",
        "reading",
        "within",
        F.coalesce(*(F.when(F.col("reading.stream") == s, F.col(f"newest_{s}.event_time")) for s in streams)).alias(
            "own_newest"
        ),
        *(_side(name).alias(name) for name in streams),
    )
    times = sides.select("*", F.greatest(*_times(streams)).alias("event_time"))
    ages = times.select(
        "*", *(_apart(F.col("event_time"), F.col(f"{s}.event_time")).alias(f"{s}_age") for s in streams)
    )
    usable = ages.select(
        "status", "entity_id", "reading", "within", "event_time", "own_newest",
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
        F.col("complete"),
        *(F.col(f"{stream}_age").alias(f"{stream}_age_seconds") for stream in status.streams),
        F.col("reading.stream").alias("stream"),
        _alerts_of_the_reading(status, rules).alias("alerts"),
        F.col("reading.received_at").alias("received_at"),
    )


def _by_status(rules: Rules, of: Callable[[str, Status], Column]) -> Column:
    """Return what `of(name, status)` gives for the row's status."""
    return F.coalesce(*(F.when(F.col("status") == name, of(name, each)) for name, each in rules.statuses.items()))


def _times(streams: tuple[str, ...]) -> list[Column]:
    """Return the streams' event times; the repetition makes two of one, which `greatest` wants."""
    return [F.col(f"{name}.event_time") for name in (*streams, streams[0])]


def _side(name: str) -> Column:
    """Return the stream's reading that belongs to the one at hand, else its newest: struct<event_time, value>."""
    at, newest = F.col("reading.event_time"), F.col(f"newest_{name}.event_time")
    itself = F.struct(at.alias("event_time"), F.col("reading.value").alias("value"))
    last = F.struct(newest.alias("event_time"), F.col(f"newest_{name}.value").alias("value"))
    return (
        F.when(F.col("reading.stream") == name, itself)
        .when((newest <= at) & (_apart(newest, at) <= F.col("within")), last)
        # The other stream is ahead: its reading of this time is in the past that step 2 keeps, or there is none.
        .when((newest > at) & _nearest(name).isNotNull(), _nearest(name))
        .when(newest.isNotNull(), last)
    )


def _apart(one: Column, other: Column) -> Column:
    """Return the seconds between two times; rounded, as doubles of today's epoch resolve 0.0000002 s."""
    # Not `round`: it goes through BigDecimal, which takes a tenth of a status's time.
    return F.floor(F.abs(one - other) * 1000 + 0.5) / 1000


def _nearest(name: str) -> Column:
    """Return the stream's reading nearest to the one at hand, or null: struct<event_time, value>."""
    at = F.col("reading.event_time")
    near = F.filter(f"around_{name}", lambda other: _apart(other["event_time"], at) <= NEAR_SECONDS)
    by_distance = F.transform(
        near,
        lambda other: F.struct(
            _apart(other["event_time"], at).alias("distance"),
            F.struct(other["event_time"].alias("event_time"), other["value"].alias("value")).alias("reading"),
        ),
    )
    return F.array_min(by_distance)["reading"]


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


def _alerts_of_the_reading(status: Status, rules: Rules) -> Column:
    """Return the names of the alerts that the reading itself raises: others then see a state end without limits."""
    raised = [
        F.when(
            (F.col("reading.stream") == alert.stream) & is_raised(alert, F.col("entity_id"), F.col("reading.value")),
            F.lit(name),
        )
        for name, alert in rules.alerts_in(status).items()
    ]
    return F.filter(F.array(F.lit(None).cast("string"), *raised), lambda name: name.isNotNull())
