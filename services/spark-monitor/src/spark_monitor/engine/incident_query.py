"""The incidents' query: micro-batches beside the real-time queries, and what becomes of a batch's records."""

from collections.abc import Callable, Sequence
from itertools import islice

import structlog
from cachetools import TTLCache
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_monitor.engine.checkpoint_storage import StoragePath
from spark_monitor.engine.incident_topic import IncidentTopic
from spark_monitor.engine.micro_batches import with_short_errors
from spark_monitor.engine.supervisor import cause_of
from spark_monitor.incidents.answers import FAILURE
from spark_monitor.incidents.records import Record, from_json

BATCH_SECONDS = 5
"""As often as the canary makes one without readings. A batch costs a third of a second of processor time, whatever
little is in it; an incident, which takes half a minute to begin, is told that much later."""

LOOK_SECONDS = 1
"""How often it is looked whether a person did something: that makes a batch at once. With a look each five seconds in
place of one the processor is used 0.03 of a core less, and a person waits four seconds longer."""

RECORDS_AT_ONCE = 10_000
"""A sender may invent names; what comes of it must not fill the memory."""

TOLD_AGAIN_SECONDS = 60
TOLD_AT_ONCE = 5
"""So many entities of a batch are named to the operator; of more there is only the number."""

log = structlog.get_logger()

PassOn = Callable[[list[Record]], list[Record]]
"""What is to be published of a batch's records."""


def start(records: DataFrame, folder: StoragePath, publish: Callable[[DataFrame, int], None]) -> StreamingQuery:
    """Start the query on what `incident_records` returns; `folder` has its checkpoint."""
    query: StreamingQuery = (
        records.writeStream.queryName("incidents")
        .foreachBatch(publish)
        .option("checkpointLocation", str(folder))
        .outputMode("update")
        .trigger(processingTime=f"{LOOK_SECONDS} seconds")
        .start()
    )
    return query


def kept_before(spark: SparkSession, folder: StoragePath, tell: Callable[[str], None]) -> DataFrame | None:
    """Return what the checkpoint of a version before knows of the entities, as `entity_id, state, timer`.

    None if that can't be read, which `tell` then says: what was open is forgotten, and begins again.
    """
    stored = spark.read.format("statestore").option("path", str(folder)).option("stateVarName", "entity")
    try:
        rows = stored.load().select("key.entity_id", "value.state", "value.timer").collect()
    except (PySparkException, Py4JError) as error:
        log.warning("the open incidents can't be taken over", checkpoint=folder.name, cause=cause_of(error))
        tell("[Monitor Rusak] insiden yang terbuka tidak dapat diambil alih dari versi sebelumnya, dihitung ulang")
        return None
    log.info("open incidents are taken over", checkpoint=folder.name, entities=len(rows))
    known = [row for row in rows if row.entity_id is not None and row.state is not None]
    return spark.createDataFrame(known, "entity_id string, state string, timer long")


def publisher(topic: IncidentTopic, pass_on: PassOn, tell: Callable[[str], None]) -> Callable[[DataFrame, int], None]:
    """Return what publishes a batch's records; a batch ends when Kafka has them all.

    `tell` takes a line for the operator, of an entity that can't be worked on.
    """
    failures = Failures(tell)

    @with_short_errors
    def publish(batch: DataFrame, _number: int) -> None:
        # Not `batch.toLocalIterator`: its job runs when that query is over, for Spark, which then keeps the job and its
        # plan forever. With a batch each few seconds the memory would be full within the hour.
        rows = batch.rdd.toLocalIterator()
        while some := [from_json(row.record) for row in islice(rows, RECORDS_AT_ONCE)]:
            failures.take([each for each in some if each["kind"] == FAILURE])
            records = [each for each in some if each["kind"] != FAILURE]
            topic.publish(pass_on(sorted(records, key=lambda record: record["event_time"])))

    return publish


class Failures:
    """Says which entities can't be worked on: to the log and to the operator, each once a minute at most."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: TTLCache[str, bool] = TTLCache(RECORDS_AT_ONCE, TOLD_AGAIN_SECONDS)

    def take(self, rows: Sequence[Record]) -> None:
        """Say what the rows of kind FAILURE hold."""
        news = {row["entity_id"]: row for row in rows if row["entity_id"] not in self._told}
        self._told.update(dict.fromkeys(news, True))
        for row in list(news.values())[:TOLD_AT_ONCE]:
            log.error("an entity's incidents can't be worked out", entity_id=row["entity_id"], cause=row["cause"])
            self._tell(f"[Monitor Rusak] {row['entity_id']}: insiden tidak dapat dihitung ({row['cause']})")
        if (others := len(news) - TOLD_AT_ONCE) > 0:
            log.error("more entities' incidents can't be worked out", entities=others)
            self._tell(f"[Monitor Rusak] {others} lainnya: insiden tidak dapat dihitung")
