"""The streaming queries: Kafka in, pure functions between, Kafka out. Two in Real-time Mode, one in micro-batches.

With a backlog those two begin in batches (see `gears`).
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from messages.topics import ACTIONS, ALERTS, CANARY, HEARTBEATS, INCIDENTS, REFUSED, STATUSES
from rules import canary
from rules.model import Rules
from servicekit.kafka_client import REQUEST_TIMEOUT_MS
from spark_monitor.detection.alerts import alert_messages
from spark_monitor.detection.decode import accepted, decode
from spark_monitor.detection.refusals import refusal_message
from spark_monitor.detection.status import slot_seconds, status_messages, with_contemporaries
from spark_monitor.engine import kafka_source
from spark_monitor.engine.checkpoint_storage import HadoopStoragePath, LocalStoragePath, StoragePath
from spark_monitor.engine.checkpoints import Checkpoint, Extent, Offsets
from spark_monitor.engine.gears import BATCH_READINGS, Gears
from spark_monitor.engine.history_query import MESSAGES_AT_ONCE, History
from spark_monitor.engine.history_query import start as start_history
from spark_monitor.engine.incident_query import BATCH_SECONDS, PassOn, kept_before, publisher
from spark_monitor.engine.incident_query import start as start_incidents
from spark_monitor.engine.incident_topic import IncidentTopic
from spark_monitor.engine.micro_batches import session_for, stop_between_batches
from spark_monitor.engine.session import java
from spark_monitor.engine.topics import Topics
from spark_monitor.incidents.operator import STATE_FORMAT, incident_records
from spark_monitor.settings import MonitorSettings

ALERTS_QUERY = "alerts"
STATUS_QUERY = "status"
INCIDENTS_QUERY = "incidents"
HISTORY_QUERY = "history"
WRITTEN_BY = {
    ALERTS_QUERY: (ALERTS, REFUSED, HEARTBEATS),
    STATUS_QUERY: (STATUSES,),
    INCIDENTS_QUERY: (INCIDENTS,),
}
STATUS_STATE = "Contemporaries 2"
"""The form of the state that Contemporaries.java keeps: with another one its query begins a new checkpoint."""

STOPPED_BY = {INCIDENTS_QUERY: stop_between_batches, HISTORY_QUERY: stop_between_batches}
"""What stops a query, where that is not simply done at once."""

EARLIEST = -2
"""Instead of an offset, in Spark's Kafka source."""

IN_BATCHES = {"kafka.linger.ms": "20", "kafka.batch.size": str(128 * 1024)}
"""How results are written then: many at once, which spares the broker."""


def alerts_and_refusals(messages: DataFrame, rules: Rules) -> DataFrame:
    """Kafka rows in, rows of `topic, key, value, headers` out: the alerts, and the messages that can't be used."""
    # A column of its own: what stands within `explode`, or is handed to a function of `filter`, Spark does not compile.
    # And `_outer`, as for the other Spark would make the array twice.
    outgoing = decode(messages, rules).select(F.array(refusal_message(), *alert_messages(rules)).alias("outgoing"))
    sent = outgoing.select(F.explode_outer("outgoing").alias("message"))
    return sent.where(F.col("message").isNotNull()).select("message.*")


def statuses(messages: DataFrame, rules: Rules) -> DataFrame:
    """Kafka rows in, rows of `topic, key, value, headers` out: the combined statuses."""
    readings = accepted(decode(messages, rules))
    return status_messages(with_contemporaries(readings, rules), rules)


def starters(
    spark: SparkSession,
    config: MonitorSettings,
    rules: Rules,
    checkpoints: Mapping[str, Checkpoint],
    topics: Topics,
    *,
    gears: Gears,
    ends: Offsets,
    pass_on: PassOn,
    history: History | None,
    tell: Callable[[str], None],
    stop: threading.Event,
) -> dict[str, Callable[[], StreamingQuery]]:
    """Return, for each query by name, what starts it.

    `ends`: where the topics ended when the monitor started; `pass_on` says what is published of the incidents' records;
    `history` is where readings are kept, None for nowhere; `tell` takes lines for the operator.
    """
    # The incidents know nothing of the canary: their records name the version of the file.
    all_rules = canary.with_canary(rules)
    transforms = {ALERTS_QUERY: alerts_and_refusals, STATUS_QUERY: statuses}
    in_batches = session_for(spark)
    incident_topic = IncidentTopic(config.kafka)

    def starting(name: str) -> Offsets:
        return starting_offsets(checkpoints[name].starting, read_by(all_rules)[name], ends, config.starting_offsets)

    def messages(session: SparkSession, name: str, *, at_once: int | None = None) -> DataFrame:
        checkpoints[name].tidy()
        return kafka_source.as_they_come(session, config, read_by(all_rules)[name], starting(name), at_once=at_once)

    def start_in_gear(name: str) -> StreamingQuery:
        at_once = BATCH_READINGS if gears.in_batches(name, starting(name)) else None
        outgoing = transforms[name](messages(spark, name, at_once=at_once), all_rules)
        writer = _writer(name, outgoing, checkpoints[name].folder, config)
        if at_once is not None:
            return writer.options(**IN_BATCHES).trigger(availableNow=True).start()
        # Not in pyspark's types yet.
        return writer.trigger(realTime=f"{config.checkpoint_minutes} minutes").start()  # type: ignore[call-overload, no-any-return]

    def start_in_batches(name: str) -> StreamingQuery:
        # Without Kafka a batch fails after a while; five such deaths in a row must not end the monitor.
        topics.wait_until_back(stop)
        before = checkpoints[name].before
        known = None if before is None else kept_before(in_batches, before, tell)
        checkpoints[name].tidy()
        begin = starting(name)
        # A person waits for an answer; the readings may.
        acts = kafka_source.as_they_come(in_batches, config, [ACTIONS], {ACTIONS: begin.pop(ACTIONS)})
        rest = kafka_source.as_they_come(in_batches, config, begin, begin, every=BATCH_SECONDS)
        records = incident_records(rest.union(acts), rules, config.zone.key, known)
        return start_incidents(records, checkpoints[name].folder, publisher(incident_topic, pass_on, tell))

    def start_for(history: History) -> StreamingQuery:
        topics.wait_until_back(stop)
        begin = history.open(lambda: topics.extent(all_rules.topics))
        folder = LocalStoragePath(config.checkpoint_dir) / HISTORY_QUERY
        if folder.exists():
            folder.remove()
        kept = kafka_source.as_they_come(in_batches, config, all_rules.topics, begin, at_once=MESSAGES_AT_ONCE)
        return start_history(kept, all_rules, history, folder, begin)

    found: dict[str, Callable[[], StreamingQuery]] = {
        name: partial(start_in_batches if name == INCIDENTS_QUERY else start_in_gear, name)
        for name in read_by(all_rules)
    }
    return found if history is None else found | {HISTORY_QUERY: partial(start_for, history)}


def read_by(rules: Rules) -> dict[str, tuple[str, ...]]:
    """Return the topics that each query reads, by its name: those without whose streams it would be another."""
    read = {
        ALERTS_QUERY: rules.topics,
        STATUS_QUERY: rules.combined_topics,
        # The canary, too, so that there is a batch now and then while the sensors are silent.
        INCIDENTS_QUERY: (*rules.watched_topics, ACTIONS, CANARY) if rules.watched_topics else (),
    }
    return {name: topics for name, topics in read.items() if topics}


def running_tasks(spark: SparkSession, run_ids: Iterable[str]) -> int:
    """Return how many tasks of some queries run now: all that were asked for when each reads, passes on and writes.

    `run_ids` are those of the queries, which Spark makes the groups of their jobs.
    """
    tracker = spark.sparkContext.statusTracker()
    active = set(tracker.getActiveJobsIds())
    groups = (tracker.getJobIdsForGroup(run_id) for run_id in run_ids)
    jobs = [tracker.getJobInfo(job) for group in groups for job in active.intersection(group)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job is not None for stage in job.stageIds]
    return sum(stage.numActiveTasks for stage in stages if stage is not None)


def checkpoint_storage(config: MonitorSettings, task_slots: int) -> StoragePath:
    """Return where the checkpoints are. If that is elsewhere, Java starts, which can reach it, for Spark later."""
    if config.checkpoint_location is None:
        return LocalStoragePath(config.checkpoint_dir)
    return HadoopStoragePath(java(config, task_slots), config.checkpoint_location.rstrip("/"))


def take_checkpoints(config: MonitorSettings, rules: Rules, kafka: Extent, root: StoragePath) -> dict[str, Checkpoint]:
    """Return each query's checkpoint, and note it in `root`; `kafka`: what the topics have. Raises OSError."""
    combined = {name: status.streams for name, status in rules.statuses.items()}
    state = [STATUS_STATE, config.state_partitions, slot_seconds(rules)]
    read = read_by(rules)
    layouts: dict[str, dict[str, Any]] = {
        ALERTS_QUERY: {"topics": sorted(rules.topics)},
        STATUS_QUERY: {
            "topics": sorted(rules.combined_topics),
            "statuses": combined,
            "streams": rules.combined_streams,
            "state": state,
        },
        # In micro-batches the topics may change; an open incident must not end because another sensor is added.
        INCIDENTS_QUERY: {"state": STATE_FORMAT, "sources": 2},
    }
    checkpoints: dict[str, Checkpoint] = {}
    elsewhere: Offsets = {}
    for name in read:
        # Through JSON, because it is compared with what is in a file.
        layout = json.loads(json.dumps(layouts[name]))
        can_take_over = name == INCIDENTS_QUERY
        checkpoints[name] = Checkpoint.take(root, name, layout, elsewhere, kafka, can_take_over=can_take_over)
        elsewhere |= checkpoints[name].stands_at
    return checkpoints


def starting_offsets(
    known: Offsets, topics: Iterable[str], ends: Offsets, first_start: Literal["earliest", "latest"]
) -> Offsets:
    """Return an offset for each partition of the topics: the known one, or the number by which Spark means the first.

    A topic that was never read begins at `first_start`; a partition that a known topic got since, at its first reading.
    `ends`: of all partitions, by which the latest is meant. Spark's own word would mean another reading for each query,
    whatever was last when it came to start.
    """
    begin = (ends if first_start == "latest" else {}) | known
    return {topic: {number: begin.get(topic, {}).get(number, EARLIEST) for number in ends[topic]} for topic in topics}


def _writer(name: str, outgoing: DataFrame, folder: StoragePath, config: MonitorSettings) -> DataStreamWriter:
    return (
        outgoing.writeStream.queryName(name)
        .format("kafka")
        .option("kafka.bootstrap.servers", config.kafka_bootstrap_servers)
        .options(**kafka_source.security(config), **kafka_source.WITHOUT_TELEMETRY)
        .option("kafka.request.timeout.ms", str(REQUEST_TIMEOUT_MS))
        # A refused message goes on whole, with headers: a little larger than the largest that came in.
        .option("kafka.max.request.size", str(2 * 1024 * 1024))
        .option("checkpointLocation", str(folder))
        .outputMode("update")
    )
