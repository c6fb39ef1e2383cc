"""Rows as Spark's Kafka source gives them."""

import datetime as dt
import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from messages.topics import KELEMBABAN, SUHU

RECEIVED = 1795321758.5
SCHEMA = "key binary, value binary, topic string, partition int, offset long, timestamp timestamp"

TOPICS = {"suhu": SUHU, "kelembaban": KELEMBABAN}


def as_bytes(message: Any) -> bytes | None:
    """Bytes and None as they are, anything else as JSON."""
    return message if message is None or isinstance(message, bytes) else json.dumps(message).encode()


def kafka_rows(spark: SparkSession, messages: list[tuple[str, Any]], received: float = RECEIVED) -> DataFrame:
    """One row for each (stream, message), offsets counted from 0."""
    at = dt.datetime.fromtimestamp(received, tz=dt.UTC)
    rows = [
        (b"key", as_bytes(message), TOPICS[stream], 0, offset, at) for offset, (stream, message) in enumerate(messages)
    ]
    return spark.createDataFrame(rows, SCHEMA)
