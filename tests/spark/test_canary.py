"""The canary's pulse takes the way of all readings, to a topic of its own."""

import json
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tests.spark.kafka_rows import RECEIVED, SCHEMA

from messages.topics import CANARY, HEARTBEATS
from rules import canary
from rules import file as rules_file
from spark_monitor.engine.queries import alerts_and_refusals

RULES = canary.with_canary(rules_file.load(Path(__file__).parents[2] / "services/spark-monitor/rules.yaml"))


def sent(spark: SparkSession, value: bytes, received: float = RECEIVED) -> list[Any]:
    schema = SCHEMA.replace("timestamp timestamp", "received double")
    rows = spark.createDataFrame([(None, value, CANARY, 0, 7, received)], schema)
    return alerts_and_refusals(rows.withColumn("timestamp", F.timestamp_seconds("received")), RULES).collect()


def test_a_pulse_comes_back_as_an_alert_on_the_heartbeats_topic(spark: SparkSession) -> None:
    (message,) = sent(spark, canary.pulse_message(1763785000123))
    assert (message.topic, bytes(message.key)) == (HEARTBEATS, b"spark-monitor")
    assert json.loads(message.value) == {
        "alert_id": "monitor-kenari-0-7-kenari",
        "rule": "kenari",
        "stream": "kenari",
        "entity_id": "spark-monitor",
        "sensor_id": None,
        "value": 1763785000123.0,
        "unit": " ms",
        "threshold": 0.0,
        "event_time": RECEIVED,
        "time_source": "kafka",
        "received_at": RECEIVED,
        "message": "[Detak] spark-monitor berjalan - 2026-11-22 11:29:18",
        "schema_version": 1,
    }


def test_a_monitor_whose_clock_is_far_ahead_has_a_pulse_all_the_same(spark: SparkSession) -> None:
    (message,) = sent(spark, canary.pulse_message(int((RECEIVED + 3600) * 1000)))
    assert message.topic == HEARTBEATS
