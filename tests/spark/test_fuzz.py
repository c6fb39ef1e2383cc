"""Whatever comes in, each message becomes one thing: a usable reading, or a refusal that says why."""

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tests.spark.kafka_rows import RECEIVED, kafka_rows

from rules.model import Rules
from spark_monitor.detection.decode import MAX_AHEAD_SECONDS, MAX_NAME_LENGTH, decode
from spark_monitor.engine.queries import alerts_and_refusals

numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([-90, 200, 200.1, 1e999, 10**400, -0.0]))
leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=80))
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
fields = {
    "gudang_id": st.one_of(st.text(max_size=70), anything),
    "suhu": st.one_of(numbers, anything),
    "timestamp": st.one_of(st.floats(0, RECEIVED + 120), anything),
    "sensor_id": anything,
}
readings = st.fixed_dictionaries({}, optional=fields)


def as_json(message: Any) -> bytes:
    """Return JSON with Python's NaN and Infinity, as careless senders write it; lone surrogates stay escaped."""
    return json.dumps(message).encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a reading with a piece cut out or put in."""
    text = as_json(draw(readings))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.binary(max_size=3)) + text[at + draw(st.integers(0, 3)) :]


plain = st.builds(
    lambda entity, value, at: {"gudang_id": entity, "suhu": value, "timestamp": at},
    st.text("Gg1 .\u00a0\t\u200b", max_size=66), st.floats(-91, 201), st.floats(-1, RECEIVED + 62),
)  # fmt: skip
messages = st.one_of(
    plain.map(as_json), st.none(), st.binary(max_size=200), readings.map(as_json), anything.map(as_json), damaged()
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(messages, min_size=60, max_size=120))
def test_every_message_is_a_reading_or_a_refusal(
    spark: SparkSession, warehouse: Rules, batch: list[bytes | None]
) -> None:
    rows = decode(kafka_rows(spark, [("suhu", message) for message in batch]), warehouse).collect()
    assert [row.offset for row in rows] == list(range(len(batch)))
    for row in rows:
        if row.refusal_code is not None:
            assert row.refusal_message
            continue
        assert -90 <= row.value <= 200, row
        assert not math.isnan(row.value)
        assert 0 <= row.event_time <= RECEIVED + MAX_AHEAD_SECONDS, row
        assert 1 <= len(row.entity_id) <= MAX_NAME_LENGTH, row
        assert row.entity_id.isprintable(), row


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(messages, min_size=60, max_size=120))
def test_a_reading_at_first_sight_is_one_when_looked_at(
    spark: SparkSession, warehouse: Rules, batch: list[bytes | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Java lets pass by its short look, all checks let pass; both ways say the same of each message."""
    rows = kafka_rows(spark, [("suhu", message) for message in batch])
    quick = decode(rows, warehouse).collect()
    with monkeypatch.context() as patch:
        patch.setattr("spark_monitor.detection.decode._is_plain", lambda: F.lit(False))
        assert quick == decode(rows, warehouse).collect()


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(messages, min_size=60, max_size=120))
def test_what_is_said_of_it_can_be_sent(spark: SparkSession, warehouse: Rules, batch: list[bytes | None]) -> None:
    for row in alerts_and_refusals(kafka_rows(spark, [("suhu", message) for message in batch]), warehouse).collect():
        if row.headers is None:
            assert json.loads(row.value)["value"] > 80
            assert bytes(row.value).decode().isprintable()
        else:
            assert {header.key.rsplit(".", 1)[1] for header in row.headers} == {
                "topic", "partition", "offset", "stage", "name", "message"
            }  # fmt: skip
            assert all(header.value for header in row.headers)
