"""The form of what the monitor writes to Kafka: rows of `topic, key, value, headers`."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from messages import schemas


def message(topic: str, key: Column, value: Column, headers: Column | None = None) -> Column:
    """Return one message as a struct; `key` and `value` may be text or bytes."""
    if headers is None:
        headers = F.lit(None).cast("array<struct<key: string, value: binary>>")
    return F.struct(
        F.lit(topic).alias("topic"),
        key.cast("binary").alias("key"),
        value.cast("binary").alias("value"),
        headers.alias("headers"),
    )


def json_of(*columns: Column) -> Column:
    """Return the columns as one JSON object with the version of its shape; what is null stays visible as null."""
    return F.to_json(F.struct(*columns, F.lit(schemas.VERSION).alias("schema_version")), {"ignoreNullFields": "false"})
