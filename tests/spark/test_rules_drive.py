"""What the rules say, the DataFrame functions do: other types, limits and combinations without a line of Python."""

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tests.spark.kafka_rows import RECEIVED, SCHEMA, as_bytes

from rules.model import Rules
from spark_monitor.detection.decode import decode
from spark_monitor.engine.queries import alerts_and_refusals

STREAM = {"entity_field": "id", "label": "L", "unit": "x", "plausible": [-100, 1000], "value_field": "v", "topic": "t"}


def rows(spark: SparkSession, *messages: dict[str, Any], topic: str = "t") -> Any:
    values = [(None, as_bytes(message), topic, 0, offset, RECEIVED) for offset, message in enumerate(messages)]
    schema = SCHEMA.replace("timestamp timestamp", "received double")
    return spark.createDataFrame(values, schema).withColumn("timestamp", F.timestamp_seconds("received"))


def alerts(spark: SparkSession, rules: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    found = alerts_and_refusals(rows(spark, *messages), Rules.model_validate(rules)).collect()
    return [json.loads(row.value) for row in found if row.headers is None]


@pytest.mark.parametrize(
    ("comparison", "raised"),
    [("above", [11]), ("at_least", [10, 11]), ("below", [9]), ("at_most", [9, 10])],
)
def test_each_comparison_has_its_sides(spark: SparkSession, comparison: str, raised: list[int]) -> None:
    rules = {"streams": {"s": STREAM}, "alerts": {"a": {"stream": "s", comparison: 10, "message": "!"}}}
    found = alerts(spark, rules, *({"id": "E", "v": value} for value in (9, 10, 11)))
    assert [alert["value"] for alert in found] == raised


def test_an_entity_may_have_a_limit_of_its_own(spark: SparkSession) -> None:
    alert = {"stream": "s", "above": 10, "overrides": {"E2": 20}, "message": "{entity} {value} > {threshold}"}
    rules = {"streams": {"s": STREAM}, "alerts": {"a": alert}}
    found = alerts(spark, rules, {"id": "E1", "v": 15}, {"id": "E2", "v": 15}, {"id": "E2", "v": 21})
    assert [(each["message"], each["threshold"]) for each in found] == [
        ("E1 15.00 > 10.00", 10.0),
        ("E2 21.00 > 20.00", 20.0),
    ]


def test_an_integer_stream_shows_whole_numbers_and_refuses_others(spark: SparkSession) -> None:
    rules = {
        "streams": {"s": STREAM | {"value_type": "integer"}},
        "alerts": {"a": {"stream": "s", "above": 10, "keterangan": "k", "message": "{value}{unit} {keterangan}"}},
    }
    (found,) = alerts(spark, rules, {"id": "E", "v": 11}, {"id": "E", "v": 11.5})
    assert (found["message"], found["keterangan"]) == ("11x k", "k")
    second = decode(rows(spark, {"id": "E", "v": 11.5}), Rules.model_validate(rules)).first()
    assert second is not None
    assert second.refusal_message == "v: diharapkan bilangan bulat, diterima 11.5"


def test_the_time_may_be_kafkas_or_in_another_field(spark: SparkSession) -> None:
    def event_time(stream: dict[str, Any]) -> float:
        rules = Rules.model_validate({"streams": {"s": STREAM | stream}})
        reading = decode(
            rows(spark, {"id": "E", "v": 1, "timestamp": 1.7e9, "ts": 1.6e9, "kafka": 1.5e9}), rules
        ).first()
        assert reading is not None
        return float(reading.event_time)

    assert event_time({}) == 1.7e9
    assert event_time({"event_time": "ts"}) == 1.6e9
    assert event_time({"event_time": "kafka"}) == RECEIVED


def test_streams_on_one_topic_are_told_apart_by_their_values_field(spark: SparkSession) -> None:
    rules = Rules.model_validate({"streams": {"a": STREAM, "b": STREAM | {"value_field": "w"}}})
    found = decode(rows(spark, {"id": "E", "v": 1}, {"id": "E", "w": 2}), rules).orderBy("offset").collect()
    assert [(reading.stream, reading.value) for reading in found] == [("a", 1.0), ("b", 2.0)]
    (both,) = decode(rows(spark, {"id": "E", "v": 1, "w": 2}), rules).collect()
    assert both.refusal_code == "AmbiguousReading", "one of its values would be lost"
