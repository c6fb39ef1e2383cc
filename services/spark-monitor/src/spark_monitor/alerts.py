"""Readings -> alerts: one for each reading that is above a limit. Stateless, so each comes within milliseconds."""

import string

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_monitor.outgoing import ALERTS, json_of, message
from spark_monitor.rules import Alert, Rules, Stream

VALUE_FORMAT = "%.2f"


def is_raised(alert: Alert, stream: Column, amount: Column) -> Column:
    """Say whether a reading raises the alert: of its stream, and strictly above its limit."""
    return (stream == alert.stream) & (amount > alert.above)


def alert_messages(rules: Rules) -> list[Column]:
    """Return, for a reading (see `readings.decode`), a message for each rule: null where it is not raised, or refused.

    `alert_id` is made of where the reading stands in Kafka and the rule, so a replay makes the same id again.
    """
    return [
        F.when(
            F.col("refusal").isNull() & is_raised(alert, F.col("stream"), F.col("amount")),
            message(ALERTS, F.col("entity_id"), _alert(name, alert, rules.streams[alert.stream])),
        )
        for name, alert in rules.alerts.items()
    ]


def _alert(name: str, alert: Alert, stream: Stream) -> Column:
    return json_of(
        F.concat_ws("-", F.col("origin"), F.lit(name)).alias("alert_id"),
        F.lit(name).alias("rule"),
        F.lit(alert.stream).alias("stream"),
        F.col("entity_id"),
        F.col("sensor_id"),
        F.col("amount").alias("value"),
        F.lit(stream.unit).alias("unit"),
        F.lit(alert.above).alias("threshold"),
        F.col("event_time"),
        F.col("received").alias("received_at"),
        _filled(alert.message).alias("message"),
    )


def _filled(template: str) -> Column:
    """Return the template with the reading's `{entity}`, `{value}` and `{time}` (in Spark's session time zone)."""
    contents = {
        "entity": F.col("entity_id"),
        "value": F.format_string(VALUE_FORMAT, F.col("amount")),
        "time": F.from_unixtime(F.floor("event_time"), "yyyy-MM-dd HH:mm:ss"),
    }
    pieces: list[Column] = []
    for text, place, _, _ in string.Formatter().parse(template):
        pieces.append(F.lit(text))
        if place is not None:
            pieces.append(contents[place])
    return F.concat(*pieces)
