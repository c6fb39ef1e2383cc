"""What of a compressed batch is handed to Kafka's client, byte by byte, through the monitor's own Java."""

from typing import Any, NamedTuple

import pytest
from pyspark.sql import SparkSession
from tests.spark.kafka_rows import TOPICS, kafka_rows

from rules.model import Rules
from spark_monitor.detection.decode import MAX_BATCH_MIB, MAX_MESSAGE_BYTES, MAX_NESTED, MAX_VALUES, decode

CUT = MAX_MESSAGE_BYTES + 1


class Record(NamedTuple):
    """A record of a batch, without its headers."""

    offset_delta: int
    key: bytes | None
    value: bytes | None
    timestamp_delta: int = 0


def varint(number: int) -> bytes:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    found = b""
    while rest > 0x7F:
        found += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return found + bytes([rest])


def sized(content: bytes | None, claim: int | None = None) -> bytes:
    """Return bytes behind their length, or behind another one that they claim."""
    length = varint(-1 if content is None else len(content) if claim is None else claim)
    return length + (content or b"")


def packed(record: Record, headers: bytes = b"\0", claim: int | None = None) -> bytes:
    body = (
        b"\0" + varint(record.timestamp_delta) + varint(record.offset_delta)
        + sized(record.key) + sized(record.value) + headers
    )  # fmt: skip
    return sized(body, claim)


def unpacked(data: bytes) -> list[Record]:
    """Read records as Kafka's client does: each as long as it claims, with nothing left."""
    found, at = [], 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def content() -> bytes | None:
        nonlocal at
        length = number()
        if length < 0:
            return None
        at += length
        return data[at - length : at]

    while at < len(data):
        end = number() + at
        assert data[at] == 0
        at += 1
        timestamp, offset = number(), number()
        found.append(Record(offset, content(), content(), timestamp))
        assert number() == 0, "headers"
        assert at == end, "a record is not as long as it claims"
    return found


def bounded(spark: SparkSession, records: int, stream: bytes) -> list[Record]:
    java: Any = spark._jvm  # noqa: SLF001
    source = java.java.io.ByteArrayInputStream(bytearray(stream))
    return unpacked(bytes(java.monitor.BoundedRecords(records, source).readAllBytes()))


def test_ordinary_records_stay_as_they_are(spark: SparkSession) -> None:
    records = [
        Record(0, b"G1", b'{"gudang_id":"G1"}', 5),
        Record(1, None, None, -3),
        Record(2, b"", b"", 2**40),
        Record(70_000, b"k" * MAX_MESSAGE_BYTES, b"v" * MAX_MESSAGE_BYTES),
    ]
    assert bounded(spark, 4, b"".join(map(packed, records))) == records


def test_a_large_key_or_value_is_cut_and_the_next_record_is_whole(spark: SparkSession) -> None:
    after = Record(2, b"G1", b"whole")
    stream = packed(Record(0, b"k" * 3_000_000, b"v")) + packed(Record(1, b"k", b"v" * 3_000_000)) + packed(after)
    assert bounded(spark, 3, stream) == [Record(0, b"k" * CUT, b"v"), Record(1, b"k", b"v" * CUT), after]


def test_headers_are_left_out(spark: SparkSession) -> None:
    headers = varint(2) + sized(b"name") + sized(b"h" * 2_000_000) + sized(b"other") + sized(None)
    assert bounded(spark, 2, packed(Record(0, b"a", b"b"), headers) + packed(Record(1, b"c", b"d"))) == [
        Record(0, b"a", b"b"), Record(1, b"c", b"d")
    ]  # fmt: skip


@pytest.mark.parametrize("claim", [2**31 - 1, 0, -1, -(2**31)])
def test_a_record_that_lies_about_its_length_is_read_by_its_fields(spark: SparkSession, claim: int) -> None:
    stream = packed(Record(0, b"a", b"b"), claim=claim) + packed(Record(1, b"c", b"d"))
    assert bounded(spark, 2, stream) == [Record(0, b"a", b"b"), Record(1, b"c", b"d")]


def test_what_is_behind_the_allowance_is_one_record_that_says_how_many(spark: SparkSession) -> None:
    first, bomb = Record(0, b"a", b"b"), Record(1, b"bomb", b"v" * (MAX_BATCH_MIB + 1) * 1024 * 1024)
    stream = packed(first) + packed(bomb) + packed(Record(2, b"c", b"d")) * 5
    found = bounded(spark, 7, stream)
    assert found[0] == first
    assert found[1][:2] == (1, b"bomb")
    # The client has passed the batch's first offset when it reads these.
    assert found[2:] == [Record(0, None, None)] * 5
    value = found[1].value
    assert value is not None
    java: Any = spark._jvm  # noqa: SLF001
    assert java.monitor.BoundedRecords.MOST_BATCH_BYTES == MAX_BATCH_MIB * 1024 * 1024


def test_what_stands_for_unread_records_is_refused_with_their_number(spark: SparkSession, warehouse: Rules) -> None:
    bomb = packed(Record(0, b"bomb", b"v" * (MAX_BATCH_MIB + 1) * 1024 * 1024))
    ((_, _, value, _), *_) = bounded(spark, 9, bomb)
    row = decode(kafka_rows(spark, [("suhu", value)]), warehouse).first()
    assert row is not None
    assert row.topic == TOPICS["suhu"]
    assert row.refusal_code == "BatchTooLarge"
    assert "32 MiB setelah dibuka, 9 pesan terakhirnya tidak dibaca" in row.refusal_message


def test_a_value_that_was_cut_is_refused_as_too_large(spark: SparkSession, warehouse: Rules) -> None:
    ((_, _, value, _),) = bounded(spark, 1, packed(Record(0, b"G1", b"v" * 3_000_000)))
    row = decode(kafka_rows(spark, [("suhu", value)]), warehouse).first()
    assert row is not None
    assert row.refusal_code == "MessageTooLarge"
    assert row.refusal_message == "pesan paling besar 65536 byte, diterima 65537 atau lebih"


def test_the_bounds_are_those_that_are_told(spark: SparkSession) -> None:
    java: Any = spark._jvm  # noqa: SLF001
    fields = java.monitor.Fields
    assert (fields.MOST_BYTES, fields.MOST_NESTED, fields.MOST_VALUES) == (MAX_MESSAGE_BYTES, MAX_NESTED, MAX_VALUES)


def test_every_codec_of_the_client_is_bounded(spark: SparkSession) -> None:
    """Our class stands before the client's own on the class path."""
    java: Any = spark._jvm  # noqa: SLF001
    types = java.org.apache.kafka.common.record.CompressionType
    for name in ("GZIP", "SNAPPY", "LZ4", "ZSTD"):
        codec = java.org.apache.kafka.common.compress.Compression.of(getattr(types, name)).build()
        assert codec.getClass().getName() == "org.apache.kafka.common.compress.Compression$Bounded", name
        assert codec.type().toString() == name.lower()
