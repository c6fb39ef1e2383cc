"""Readings -> records of incidents, through Spark's own stateful operator with its timers, in micro-batches.

Real-time Mode does not know this operator; it need not, as an incident takes half a minute to begin. Spark keeps the
state of each entity (see `incidents`) and calls when it is due, in the next batch.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from cachetools import TTLCache
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
from spark_monitor.incidents import LifeCycle, Reading, Record, StateError, Step, from_json, to_json
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

FAILURE = "failure"
"""The `kind` of a row that is no record, but says that an entity can't be worked on."""

RETRY_SECONDS = 60
"""When an entity whose timer failed is looked at again."""

LAST_TIMER_SECONDS = 253_402_300_799
"""The end of the year 9999: what is due later is due never."""

TOLD_AGAIN_SECONDS = 60
TOLD_AT_ONCE = 5
"""So many entities of a batch are named to the operator; of more there is only the number."""

log = structlog.get_logger()

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


def publisher(topic: IncidentTopic, pass_on: PassOn, tell: Callable[[str], None]) -> Callable[[DataFrame, int], None]:
    """Return what publishes a batch's records; a batch ends when Kafka has them all.

    `tell` takes a line for the operator, of an entity that can't be worked on.
    """
    failures = Failures(tell)

    def publish(batch: DataFrame, _number: int) -> None:
        try:
            # Not `batch.toLocalIterator`: its job runs when that query is over, for Spark, which then keeps the job and
            # its plan for ever. With a batch each two seconds the memory would be full in half an hour.
            rows = batch.rdd.toLocalIterator()
            while some := [from_json(row.record) for row in islice(rows, RECORDS_AT_ONCE)]:
                failures.take([each for each in some if each["kind"] == FAILURE])
                records = [each for each in some if each["kind"] != FAILURE]
                topic.publish(pass_on(sorted(records, key=lambda record: record["event_time"])))
        except Exception as error:  # noqa: BLE001 - it is raised again
            # Without Java's stack in it: Spark searches Python's errors with an expression for which a long text is too
            # much, so that the query would end without one.
            raise BatchError(cause_of(error)) from None

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

    What one entity raises ends nothing: its state stays as it was, and a row of the kind FAILURE says so. A state that
    can't be read is dropped. What Spark raises ends the batch, which is then repeated.
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
        now = _now(timerValues)
        readings = _readings(rows)
        step, out = _tried(key[0], state, now, lambda known: self._life.take(key[0], known, readings, now))
        if step is not None:
            self._keep(step, timer)
        return iter(out)

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803
    ) -> Iterator[Row]:
        """Look what is due of an entity, after all readings of the batch."""
        state, timer = self._kept.get() or (None, None)
        if expiredTimerInfo.getExpiryTimeInMs() == timer:
            timer = None
        now = _now(timerValues)
        step, out = _tried(key[0], state, now, lambda known: self._life.look(key[0], known, now))
        # Without a timer nobody would look at the entity again.
        self._keep(Step(state, now + RETRY_SECONDS, []) if step is None else step, timer)
        return iter(out)

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, step: Step, timer: int | None) -> None:
        """Keep the state and the timer; `timer`: the one that is set, in milliseconds."""
        due = None
        if step.due is not None and step.due <= LAST_TIMER_SECONDS:
            # The next whole millisecond, so that what is due is due by then.
            due = max(0, int(step.due * 1000) + 1)
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


class RowsError(Exception):
    """Spark could not hand over an entity's readings: that is no failure of the entity's."""


def _readings(rows: Iterator[Row]) -> Iterator[Reading]:
    while True:
        try:
            row = next(rows, None)
        except Exception as error:
            raise RowsError(repr(error)) from error
        if row is None:
            return
        yield Reading(*row[1:])


def _tried(
    entity_id: str, state: str | None, now: float, work: Callable[[str | None], Step]
) -> tuple[Step | None, list[Row]]:
    """Return what `work` makes of a state, and the rows that go out: None and a row of the kind FAILURE if it can't."""
    out: list[Row] = []
    try:
        try:
            step = work(state)
        except StateError as error:
            out.append(_failure(entity_id, now, error))
            step = work(None)
        out += [Row(record=to_json(record)) for record in step.records]
    except RowsError:
        raise
    except Exception as error:  # noqa: BLE001 - the other entities' incidents must not wait for this one's
        return None, [_failure(entity_id, now, error)]
    return step, out


def _failure(entity_id: str, now: float, error: Exception) -> Row:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    cause = f"{type(error).__name__}: {error}"[:200] + where
    return Row(record=to_json({"kind": FAILURE, "entity_id": entity_id, "cause": cause, "event_time": now}))


def _now(timer_values: TimerValues) -> float:
    """Return when the batch began: the same when it is repeated."""
    return timer_values.getCurrentProcessingTimeInMs() / 1000
