"""Readings -> records of incidents, through Spark's own stateful operator with its timers, in micro-batches.

Real-time Mode does not know this operator; it need not, as an incident takes half a minute to begin. Spark keeps the
state of each entity (see `incidents`) and calls when it is due, in the next batch.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
    ValueState,
)

from spark_monitor.incident_topic import IncidentTopic
from spark_monitor.incidents import LifeCycle, Reading, Record, Step, from_json, to_json
from spark_monitor.places import Place
from spark_monitor.readings import accepted, decode
from spark_monitor.rules import Rules
from spark_monitor.supervisor import cause_of

STATE_FORMAT = 1
"""Of the text that `incidents` keeps. Another number, and the query starts anew, without what was open."""

TRIGGER_SECONDS = 2
"""A batch takes about 0.3 s, whatever little is in it. A silence is found that much later while readings come."""

BATCH_ENDS_SECONDS = 5

RECORDS_AT_ONCE = 10_000
"""A sender may invent names; what comes of it must not fill the memory."""

PassOn = Callable[[list[Record]], list[Record]]
"""What is to be published of a batch's records."""


def session_for(spark: SparkSession) -> SparkSession:
    """Return a session of the query's own: what holds for Real-time Mode's queries is not for this one."""
    session = spark.newSession()
    # One task reads, sorts and judges: more would take the slots that the real-time queries need for ever.
    session.conf.set("spark.sql.shuffle.partitions", "1")
    # A batch costs as much with nothing in it: without readings the canary's pulses make one, which is often enough.
    session.conf.set("spark.sql.streaming.noDataMicroBatches.enabled", "false")
    # Each batch writes what has changed, and only every tenth copies the store: a batch each two seconds is not a
    # boundary each five minutes.
    session.conf.set("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
    session.conf.set("spark.sql.streaming.stateStore.minDeltasForSnapshot", "10")
    return session


def incident_records(messages: DataFrame, rules: Rules, time_zone: str) -> DataFrame:
    """Kafka rows in, rows of `record` (JSON) out; `time_zone` is that of the times in the lines."""
    watched = accepted(decode(messages, rules)).where(F.col("stream").isin(*rules.watched_streams))
    # In one task, hence without a shuffle.
    readings = watched.select(
        "entity_id", "stream", "sensor_id", F.col("amount").alias("value"), "event_time", "received"
    ).coalesce(1)
    return readings.groupBy("entity_id").transformWithState(
        Incidents(LifeCycle(rules, time_zone)), "record string", "Update", "ProcessingTime"
    )


def start(records: DataFrame, folder: Place, publish: Callable[[DataFrame, int], None]) -> StreamingQuery:
    """Start the query on what `incident_records` returns; `folder` has its checkpoint."""
    query: StreamingQuery = (
        records.writeStream.queryName("incidents")
        .foreachBatch(publish)
        .option("checkpointLocation", str(folder))
        .outputMode("update")
        .trigger(processingTime=f"{TRIGGER_SECONDS} seconds")
        .start()
    )
    return query


def publisher(topic: IncidentTopic, pass_on: PassOn) -> Callable[[DataFrame, int], None]:
    """Return what publishes a batch's records; a batch ends when Kafka has them all."""

    def publish(batch: DataFrame, _number: int) -> None:
        try:
            # Not `batch.toLocalIterator`: its job runs when that query is over, for Spark, which then keeps the job and
            # its plan for ever. With a batch each two seconds the memory would be full in half an hour.
            rows = batch.rdd.toLocalIterator()
            while some := [from_json(row.record) for row in islice(rows, RECORDS_AT_ONCE)]:
                topic.publish(pass_on(sorted(some, key=lambda record: record["event_time"])))
        except Exception as error:  # noqa: BLE001 - it is raised again
            # Without Java's stack in it: Spark searches Python's errors with an expression for which a long text is too
            # much, so that the query would end without one.
            raise BatchError(cause_of(error)) from None

    return publish


class BatchError(Exception):
    """A batch failed; the text says why."""


def stop_between_batches(query: StreamingQuery) -> None:
    """Stop a query when no batch runs, or after some seconds all the same: then the batch is repeated at the start."""
    deadline = time.monotonic() + BATCH_ENDS_SECONDS
    while query.status["isTriggerActive"] and time.monotonic() < deadline:
        time.sleep(0.02)  # the pause of a poll that has a deadline
    query.stop()


class Incidents(StatefulProcessor):
    """Keeps an entity's state and its one timer: when it is next due. The names of methods and arguments are Spark's.

    A timer that fires too early costs less than one that is moved with each reading: it is only ever moved forward.
    """

    def __init__(self, life: LifeCycle) -> None:
        self._life = life
        self._handle: StatefulProcessorHandle
        self._kept: ValueState

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Declare what is kept."""
        self._handle = handle
        self._kept = handle.getValueState("entity", "state string, timer long")

    def handleInputRows(  # type: ignore[override]  # noqa: N802 - of the two forms of rows this one is ours
        self,
        key: Any,  # noqa: ANN401
        rows: Iterator[Row],
        timerValues: TimerValues,  # noqa: N803
    ) -> Iterator[Row]:
        """Take an entity's readings of a batch."""
        state, timer = self._kept.get() or (None, None)
        step = self._life.take(key[0], state, (Reading(*row[1:]) for row in rows), _now(timerValues))
        return self._keep(step, timer)

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803
    ) -> Iterator[Row]:
        """Look what is due of an entity, after all readings of the batch."""
        state, timer = self._kept.get() or (None, None)
        is_its_timer = expiredTimerInfo.getExpiryTimeInMs() == timer
        step = self._life.look(key[0], state, _now(timerValues))
        return self._keep(step, None if is_its_timer else timer)

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, step: Step, timer: int | None) -> Iterator[Row]:
        """Keep the state and the timer; `timer`: the one that is set, in milliseconds."""
        # The next whole millisecond, so that what is due is due by then.
        due = None if step.due is None else int(step.due * 1000) + 1
        if timer is not None and (due is None or due < timer):
            self._handle.deleteTimer(timer)
            timer = None
        if timer is None and due is not None:
            self._handle.registerTimer(due)
            timer = due
        if step.state is None:
            self._kept.clear()
        else:
            self._kept.update((step.state, timer))
        return iter([Row(record=to_json(record)) for record in step.records])


def _now(timer_values: TimerValues) -> float:
    """Return when the batch began: the same when it is repeated."""
    return timer_values.getCurrentProcessingTimeInMs() / 1000
