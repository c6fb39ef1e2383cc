"""Alerts and refusals: what goes to which topic, word for word."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter
from pyspark.sql import Row, SparkSession
from tests.spark.kafka_rows import RECEIVED, kafka_rows

from messages import schemas
from messages.topics import ALERTS, REFUSED, SUHU
from rules.model import Rules
from spark_monitor.engine.queries import alerts_and_refusals


def sent(spark: SparkSession, rules: Rules, *messages: tuple[str, Any]) -> list[Row]:
    return alerts_and_refusals(kafka_rows(spark, list(messages)), rules).collect()


def test_the_alert_says_what_where_and_when(spark: SparkSession, warehouse: Rules) -> None:
    reading = {"gudang_id": "G1", "suhu": 84.31, "timestamp": RECEIVED, "sensor_id": "S-1"}
    (message,) = sent(spark, warehouse, ("suhu", reading))
    assert (message.topic, bytes(message.key), message.headers) == (ALERTS, b"G1", None)
    assert json.loads(message.value) == {
        "alert_id": "sensor-suhu-gudang-0-0-suhu_tinggi",
        "rule": "suhu_tinggi",
        "stream": "suhu",
        "entity_id": "G1",
        "sensor_id": "S-1",
        "value": 84.31,
        "unit": "°C",
        "threshold": 80.0,
        "event_time": RECEIVED,
        "time_source": "sensor",
        "received_at": RECEIVED,
        "message": "[Peringatan Suhu Tinggi] Gudang G1: Suhu 84.31°C - 2026-11-22 11:29:18",
        "schema_version": 1,
    }
    TypeAdapter(schemas.Alert).validate_json(bytes(message.value), strict=True)


def test_humidity_has_its_own_words(spark: SparkSession, warehouse: Rules) -> None:
    reading = {"gudang_id": "G1", "kelembaban": 72.18, "timestamp": RECEIVED}
    (message,) = sent(spark, warehouse, ("kelembaban", reading))
    alert = json.loads(message.value)
    assert alert["message"] == "[Peringatan Kelembaban Tinggi] Gudang G1: Kelembaban 72.18% - 2026-11-22 11:29:18"
    assert alert["sensor_id"] is None


@pytest.mark.parametrize(
    ("stream", "value", "raised"),
    [("suhu", 80, 0), ("suhu", 80.01, 1), ("suhu", -5, 0), ("kelembaban", 70.0, 0), ("kelembaban", 70.01, 1)],
)
def test_only_strictly_above_the_limit(
    spark: SparkSession, warehouse: Rules, stream: str, value: float, raised: int
) -> None:
    reading = {"gudang_id": "G1", stream: value, "timestamp": RECEIVED}
    assert len(sent(spark, warehouse, (stream, reading))) == raised


def test_a_name_that_looks_like_a_format_is_only_a_name(spark: SparkSession, warehouse: Rules) -> None:
    reading = {"gudang_id": "%s{value}$1", "suhu": 90, "timestamp": RECEIVED}
    (message,) = sent(spark, warehouse, ("suhu", reading))
    assert json.loads(message.value)["message"].startswith("[Peringatan Suhu Tinggi] Gudang %s{value}$1: Suhu 90.00°C")


def test_a_refused_message_goes_on_whole_and_raises_nothing(spark: SparkSession, warehouse: Rules) -> None:
    original = b'{"gudang_id":"G1","suhu":500.5}'
    (message,) = sent(spark, warehouse, ("suhu", original))
    assert (message.topic, bytes(message.key), bytes(message.value)) == (REFUSED, b"key", original)
    headers = {header.key: bytes(header.value).decode() for header in message.headers}
    assert headers == {
        "__connect.errors.topic": SUHU,
        "__connect.errors.partition": "0",
        "__connect.errors.offset": "0",
        "__connect.errors.stage": "VALUE_CONVERTER",
        "__connect.errors.exception.class.name": "ImplausibleValue",
        "__connect.errors.exception.message": "suhu: diharapkan -90.0 sampai 200.0 °C, diterima 500.5",
    }


def test_a_null_message_is_refused_as_null(spark: SparkSession, warehouse: Rules) -> None:
    (message,) = sent(spark, warehouse, ("suhu", None))
    assert message.value is None


def test_a_huge_message_is_refused_once_and_whole(spark: SparkSession, warehouse: Rules) -> None:
    original = b"x" * 900_000
    (message,) = sent(spark, warehouse, ("suhu", original))
    assert bytes(message.value) == original
