"""The archive: the readings of each finished day in Parquet, `day=2026-11-22/stream=suhu/part-….parquet`.

A day is UTC's, and a reading belongs to the day on which Kafka got it. So a day is finished once it is over, and it is
the same whenever it is written. A folder is whole when Spark has put `_SUCCESS` into it; one without is written again.
"""

from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_monitor.engine.checkpoint_storage import StoragePath
from spark_monitor.engine.micro_batches import session_for

PREFIX = "day="
WHOLE = "_SUCCESS"
SCHEMA = (
    "stream STRING, entity_id STRING, sensor_id STRING, event_time TIMESTAMP, received_at TIMESTAMP, value DOUBLE, "
    "time_source STRING, topic STRING, partition INT, offset BIGINT"
)
MICROSECONDS = 1_000_000
ROW_GROUP_BYTES = 16 * 1024 * 1024
"""What is kept in memory before it is written; by default eight times as much, a quarter of the heap."""


class Archive:
    """The days in a folder. The methods raise OSError, and what Spark raises."""

    def __init__(self, spark: SparkSession, root: StoragePath) -> None:
        """`root` has nothing but the archive."""
        self._spark = session_for(spark)
        # Else Spark's own form of a time, which others know little of.
        self._spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        self._root = root

    def days(self) -> list[date]:
        """Return the days that are whole, in order."""
        days = (name.removeprefix(PREFIX) for name in self._root.names() if name.startswith(PREFIX))
        return sorted(date.fromisoformat(day) for day in days if (self._root / f"{PREFIX}{day}" / WHOLE).exists())

    def write(self, readings: DataFrame, day: date) -> None:
        """Write accepted rows of `decode`, in place of what a broken attempt has left of the day."""
        # One task reads, sorts and writes: more would take the slots that the real-time queries need forever.
        rows = readings.coalesce(1).select(
            "stream", "entity_id", "sensor_id", _moment("event_time"), _moment("received_at"), "value", "time_source",
            "topic", "partition", "offset",
        )  # fmt: skip
        (
            rows.sortWithinPartitions("stream", "entity_id", "event_time", "topic", "partition", "offset")
            .write.mode("overwrite")
            .option("compression", "zstd")
            .option("parquet.block.size", ROW_GROUP_BYTES)
            .partitionBy("stream")
            .parquet(str(self._folder(day)))
        )

    def read(self, day: date) -> DataFrame:
        """Return a day's readings as `decode` gives them."""
        rows = self._spark.read.schema(SCHEMA).parquet(str(self._folder(day)))
        return rows.select(
            "topic", "partition", "offset", "stream", "entity_id", "sensor_id", "value", "time_source",
            _seconds("event_time"), _seconds("received_at"),
            F.lit(None).cast("string").alias("refusal_code"), F.lit(None).cast("binary").alias("refused_value"),
        )  # fmt: skip

    def remove_before(self, oldest: date) -> list[date]:
        """Remove the days before one; return them."""
        old = [day for day in self.days() if day < oldest]
        for day in old:
            self._folder(day).remove()
        return old

    @property
    def spark(self) -> SparkSession:
        """The session in which what is written must be read."""
        return self._spark

    def _folder(self, day: date) -> StoragePath:
        return self._root / f"{PREFIX}{day.isoformat()}"


def _moment(name: str) -> Column:
    """Return epoch seconds as a time."""
    return F.timestamp_micros(F.round(F.col(name) * MICROSECONDS).cast("long")).alias(name)


def _seconds(name: str) -> Column:
    """Return a time as epoch seconds."""
    return (F.unix_micros(name) / MICROSECONDS).alias(name)
