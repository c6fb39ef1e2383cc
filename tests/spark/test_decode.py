"""Which messages are readings, and what is reported of those that are not."""

import json
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from tests.spark.kafka_rows import RECEIVED, kafka_rows

from messages.records import LAST_MOMENT
from messages.topics import CANARY
from rules import canary
from rules.model import Rules
from spark_monitor.detection.decode import MAX_MESSAGE_BYTES, _register_fields, decode

GOOD = {"gudang_id": "G1", "suhu": 84.31, "timestamp": RECEIVED - 1.25}


def changed(**fields: Any) -> dict[str, Any]:
    """Return a good reading with some fields changed; `...` takes a field away."""
    return {name: value for name, value in (GOOD | fields).items() if value is not ...}


def test_a_reading_keeps_its_values_exactly(spark: SparkSession, warehouse: Rules) -> None:
    reading = decode(kafka_rows(spark, [("suhu", GOOD | {"sensor_id": "S-1"})]), warehouse).first()
    assert reading is not None
    assert reading.refusal_code is None
    assert (reading.stream, reading.entity_id, reading.sensor_id) == ("suhu", "G1", "S-1")
    assert (reading.value, reading.event_time, reading.received_at) == (84.31, RECEIVED - 1.25, RECEIVED)
    assert reading.origin == "sensor-suhu-gudang-0-0"


def nested(depth: int, field: str = "x") -> bytes:
    """Return a reading with a field of so many objects, each in the one before."""
    rest = {name: value for name, value in {"gudang_id": "G1", "suhu": 84}.items() if name != field}
    return json.dumps(rest | {field: "?"}).encode().replace(b'"?"', b'{"a":' * depth + b"1" + b"}" * depth)


ACCEPTED: dict[str, Any] = {
    "three fields": changed(),
    "unknown fields and an odd sensor": changed(extra={"a": [1]}, sensor_id=5),
    "integer": changed(suhu=85),
    "exponent": b'{"gudang_id":"G1","suhu":8.5e1,"timestamp":1.7e9}',
    "lowest plausible": changed(suhu=-90),
    "highest plausible": changed(suhu=200.0),
    "a name with blanks": changed(gudang_id="Gudang Utara é"),
    "longest name": changed(gudang_id="x" * 64),
    "blanks around it": b' \n{"gudang_id":"G1","suhu":84}\r\n\t ',
    "99 nested objects": nested(99),
    "999 values of nobody's": changed(extra=list(range(999))),
    "a field of another stream twice": b'{"gudang_id":"G1","suhu":84,"x":1,"x":2}',
}


@pytest.fixture(scope="module")
def decoded(spark: SparkSession, warehouse: Rules) -> dict[str, Row]:
    """All messages of the tables in one frame: decoding is compiled once."""
    cases = ACCEPTED | {name: message for name, message, _, _ in BAD} | BEYOND_DOUBLES
    rows = decode(kafka_rows(spark, [("suhu", message) for message in cases.values()]), warehouse)
    return dict(zip(cases, rows.orderBy("offset").collect(), strict=True))


@pytest.mark.parametrize("name", ACCEPTED)
def test_is_accepted(decoded: dict[str, Row], name: str) -> None:
    assert decoded[name].refusal_code is None
    assert decoded[name].entity_id is not None
    assert decoded[name].value is not None


@pytest.mark.parametrize("message", [changed(timestamp=...), changed(timestamp=None)])
def test_without_a_timestamp_kafkas_is_used(spark: SparkSession, warehouse: Rules, message: Any) -> None:
    reading = decode(kafka_rows(spark, [("suhu", message)]), warehouse).first()
    assert reading is not None
    assert (reading.refusal_code, reading.event_time, reading.sensor_time) == (None, RECEIVED, None)
    assert reading.time_source == "kafka"


CLOCKS = {
    "right": (RECEIVED - 1.25, "sensor"),
    "two seconds ahead": (RECEIVED + 2, "sensor"),
    "further ahead": (RECEIVED + 2.1, "kafka"),
    "the year 2000": (946_684_800, "sensor"),
    "the year 1999": (946_684_799, "kafka"),
    "1970": (0, "kafka"),
    "before 1970": (-1, "kafka"),
    "milliseconds": (1795321758500, "kafka"),
    "the year 9999": (253402300000, "kafka"),
    "no number that there is": (float("inf"), "kafka"),
}


def test_a_time_that_cannot_be_right_is_kafkas(spark: SparkSession, warehouse: Rules) -> None:
    """The alarm itself is never dropped because of it."""
    times = [b"1e999" if time == float("inf") else json.dumps(time).encode() for time, _ in CLOCKS.values()]
    messages = [("suhu", b'{"gudang_id":"G1","suhu":84,"timestamp":%b}' % time) for time in times]
    found = decode(kafka_rows(spark, messages), warehouse).orderBy("offset").collect()
    for row, (name, (time, source)) in zip(found, CLOCKS.items(), strict=True):
        assert row.refusal_code is None, name
        assert (row.time_source, row.event_time) == (source, time if source == "sensor" else row.received_at), name
        assert row.sensor_time == max(-LAST_MOMENT, min(time, LAST_MOMENT)), name


def test_times_do_not_pass_through_a_32_bit_float(spark: SparkSession, warehouse: Rules) -> None:
    readings = decode(
        kafka_rows(spark, [("suhu", changed(timestamp=RECEIVED - 1)), ("suhu", changed(timestamp=RECEIVED - 0.999))]),
        warehouse,
    ).collect()
    assert readings[1].event_time - readings[0].event_time == pytest.approx(0.001, abs=1e-6)


BAD: list[tuple[str, Any, str, str]] = [
    ("null value", None, "NullValue", "null"),
    ("empty", b"", "EmptyValue", "kosong"),
    ("blank", b" \n", "EmptyValue", "kosong"),
    ("not JSON", b"suhu=84", "InvalidJson", "suhu=84"),
    ("half JSON", b'{"gudang_id":"G1","suhu":8', "InvalidJson", "bukan JSON"),
    ("JSON and more", b'{"gudang_id":"G1","suhu":84}}', "InvalidJson", "bukan JSON"),
    ("two readings", b'{"gudang_id":"G1","suhu":84}{"gudang_id":"G1","suhu":85}', "InvalidJson", "bukan JSON"),
    ("a list without brackets", b'{"gudang_id":"G1","suhu":84},{"gudang_id":"G1","suhu":85}', "InvalidJson", "JSON"),
    (
        "a second reading behind brackets",
        b'{"gudang_id":"G1","suhu":84}],[{"gudang_id":"G1","suhu":85}',
        "InvalidJson",
        "],[",
    ),
    ("text behind a reading", b'{"gudang_id":"G1","suhu":84} G2', "InvalidJson", "G2"),
    ("a comma behind a reading", b'{"gudang_id":"G1","suhu":84},', "InvalidJson", "bukan JSON"),
    ("a comment", b'{"gudang_id":"G1",/**/"suhu":84}', "InvalidJson", "bukan JSON"),
    ("UTF-16", '{"gudang_id":"G1","suhu":84}'.encode("utf-16-le"), "InvalidJson", "bukan JSON"),
    ("a value twice", b'{"gudang_id":"G1","suhu":84,"suhu":20}', "InvalidJson", "suhu: ada dua kali"),
    ("a name twice", b'{"gudang_id":"G1","suhu":84,"gudang_id":"G2"}', "InvalidJson", "gudang_id: ada dua kali"),
    ("half a character as name", b'{"gudang_id":"G\\ud800","suhu":84}', "InvalidEntity", "ud800"),
    ("5,000 objects side by side", changed(extra=[{"a": 1}] * 5000), "TooManyValues", "1000 nilai"),
    ("1,001 fields", changed(**{f"x{number}": number for number in range(1001)}), "TooManyValues", "1000 nilai"),
    ("800 nested objects", nested(800), "TooDeep", "100 tingkat"),
    ("800 nested objects as value", nested(800, "suhu"), "TooDeep", "100 tingkat"),
    ("800 nested objects as sensor", nested(800, "sensor_id"), "TooDeep", "100 tingkat"),
    (
        "30,000 nested lists",
        b'{"gudang_id":"G1","suhu":84,"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        "TooDeep",
        "100",
    ),
    ("half of 800 nested objects", nested(800)[:2000], "TooDeep", "100 tingkat"),
    ("invalid UTF-8", b'{"gudang_id":"G\xff1","suhu":84}', "InvalidUtf8", "UTF-8"),
    ("array", [1, 2], "NotAnObject", "[1, 2]"),
    ("string", "suhu", "NotAnObject", "suhu"),
    ("number", 84, "NotAnObject", "84"),
    ("null in JSON", b"null", "NotAnObject", "null"),
    ("no name", changed(gudang_id=...), "InvalidEntity", "tidak ada"),
    ("null name", changed(gudang_id=None), "InvalidEntity", "gudang_id"),
    ("empty name", changed(gudang_id=""), "InvalidEntity", '""'),
    ("blank name", changed(gudang_id="  "), "InvalidEntity", "gudang_id"),
    ("another kind of space as name", changed(gudang_id="\u00a0"), "InvalidEntity", "gudang_id"),
    ("another kind of space in name", changed(gudang_id="G\u20091"), "InvalidEntity", "gudang_id"),
    ("number as name", changed(gudang_id=1), "InvalidEntity", "1"),
    ("object as name", changed(gudang_id={"a": 1}), "InvalidEntity", '{"a": 1}'),
    ("over-long name", changed(gudang_id="x" * 65), "InvalidEntity", "64"),
    ("line break in name", changed(gudang_id="G1\n[Peringatan"), "InvalidEntity", "gudang_id"),
    ("no value", changed(suhu=...), "InvalidValue", "suhu: diharapkan angka, diterima tidak ada"),
    ("null as value", changed(suhu=None), "InvalidValue", "null"),
    ("string as value", changed(suhu="84"), "InvalidValue", '"84"'),
    ("bool as value", changed(suhu=True), "InvalidValue", "true"),
    ("NaN as text", changed(suhu="NaN"), "InvalidValue", "NaN"),
    ("NaN", b'{"gudang_id":"G1","suhu":NaN}', "InvalidJson", "NaN"),
    ("Infinity", b'{"gudang_id":"G1","suhu":Infinity}', "InvalidJson", "Infinity"),
    ("-Infinity", b'{"gudang_id":"G1","suhu":-Infinity}', "InvalidJson", "Infinity"),
    ("too cold", changed(suhu=-90.01), "ImplausibleValue", "-90.0 sampai 200.0 °C, diterima -90.01"),
    ("too hot", changed(suhu=200.5), "ImplausibleValue", "200.5"),
    ("string as time", changed(timestamp="2026-11-22"), "InvalidTimestamp", "2026-11-22"),
    (
        "900 kB",
        b'{"gudang_id":"G1","suhu":99,"x":"' + b"x" * 900_000 + b'"}',
        "MessageTooLarge",
        str(MAX_MESSAGE_BYTES),
    ),
]


BEYOND_DOUBLES = {
    digits: f'{{"gudang_id":"G1","suhu":{digits}}}'.encode() for digits in ("1e999", "-1e999", "1" + "0" * 400, "1e308")
}


@pytest.mark.parametrize(("name", "code", "said"), [pytest.param(bad[0], *bad[2:], id=bad[0]) for bad in BAD])
def test_is_refused_with_its_reason(decoded: dict[str, Row], name: str, code: str, said: str) -> None:
    refused = decoded[name]
    assert refused.refusal_code == code
    assert said in refused.refusal_message


@pytest.mark.parametrize("digits", BEYOND_DOUBLES)
def test_a_number_beyond_doubles_is_refused(decoded: dict[str, Row], digits: str) -> None:
    assert decoded[digits].refusal_code in {"ImplausibleValue", "InvalidJson"}


@pytest.mark.parametrize(("value", "refused"), [(-5, False), (105, False), (-5.01, True), (105.01, True)])
def test_humidity_has_its_own_range(spark: SparkSession, warehouse: Rules, value: float, *, refused: bool) -> None:
    rows = kafka_rows(spark, [("kelembaban", {"gudang_id": "G1", "kelembaban": value, "timestamp": RECEIVED})])
    reading = decode(rows, warehouse).first()
    assert reading is not None
    assert (reading.refusal_code is not None) is refused


HOSTILE = {
    "long numbers": b'{"gudang_id":"G1","suhu":84,"x":[' + b",".join([b"1" * 900] * 60) + b"]}",
    "escapes": b'{"gudang_id":"G1","suhu":84,"x":"' + b"\\u00e9" * 10_000 + b'"}',
}


def test_what_is_beside_a_reading_s_fields_is_passed_over(spark: SparkSession, warehouse: Rules) -> None:
    for row in decode(kafka_rows(spark, [("suhu", message) for message in HOSTILE.values()]), warehouse).collect():
        assert (row.refusal_code, row.entity_id, row.value) == (None, "G1", 84.0)


def test_two_queries_of_a_session_get_each_their_own_rules(spark: SparkSession, warehouse: Rules) -> None:
    """The history knows the canary, the incidents do not; both start at once, and register before either is built."""
    messages = kafka_rows(spark, [("suhu", b'{"gudang_id":"G1","suhu":70}')])
    first = _register_fields(spark, canary.with_canary(warehouse))
    second = _register_fields(spark, warehouse)
    assert first != second
    pulse = canary.pulse_message(1763785000000)
    sent = messages.withColumn("topic", F.lit(CANARY)).withColumn("value", F.lit(bytearray(pulse)))
    problems = [F.call_function(name, "topic", "value")["problem"].alias(name) for name in (first, second)]
    (found,) = sent.select(*problems).collect()
    assert tuple(found) == (None, "UNKNOWN_TOPIC")
