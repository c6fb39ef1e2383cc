"""Messages -> what a batch of them adds to the history: a row for each sensor and minute, in one pass."""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from history.kinetic import ACTIVATION_KELVIN, ZERO_CELSIUS_KELVIN
from history.merge import MINUTE_COLUMNS
from rules import canary
from rules.model import Rules
from spark_monitor.detection.alerts import is_raised

MINUTE = 60
"""Seconds."""

READINGS, REFUSALS = "readings", "refusals"
"""What a row is about, as its `kind`."""

AS_CSV = {
    # As PostgreSQL reads it: an empty field is null, "" an empty text, and a name keeps its spaces.
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}

KEYS = ("kind", "topic", "reason", "stream", "entity_id", "sensor_id", "minute")


def keyed(decoded: DataFrame) -> DataFrame:
    """Turn rows of `decode` into what `summing` takes.

    Returns one row for each row: KEYS, which say what it is added to, and what is added.
    """
    is_refused = F.col("refusal_code").isNotNull()
    is_reading = ~is_refused
    time = F.when(is_reading, F.col("event_time")).otherwise(F.col("received_at"))
    return decoded.select(
        F.when(is_refused, REFUSALS).otherwise(READINGS).alias("kind"),
        F.when(is_refused, F.col("topic")).alias("topic"),
        F.when(is_refused, F.col("refusal_code")).alias("reason"),
        F.when(is_reading, F.col("stream")).alias("stream"),
        F.when(is_reading, F.col("entity_id")).alias("entity_id"),
        # PostgreSQL's texts know no NUL.
        F.when(is_reading, F.translate(F.coalesce("sensor_id", F.lit("")), "\0", "�")).alias("sensor_id"),
        (F.floor(time / MINUTE) * MINUTE).alias("minute"),
        "value",
        time.alias("time"),
        "received_at",
        "time_source",
    )


def summing(rules: Rules) -> Callable[[DataFrame], DataFrame]:
    """Return what sums up the rows of `keyed`. It is made once: each column costs calls to Java.

    It returns rows of `kind` and

    - READINGS: `line`, of a sensor's readings in a minute, as `history.merge.MINUTE_COLUMNS` in CSV;
    - REFUSALS: `topic, reason, minute, n`, the minute by Kafka's clock in epoch seconds.
    """
    sums = _sums(rules)
    line = F.when(F.col("kind") == READINGS, F.to_csv(F.struct(*MINUTE_COLUMNS), AS_CSV)).alias("line")
    shown = ["kind", "topic", "reason", "minute", "n"]
    return lambda rows: rows.groupBy(*KEYS).agg(*sums).select(*shown, line)


def _sums(rules: Rules) -> list[Column]:
    """Return what is known of the readings of a minute."""
    time, value = F.col("time"), F.col("value")
    # Of several equal values the earliest; the greatest has the least time when that is negative.
    least, greatest = F.min(F.struct(value, time)), F.max(F.struct(value, -time))
    return [
        F.count("*").cast("int").alias("n"),
        least["value"].alias("min"),
        least["time"].alias("min_at"),
        greatest["value"].alias("max"),
        (-greatest["col2"]).alias("max_at"),
        F.sum(value).alias("sum"),
        F.min(time).alias("first_at"),
        F.max(time).alias("last_at"),
        _kinetic(rules).alias("kinetic"),
        F.count_if(_is_late(rules)).cast("int").alias("late"),
        F.count_if(F.col("time_source") == "kafka").cast("int").alias("kafka_time"),
        _beyond(rules).alias("beyond"),
    ]


def _kinetic(rules: Rules) -> Column:
    """Return the sum of exp(-ΔH/RT) of temperatures in °C, null of anything else."""
    streams = [name for name, stream in rules.streams.items() if stream.is_celsius]
    kelvin = F.col("value") + ZERO_CELSIUS_KELVIN
    rate = F.when(kelvin > 0, F.exp(-ACTIVATION_KELVIN / kelvin)).otherwise(0.0)
    return F.sum(F.when(F.col("stream").isin(streams), rate))


def _is_late(rules: Rules) -> Column:
    """Say whether a reading came long after its time, by its stream's rule."""
    allowed = F.coalesce(
        *(F.when(F.col("stream") == name, F.lit(float(each.late_after))) for name, each in rules.streams.items())
    )
    return F.col("received_at") - F.col("time") > allowed


def _beyond(rules: Rules) -> Column:
    """Return how many readings were beyond which rule's limit, as JSON; null where none was."""
    counts = [
        F.nullif(
            F.count_if((F.col("stream") == alert.stream) & is_raised(alert, F.col("entity_id"), F.col("value"))),
            F.lit(0),
        ).alias(name)
        for name, alert in rules.alerts.items()
        if name != canary.NAME
    ]
    return F.nullif(F.to_json(F.struct(*counts)), F.lit("{}")) if counts else F.lit(None).cast("string")
