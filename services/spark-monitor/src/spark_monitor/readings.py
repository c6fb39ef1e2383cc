"""Kafka messages -> readings or refusals. Nothing raises: what can't be used carries the reason why.

The message is parsed as Spark's VARIANT, not with a schema: that keeps `"84"` (a string) apart from `84` (a number) and
absent apart from null, which `from_json` mixes up, and it has no NaN or Infinity.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_monitor.rules import KAFKA_TIME, Rules, Stream

MAX_MESSAGE_BYTES = 64 * 1024
"""A reading has about 100 bytes. A far larger message is a mistake, and parsing it would hold up the others."""

MAX_NAME_LENGTH = 64
MAX_AHEAD_SECONDS = 60
"""A reading from further in the future would win every comparison by event time until then."""

NUMBERS = r"^(BIGINT|INT|SMALLINT|TINYINT|DOUBLE|FLOAT|DECIMAL.*)$"


def decode(messages: DataFrame, rules: Rules) -> DataFrame:
    """Turn rows of Spark's Kafka source into readings.

    Takes `key, value, topic, partition, offset, timestamp`. Returns one row for each row:

    - `topic, partition, offset, key, value` as they were; `origin` is `topic-partition-offset`;
    - `received`: Kafka's timestamp, epoch seconds (the broker's clock, as the topics use LogAppendTime);
    - `stream, entity_id, sensor_id, amount, event_time`: the reading, `amount` in the stream's unit;
    - `refusal`: null, or `struct<code, message>`; then the reading's columns must not be used.
    """
    text = F.col("value").cast("string")
    raw = messages.select(
        "topic",
        "partition",
        "offset",
        "key",
        "value",
        F.concat_ws("-", "topic", "partition", "offset").alias("origin"),
        F.col("timestamp").cast("double").alias("received"),
        # In brackets, because Spark's parser stops after the first value: of two in one message it would lose one.
        F.when(F.length("value") <= MAX_MESSAGE_BYTES, F.try_parse_json(F.concat(F.lit("["), text, F.lit("]")))).alias(
            "values"
        ),
    ).withColumn(
        "document",
        F.when(F.try_variant_get("values", "$[1]", "variant").isNull(), F.try_variant_get("values", "$[0]", "variant")),
    )
    fields = raw.withColumn("stream", _stream(rules)).select(
        "*",
        *_field("entity", rules, lambda stream: stream.entity_field),
        *_field("amount", rules, lambda stream: stream.value_field),
        *_field("timestamp", rules, lambda stream: stream.event_time),
        *_field("sensor", rules, lambda _: "sensor_id"),
    )
    typed = fields.select(
        "*",
        F.try_variant_get("entity_raw", "$", "string").alias("entity_id"),
        F.when(F.col("sensor_type") == "STRING", F.try_variant_get("sensor_raw", "$", "string"))
        .substr(1, MAX_NAME_LENGTH)
        .alias("sensor_id"),
        F.try_variant_get("amount_raw", "$", "double").alias("amount"),
        # Other people's producers may leave the time out: then it is when Kafka got the reading.
        F.when(_absent("timestamp"), F.col("received"))
        .otherwise(F.try_variant_get("timestamp_raw", "$", "double"))
        .alias("event_time"),
    )
    return typed.select(
        "topic", "partition", "offset", "key", "value", "origin", "received",
        "stream", "entity_id", "sensor_id", "amount", "event_time",
        _refusal(rules).alias("refusal"),
    )  # fmt: skip


def accepted(readings: DataFrame) -> DataFrame:
    """Keep the readings that can be used."""
    return readings.where(F.col("refusal").isNull())


def _refusal(rules: Rules) -> Column:
    """Return the first thing that is wrong as struct<code, message>, or null. Messages are read by operators."""
    value = F.col("value")
    text = value.cast("string")
    minimum = _by_stream(rules, lambda stream: F.lit(stream.plausible[0]))
    maximum = _by_stream(rules, lambda stream: F.lit(stream.plausible[1]))
    is_integer = _by_stream(rules, lambda stream: F.lit(stream.value_type == "integer"))
    unit = _by_stream(rules, lambda stream: F.lit(stream.unit))
    value_field = _by_stream(rules, lambda stream: F.lit(stream.value_field))
    entity_field = _by_stream(rules, lambda stream: F.lit(stream.entity_field))
    time_field = _by_stream(rules, lambda stream: F.lit(stream.event_time))
    entity = F.col("entity_id")
    amount = F.col("amount")
    ahead = F.col("event_time") - F.col("received")

    checks: list[tuple[Column, str, Column]] = [
        (value.isNull(), "NullValue", F.lit("pesan tanpa isi (null)")),
        (
            F.length(value) > MAX_MESSAGE_BYTES,
            "MessageTooLarge",
            F.concat(F.lit(f"pesan paling besar {MAX_MESSAGE_BYTES} byte, diterima "), F.length(value).cast("string")),
        ),
        (~F.is_valid_utf8(text), "InvalidUtf8", F.lit("pesan bukan UTF-8")),
        (text.rlike(r"^\s*$"), "EmptyValue", F.lit("pesan kosong")),
        (
            F.col("document").isNull(),
            "InvalidJson",
            F.concat(F.lit("pesan bukan JSON: "), F.substring(text, 1, 100)),
        ),
        (
            ~F.schema_of_variant("document").startswith("OBJECT"),
            "NotAnObject",
            F.concat(F.lit("diharapkan objek JSON, diterima "), F.substring(text, 1, 100)),
        ),
        (
            F.coalesce(F.col("entity_type") != "STRING", F.lit(True))
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
        (_is_ambiguous(rules), "AmbiguousReading", F.lit("pesan membawa nilai lebih dari satu jenis")),
        (
            ~_is_number("amount"),
            "InvalidValue",
            F.concat(value_field, F.lit(": diharapkan angka, diterima "), _shown("amount")),
        ),
        (
            is_integer & (amount != F.floor(amount)),
            "InvalidValue",
            F.concat(value_field, F.lit(": diharapkan bilangan bulat, diterima "), _shown("amount")),
        ),
        (
            ~amount.between(minimum, maximum),
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
                _shown("amount"),
            ),
        ),
        (
            ~_absent("timestamp") & (~_is_number("timestamp") | (F.col("event_time") < 0)),
            "InvalidTimestamp",
            F.concat(time_field, F.lit(": diharapkan detik sejak 1970 (epoch), diterima "), _shown("timestamp")),
        ),
        (
            ahead > MAX_AHEAD_SECONDS,
            "FutureTimestamp",
            F.concat(
                time_field,
                F.lit(f": paling jauh {MAX_AHEAD_SECONDS} detik di depan jam Kafka, diterima "),
                _shown("timestamp"),
            ),
        ),
    ]
    found = [
        F.when(condition, F.struct(F.lit(code).alias("code"), message.alias("message")))
        for condition, code, message in checks
    ]
    return F.coalesce(*found)


def _by_topic(rules: Rules) -> dict[str, list[str]]:
    """Return the names of the streams on each topic."""
    names: dict[str, list[str]] = {}
    for name, stream in rules.streams.items():
        names.setdefault(stream.topic, []).append(name)
    return names


def _has_value_of(stream: Stream) -> Column:
    return F.try_variant_get("document", f"$.{stream.value_field}", "variant").isNotNull()


def _stream(rules: Rules) -> Column:
    """Return the name of the message's stream: the topic's, or of several the first whose value is in the message."""
    choices = []
    for topic, names in _by_topic(rules).items():
        is_there = F.col("topic") == topic
        choices += [F.when(is_there & _has_value_of(rules.streams[name]), F.lit(name)) for name in names[:-1]]
        choices.append(F.when(is_there, F.lit(names[-1])))
    return F.coalesce(*choices)


def _is_ambiguous(rules: Rules) -> Column:
    """Say whether a message has the values of several streams, of which all but one would be lost."""
    found = F.lit(False)
    for topic, names in _by_topic(rules).items():
        if len(names) > 1:
            values = reduce(add, (_has_value_of(rules.streams[name]).cast("int") for name in names))
            found |= (F.col("topic") == topic) & (values > 1)
    return found


def _by_stream(rules: Rules, of: Callable[[Stream], Column]) -> Column:
    """Return what `of(stream)` gives for the message's stream."""
    return F.coalesce(*(F.when(F.col("stream") == name, of(stream)) for name, stream in rules.streams.items()))


def _field(name: str, rules: Rules, json_field: Callable[[Stream], str]) -> tuple[Column, Column]:
    """Return a field of the JSON as `<name>_raw` (VARIANT) and `<name>_type` (null when absent, VOID for null)."""

    def of(stream: Stream) -> Column:
        field = json_field(stream)
        if field == KAFKA_TIME and field == stream.event_time:
            return F.lit(None).cast("variant")
        return F.try_variant_get("document", f"$.{field}", "variant")

    raw = _by_stream(rules, of)
    return raw.alias(f"{name}_raw"), F.schema_of_variant(raw).alias(f"{name}_type")


def _absent(name: str) -> Column:
    return F.coalesce(F.col(f"{name}_type") == "VOID", F.lit(True))


def _is_number(name: str) -> Column:
    return F.coalesce(F.col(f"{name}_type").rlike(NUMBERS), F.lit(False))


def _shown(name: str) -> Column:
    return F.coalesce(F.substring(F.to_json(F.col(f"{name}_raw")), 1, 100), F.lit("tidak ada"))
