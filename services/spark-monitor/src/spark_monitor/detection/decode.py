"""Kafka messages -> readings or refusals. Nothing raises: what can't be used carries the reason why.

The message is read by our own Java (jvm/monitor/Fields.java): it must be one JSON object and nothing else, and of it
only the fields of a reading are looked at. `"84"` (a string) stays apart from `84` (a number), absent from null.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from messages.records import LAST_MOMENT
from rules.model import KAFKA_TIME, Rules, Stream

MAX_MESSAGE_BYTES = 64 * 1024
"""Fields.java reads no more; a test compares the two."""

MAX_NESTED = 100
MAX_VALUES = 1000
MAX_BATCH_MIB = 32
"""What BoundedRecords unpacks of a compressed batch."""

MAX_NAME_LENGTH = 64
MAX_AHEAD_SECONDS = 2
"""By Kafka's clock. A reading from further in the future would win every comparison by event time until then."""

FIRST_MOMENT = 946_684_800
"""The year 2000: a sensor that says less has lost its clock."""

FIELDS = "reading_fields"
"""Fields.java, as a function of Spark's."""

SENSOR_FIELD = "sensor_id"

ERROR_CODE = "SensorFault"
"""The code of a refusal of what is a sensor's word, but no measurement; then the reading's columns may be used."""


Check = tuple[Column, str, Column]
"""Whether something is wrong, its code, and the words, which operators read."""

Checks = tuple[list[Check], list[Check]]


def decode(messages: DataFrame, rules: Rules) -> DataFrame:
    """Turn rows of Spark's Kafka source into readings.

    Takes `key, value, topic, partition, offset, timestamp`. Returns one row for each row:

    - `topic, partition, offset` as they were; `origin` is `topic-partition-offset`;
    - `refused_key, refused_value` of a refused message, null of a reading: copying 64 kB costs more than reading them;
    - `received_at`: Kafka's timestamp, epoch seconds (the broker's clock, as the topics use LogAppendTime);
    - `stream, entity_id, sensor_id, value`: the reading, `value` in the stream's unit;
    - `sensor_time`: what the sensor's own clock said, null where the message has no time;
    - `event_time`: that, or `received_at` where it is missing or cannot be right; `time_source` is `sensor` or `kafka`;
    - `refusal_code, refusal_message`: why it can't be used, null of a reading; then the reading's columns must not be
      used, but for ERROR_CODE. Two columns, as most queries ask for the code alone, and the words are half of the plan.
    """
    fields = _register_fields(messages.sparkSession, rules)
    found = messages.select(
        "topic",
        "partition",
        "offset",
        "key",
        "value",
        F.concat_ws("-", "topic", "partition", "offset").alias("origin"),
        F.col("timestamp").cast("double").alias("received_at"),
        F.call_function(fields, "topic", "value").alias("found"),
    )
    checks = _checks(rules)
    refusal_code = _unless_plain(checks, lambda _, code: F.lit(code))
    is_refused = refusal_code.isNotNull()
    return found.select(
        "topic",
        "partition",
        "offset",
        F.when(is_refused, F.col("key")).alias("refused_key"),
        F.when(is_refused, F.col("value")).alias("refused_value"),
        "origin",
        "received_at",
        F.col("found.stream").alias("stream"),
        F.col("found.entity_string").alias("entity_id"),
        F.col("found.sensor_string").substr(1, MAX_NAME_LENGTH).alias("sensor_id"),
        F.col("found.value_number").alias("value"),
        _sensor_time().alias("sensor_time"),
        F.when(_is_time(), F.col("found.time_number")).otherwise(F.col("received_at")).alias("event_time"),
        F.when(_is_time(), "sensor").otherwise("kafka").alias("time_source"),
        refusal_code.alias("refusal_code"),
        _unless_plain(checks, lambda message, _: message).alias("refusal_message"),
    )


def accepted(readings: DataFrame) -> DataFrame:
    """Keep the readings that can be used."""
    return readings.where(F.col("refusal_code").isNull())


def is_error_code() -> Column:
    """Say of a row of `decode` whether it is a sensor's error code: refused, but the reading's columns may be used."""
    return F.coalesce(F.col("refusal_code") == ERROR_CODE, F.lit(False))


def _register_fields(spark: SparkSession, rules: Rules) -> str:
    """Let the session call Fields.java with what the rules say of the topics' messages; return the function's name.

    Other rules have another name: two queries of a session, which start at once, must not get each other's.
    """
    streams = [
        [
            name,
            stream.topic,
            stream.entity_field,
            stream.value_field,
            None if stream.event_time == KAFKA_TIME else stream.event_time,
            SENSOR_FIELD,
            *map(float, stream.plausible),
            stream.value_type == "integer",
            list(map(float, stream.fault_values)),
        ]
        for name, stream in rules.streams.items()
    ]
    java: Any = spark._jvm  # noqa: SLF001 - the only way to Java
    name = f"{FIELDS}_{sha256(json.dumps(streams).encode()).hexdigest()[:16]}"
    java.monitor.Fields.register(spark._jsparkSession, name, streams)  # noqa: SLF001
    return name


def _is_plain() -> Column:
    """Say of a message that it is a reading at first sight: most are, and looking for what is wrong costs more."""
    return F.col("found.is_plain")


def _unless_plain(checks: Checks, of: Callable[[Column, str], Column]) -> Column:
    """Return what `of(message, code)` gives for the first of the checks that is so, null where none is."""
    unreadable, unusable = (
        F.coalesce(*(F.when(condition, of(message, code)) for condition, code, message in some)) for some in checks
    )
    return F.when(_is_plain(), None).otherwise(
        F.when(F.col("found.problem").isNotNull(), unreadable).otherwise(unusable)
    )


def _sensor_time() -> Column:
    """Return what the sensor's clock said, but no number that no clock shows."""
    time, bound = F.col("found.time_number"), float(LAST_MOMENT)
    return F.when(time.isNotNull(), F.greatest(F.lit(-bound), F.least(F.lit(bound), time)))


def _is_time() -> Column:
    """Say whether the sensor's own time can be right by itself; incidents/clock.py looks at several together."""
    time = F.col("found.time_number")
    return F.coalesce((time >= FIRST_MOMENT) & (time - F.col("received_at") <= MAX_AHEAD_SECONDS), F.lit(False))


def _checks(rules: Rules) -> Checks:
    """Return what may be wrong with a message that is no reading, and with a reading, in the order of the checks."""
    return _unreadable(), _unusable(rules)


def _unreadable() -> list[Check]:
    """Return what Fields.java may say instead of a reading: whether it does, the code, and the words."""
    detail = F.col("found.detail")

    def told(problem: str) -> Column:
        return F.col("found.problem") == problem

    return [
        (told("UNKNOWN_TOPIC"), "UnknownTopic", F.lit("topik tidak ada dalam aturan")),
        (told("NULL"), "NullValue", F.lit("pesan tanpa isi (null)")),
        (
            told("TOO_LARGE"),
            "MessageTooLarge",
            F.concat(
                F.lit(f"pesan paling besar {MAX_MESSAGE_BYTES} byte, diterima "),
                detail,
                # BoundedRecords cuts here what was compressed.
                F.when(detail == str(MAX_MESSAGE_BYTES + 1), F.lit(" atau lebih")).otherwise(F.lit("")),
            ),
        ),
        (
            told("UNREAD"),
            "BatchTooLarge",
            F.concat(
                F.lit(f"kumpulan pesan terkompresi paling besar {MAX_BATCH_MIB} MiB setelah dibuka, "),
                detail,
                F.lit(" pesan terakhirnya tidak dibaca"),
            ),
        ),
        (told("NOT_UTF8"), "InvalidUtf8", F.lit("pesan bukan UTF-8")),
        (told("EMPTY"), "EmptyValue", F.lit("pesan kosong")),
        (told("NOT_JSON"), "InvalidJson", F.concat(F.lit("pesan bukan JSON: "), detail)),
        (told("NOT_AN_OBJECT"), "NotAnObject", F.concat(F.lit("diharapkan objek JSON, diterima "), detail)),
        (told("TOO_DEEP"), "TooDeep", F.lit(f"pesan bersarang paling banyak {MAX_NESTED} tingkat")),
        (told("TOO_MANY_VALUES"), "TooManyValues", F.lit(f"pesan berisi paling banyak {MAX_VALUES} nilai")),
        (told("TWICE"), "InvalidJson", F.concat(detail, F.lit(": ada dua kali dalam pesan"))),
        (told("AMBIGUOUS"), "AmbiguousReading", F.lit("pesan membawa nilai lebih dari satu jenis")),
    ]


def _unusable(rules: Rules) -> list[Check]:
    """Return what may be wrong with a reading."""
    minimum = _by_stream(rules, lambda stream: F.lit(stream.plausible[0]))
    maximum = _by_stream(rules, lambda stream: F.lit(stream.plausible[1]))
    is_integer = _by_stream(rules, lambda stream: F.lit(stream.value_type == "integer"))
    unit = _by_stream(rules, lambda stream: F.lit(stream.unit))
    value_field = _by_stream(rules, lambda stream: F.lit(stream.value_field))
    entity_field = _by_stream(rules, lambda stream: F.lit(stream.entity_field))
    time_field = _by_stream(rules, lambda stream: F.lit(stream.event_time))
    entity = F.col("found.entity_string")
    value = F.col("found.value_number")

    return [
        (
            entity.isNull()
            | entity.rlike(r"^\s*$")
            | (F.length(entity) > MAX_NAME_LENGTH)
            # A line break in a name could forge a line of the operator's log; other spaces than the usual one look
            # like it or like nothing.
            | entity.rlike(r"[\p{C}[\p{Z}&&[^ ]]]"),
            "InvalidEntity",
            F.concat(
                entity_field,
                F.lit(f": diharapkan teks 1 sampai {MAX_NAME_LENGTH} karakter, diterima "),
                _shown("entity"),
            ),
        ),
        (
            ~_is_number("value"),
            "InvalidValue",
            F.concat(value_field, F.lit(": diharapkan angka, diterima "), _shown("value")),
        ),
        (
            _is_error_code(rules),
            ERROR_CODE,
            F.concat(value_field, F.lit(": "), _shown("value"), F.lit(" adalah kode galat sensor")),
        ),
        (
            is_integer & (value != F.floor(value)),
            "InvalidValue",
            F.concat(value_field, F.lit(": diharapkan bilangan bulat, diterima "), _shown("value")),
        ),
        (
            ~value.between(minimum, maximum),
            "ImplausibleValue",
            F.concat(
                value_field,
                F.lit(": diharapkan "),
                minimum.cast("string"),
                F.lit(" sampai "),
                maximum.cast("string"),
                F.lit(" "),
                unit,
                F.lit(", diterima "),
                _shown("value"),
            ),
        ),
        (
            ~_absent("time") & ~_is_number("time"),
            "InvalidTimestamp",
            F.concat(time_field, F.lit(": diharapkan detik sejak 1970 (epoch), diterima "), _shown("time")),
        ),
    ]


def _is_error_code(rules: Rules) -> Column:
    codes = {name: stream.fault_values for name, stream in rules.streams.items() if stream.fault_values}
    value = F.col("found.value_number")
    return F.coalesce(
        *(F.when(F.col("found.stream") == name, value.isin(*map(float, each))) for name, each in codes.items()),
        F.lit(False),
    )


def _by_stream(rules: Rules, of: Callable[[Stream], Column]) -> Column:
    """Return what `of(stream)` gives for the message's stream."""
    return F.coalesce(*(F.when(F.col("found.stream") == name, of(stream)) for name, stream in rules.streams.items()))


def _absent(name: str) -> Column:
    raw = F.col(f"found.{name}_raw")
    return raw.isNull() | (raw == "null")


def _is_number(name: str) -> Column:
    return F.col(f"found.{name}_number").isNotNull()


def _shown(name: str) -> Column:
    return F.coalesce(F.col(f"found.{name}_raw"), F.lit("tidak ada"))
