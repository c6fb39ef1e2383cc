"""Readings -> records of incidents, through Spark's stateful operator with its timers, in micro-batches.

Spark keeps each entity's state (see `state`) and calls when it is due, in the next batch: jvm/monitor/LifeCycles.java.
What becomes of the entity is worked out in Python, by a process of its own (`worker`).
"""

import sys
from typing import Any

from pyspark import cloudpickle
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from messages.topics import ACTIONS, CANARY
from rules.model import Rules
from spark_monitor.detection.decode import decode, is_error_code
from spark_monitor.incidents.answers import CLOCK_KEY
from spark_monitor.incidents.life_cycle import LifeCycle

STATE_FORMAT = 2
"""Of what Spark keeps. With another number the query gets a new checkpoint, which takes over what the old one knows."""

WORKER = [sys.executable, "-P", "-m", "spark_monitor.incidents.worker"]
"""What is started for it, wherever Spark has the operator; the executors' image is the monitor's."""

WITHOUT_KEY = "?"
"""In place of the key of an action that has none."""

FIELDS = ("stream", "sensor_id", "value", "event_time", "received_at", "sensor_time")
"""Of a reading; what is null is left out."""


def incident_records(messages: DataFrame, rules: Rules, time_zone: str, before: DataFrame | None = None) -> DataFrame:
    """Kafka rows in, rows of `record` (JSON) out; `time_zone` is that of the times in the lines.

    `before`: what another checkpoint knows of the entities, as `entity_id, state, timer`.
    """
    decoded = decode(messages, rules)
    is_reading = F.col("refusal_code").isNull() | is_error_code()
    is_watched = is_reading & F.col("stream").isin(*rules.watched_streams)
    # What a person does is keyed by the entity. It is no reading, nor is a pulse, so `decode` leaves both as they were.
    is_action, is_pulse = F.col("topic") == ACTIONS, F.col("topic") == CANARY
    entity = F.when(is_action, F.coalesce(_text("refused_key"), F.lit(WITHOUT_KEY))).when(is_pulse, CLOCK_KEY)
    row = F.to_json(
        F.struct(
            F.when(is_action | is_pulse, F.coalesce(_text("refused_value"), F.lit(""))).alias("action"),
            *FIELDS,
            is_error_code().alias("is_error_code"),
        )
    )
    watched = decoded.where(is_watched | is_action | is_pulse).select(
        entity.otherwise(F.col("entity_id")).alias("entity_id"), row.alias("row")
    )
    java: Any = messages.sparkSession._jvm  # noqa: SLF001 - the only way to Java
    # In one task, hence without a shuffle.
    found = java.monitor.LifeCycles.of(
        watched.coalesce(1)._jdf,  # noqa: SLF001
        WORKER,
        bytearray(cloudpickle.dumps(LifeCycle(rules, time_zone))),  # type: ignore[no-untyped-call]
        None if before is None else before.coalesce(1)._jdf,  # noqa: SLF001
    )
    return DataFrame(found, messages.sparkSession)


def _text(bytes_of: str) -> Column:
    """Return bytes as text; those that are no UTF-8 would end the query on their way to Python, at each start again."""
    return F.make_valid_utf8(F.col(bytes_of).cast("string"))
