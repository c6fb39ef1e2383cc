"""A batch of messages -> what it adds to the history."""

import csv
import json
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.spark.kafka_rows import RECEIVED, kafka_rows

from history.kinetic import rate
from history.merge import MINUTE_COLUMNS
from rules.model import Rules
from spark_monitor.detection.decode import decode
from spark_monitor.history.minutes import READINGS, REFUSALS, keyed, summing

MINUTE = RECEIVED // 60 * 60


def summed(messages: DataFrame, rules: Rules) -> list[Any]:
    return summing(rules)(keyed(decode(messages, rules))).collect()


def minutes(rows: list[Any]) -> list[dict[str, str]]:
    lines = csv.reader(row.line for row in rows if row.kind == READINGS)
    return [dict(zip(MINUTE_COLUMNS, line, strict=True)) for line in lines]


def suhu(value: float, at: float, gudang: str = "G1", **more: Any) -> tuple[str, dict[str, Any]]:
    return "suhu", {"gudang_id": gudang, "suhu": value, "timestamp": at, **more}


def test_the_readings_of_a_minute_make_a_row(spark: SparkSession, warehouse: Rules) -> None:
    readings = [suhu(81, MINUTE + 3), suhu(79.5, MINUTE + 1), suhu(81, MINUTE + 2), suhu(79.5, MINUTE + 5)]
    (found,) = minutes(summed(kafka_rows(spark, readings), warehouse))
    assert (found["stream"], found["entity_id"], found["sensor_id"]) == ("suhu", "G1", "")
    numbers = {name: float(found[name]) for name in MINUTE_COLUMNS[3:-1]}
    assert numbers == {
        "minute": MINUTE, "n": 4, "min": 79.5, "min_at": MINUTE + 1, "max": 81, "max_at": MINUTE + 2, "sum": 321,
        "first_at": MINUTE + 1, "last_at": MINUTE + 5, "late": 0, "kafka_time": 0,
        "kinetic": pytest.approx(2 * rate(81) + 2 * rate(79.5), rel=1e-12),
    }  # fmt: skip
    assert json.loads(found["beyond"]) == {"suhu_tinggi": 2}


def test_each_sensor_and_minute_has_its_own(spark: SparkSession, warehouse: Rules) -> None:
    readings = [
        suhu(70, MINUTE + 59.9), suhu(71, MINUTE - 0.1), suhu(72, MINUTE, sensor_id="a"), suhu(73, MINUTE, "G2"),
        ("kelembaban", {"gudang_id": "G1", "kelembaban": 60, "timestamp": MINUTE}),
    ]  # fmt: skip
    found = minutes(summed(kafka_rows(spark, readings), warehouse))
    keys = sorted(
        (each["stream"], each["entity_id"], each["sensor_id"], float(each["minute"]) - MINUTE) for each in found
    )
    assert keys == [
        ("kelembaban", "G1", "", 0), ("suhu", "G1", "", -60), ("suhu", "G1", "", 0), ("suhu", "G1", "a", 0),
        ("suhu", "G2", "", 0),
    ]  # fmt: skip


def test_only_temperatures_age_goods(spark: SparkSession, warehouse: Rules) -> None:
    reading = ("kelembaban", {"gudang_id": "G1", "kelembaban": 60, "timestamp": MINUTE})
    (found,) = minutes(summed(kafka_rows(spark, [reading]), warehouse))
    assert (found["kinetic"], found["beyond"]) == ("", "")


def test_what_came_long_after_its_time_is_counted(spark: SparkSession, warehouse: Rules) -> None:
    (found,) = minutes(summed(kafka_rows(spark, [suhu(70, MINUTE - 7200)]), warehouse))
    assert (float(found["minute"]), found["late"]) == (MINUTE - 7200, "1")


@pytest.mark.parametrize("at", [0, 4_070_908_800], ids=["1970", "2099"])
def test_a_clock_that_cannot_be_right_counts_by_kafka_s_time(spark: SparkSession, warehouse: Rules, at: float) -> None:
    (found,) = minutes(summed(kafka_rows(spark, [suhu(70, at)]), warehouse))
    assert (float(found["minute"]), found["kafka_time"], found["late"]) == (MINUTE, "1", "0")


@pytest.mark.parametrize("name", ["O'Hara", "100%", 'the "cold" room', "kiri, kanan", "❄ 🥶", " G1 ", "\\N", '"'])
def test_a_name_is_written_as_it_is(spark: SparkSession, warehouse: Rules, name: str) -> None:
    (found,) = minutes(summed(kafka_rows(spark, [suhu(70, MINUTE, name)]), warehouse))
    assert found["entity_id"] == name


def test_a_sensor_s_name_has_no_nul(spark: SparkSession, warehouse: Rules) -> None:
    (found,) = minutes(summed(kafka_rows(spark, [suhu(70, MINUTE, sensor_id="a\0b")]), warehouse))
    assert found["sensor_id"] == "a�b"


def test_refusals_are_counted_by_reason(spark: SparkSession, warehouse: Rules) -> None:
    rows = summed(kafka_rows(spark, [("suhu", b"{"), ("suhu", b"}"), suhu(900, MINUTE)]), warehouse)
    found = {row.reason: (row.topic, row.minute, row.n) for row in rows if row.kind == REFUSALS}
    topic = "sensor-suhu-gudang"
    assert found == {"InvalidJson": (topic, MINUTE, 2), "ImplausibleValue": (topic, MINUTE, 1)}
    assert not minutes(rows)
