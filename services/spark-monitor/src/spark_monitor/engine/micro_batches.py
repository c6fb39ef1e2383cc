"""What the queries in micro-batches have in common, beside the real-time ones."""

import time
from collections.abc import Callable
from functools import wraps

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_monitor.engine.supervisor import cause_of

BATCH_ENDS_SECONDS = 5


class BatchError(Exception):
    """A batch failed; the text says why."""


def with_short_errors(work: Callable[[DataFrame, int], None]) -> Callable[[DataFrame, int], None]:
    """Return what does the same with a batch, and raises BatchError in place of any error.

    Without Java's stack in it: Spark searches Python's errors with an expression for which a long text is too much, so
    that the query would end without one.
    """

    @wraps(work)
    def run(batch: DataFrame, number: int) -> None:
        try:
            work(batch, number)
        except Exception as error:  # noqa: BLE001 - it is raised again
            raise BatchError(cause_of(error)) from None

    return run


def session_for(spark: SparkSession) -> SparkSession:
    """Return a session of their own: what holds for Real-time Mode's queries is not for these."""
    session = spark.newSession()
    # One task reads, sorts and judges: more would take the slots that the real-time queries need forever.
    session.conf.set("spark.sql.shuffle.partitions", "1")
    # A batch costs as much with nothing in it: without readings the canary's pulses make one, which is often enough.
    session.conf.set("spark.sql.streaming.noDataMicroBatches.enabled", "false")
    # Each batch writes what has changed, and only every tenth copies the store: a batch each few seconds is not a
    # boundary each five minutes.
    session.conf.set("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
    session.conf.set("spark.sql.streaming.stateStore.minDeltasForSnapshot", "10")
    return session


def stop_between_batches(query: StreamingQuery) -> None:
    """Stop a query when no batch runs, or after some seconds all the same: then the batch is repeated at the start."""
    deadline = time.monotonic() + BATCH_ENDS_SECONDS
    while query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.02)  # the pause of a poll that has a deadline
    query.stop()
