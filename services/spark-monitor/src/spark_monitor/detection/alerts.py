"""Readings -> alerts: one for each reading that is above a limit. Stateless, so each comes within milliseconds."""

import string

from pyspark.sql import Column
from pyspark.sql import functions as F

from messages.topics import ALERTS, HEARTBEATS
from rules import canary
from rules.model import Alert, Rules, Stream
from spark_monitor.detection.outgoing import json_of, message

TIME_FORMAT = "yyyy-MM-dd HH:mm:ss"


def threshold(alert: Alert, entity: Column) -> Column:
    """Return the limit that holds for an entity."""
    own = (F.when(entity == name, F.lit(limit)) for name, limit in alert.overrides.items())
    return F.coalesce(*own, F.lit(alert.threshold))


def is_raised(alert: Alert, entity: Column, value: Column) -> Column:
    """Say whether a value of the alert's stream is beyond the limit that holds for the entity."""
    limit = threshold(alert, entity)
    return {
        "above": value > limit,
        "at_least": value >= limit,
        "below": value < limit,
        "at_most": value <= limit,
    }[alert.comparison]


def alert_messages(rules: Rules) -> list[Column]:
    """Return, for a reading (see `decode.decode`), a message for each rule: null where it is not raised, or refused.

    `alert_id` is made of where the reading is in Kafka and the rule, so a replay makes the same id again.
    """
    return [
        F.when(
            F.col("refusal_code").isNull()
            & (F.col("stream") == alert.stream)
            & is_raised(alert, F.col("entity_id"), F.col("value")),
            message(
                HEARTBEATS if name == canary.NAME else ALERTS,
                F.col("entity_id"),
                _alert(name, alert, rules.streams[alert.stream]),
            ),
        )
        for name, alert in rules.alerts.items()
    ]


def _alert(name: str, alert: Alert, stream: Stream) -> Column:
    remark = [] if alert.keterangan is None else [F.lit(alert.keterangan).alias("keterangan")]
    return json_of(
        F.concat_ws("-", F.col("origin"), F.lit(name)).alias("alert_id"),
        F.lit(name).alias("rule"),
        F.lit(alert.stream).alias("stream"),
        F.col("entity_id"),
        F.col("sensor_id"),
        F.col("value"),
        F.lit(stream.unit).alias("unit"),
        threshold(alert, F.col("entity_id")).alias("threshold"),
        F.col("event_time"),
        F.col("time_source"),
        F.col("received_at"),
        *remark,
        _words(alert, stream).alias("message"),
    )


def _words(alert: Alert, stream: Stream) -> Column:
    """Return the alert's message with its places filled; the time is in Spark's session time zone."""
    return filled(
        alert.message,
        entity=F.col("entity_id"),
        value=F.format_string(stream.value_format, F.col("value")),
        unit=F.lit(stream.unit),
        threshold=F.format_string(stream.value_format, threshold(alert, F.col("entity_id"))),
        time=F.from_unixtime(F.floor("event_time"), TIME_FORMAT),
        keterangan=F.lit(alert.keterangan or ""),
    )


def filled(template: str, **contents: Column) -> Column:
    """Return a text with each `{place}` filled by the column of that name."""
    pieces: list[Column] = []
    for text, place, _, _ in string.Formatter().parse(template):
        pieces.append(F.lit(text))
        if place is not None:
            pieces.append(contents[place])
    return F.concat(*pieces) if pieces else F.lit("")
