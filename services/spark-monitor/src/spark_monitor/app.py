"""Starts the queries and the reporter, watches over them, and stops them in order."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TextIO

import structlog
from confluent_kafka import KafkaException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from messages.topics import ACTIONS, ALERTS, CANARY, HEARTBEATS, INCIDENTS, REFUSED, STATUSES
from rules import canary
from rules.model import Rules
from spark_monitor.console.console import Console
from spark_monitor.console.display import Display
from spark_monitor.detection.decode import accepted, decode
from spark_monitor.engine import cluster, kafka_source, queries, session
from spark_monitor.engine.archive import Archive
from spark_monitor.engine.archivist import Archivist
from spark_monitor.engine.brake import Brake
from spark_monitor.engine.checkpoint_storage import storage_at
from spark_monitor.engine.checkpoints import Checkpoint, Extent, Offsets
from spark_monitor.engine.gears import Gears
from spark_monitor.engine.history_query import History
from spark_monitor.engine.kafka_clock import KafkaClock
from spark_monitor.engine.lease import Lease
from spark_monitor.engine.lock import LockError, TakenError, lock_folder
from spark_monitor.engine.record_keeper import RecordKeeper
from spark_monitor.engine.supervisor import SupervisedQuery
from spark_monitor.engine.task_slots import SLOTS_FOR_BATCHES, needed
from spark_monitor.engine.topics import Topics
from spark_monitor.health import breakdown
from spark_monitor.health.alarm_quality import AlarmQuality
from spark_monitor.health.alert_chain import AlertChain
from spark_monitor.health.breakdown import Breakdown, BrokenError
from spark_monitor.health.guard import Guard
from spark_monitor.health.pulse import Pulse
from spark_monitor.health.throughput import Throughput
from spark_monitor.health.watchdog import JAVA_HAS_ENDED, Watchdog
from spark_monitor.incidents import actions
from spark_monitor.incidents.inhibition import Inhibition
from spark_monitor.results.reporter import Reporter
from spark_monitor.settings import MonitorSettings

events = structlog.get_logger()

TICK_SECONDS = 1
REPORTER_FINISH_SECONDS = 10


def announce(checkpoints: Mapping[str, Checkpoint], kafka: Extent) -> None:
    """Say what is unusual about where the queries go on."""
    for name, checkpoint in checkpoints.items():
        if checkpoint.news:
            events.warning(checkpoint.news, query=name)
        for topic, partitions in checkpoint.gone.items():
            if topic in {CANARY, ACTIONS}:
                continue  # nobody misses an old pulse, or an old word
            for number, unread in partitions.items():
                events.error(
                    "readings are gone: they outlived their retention before the monitor read them",
                    query=name, topic=topic, partition=int(number),
                    first_gone=unread, last_gone=kafka.first[topic][number] - 1,
                )  # fmt: skip


def monitor(config: MonitorSettings, rules: Rules, stop: threading.Event) -> int:
    """Run until `stop` (returns 0) or until only a new start helps (returns 1).

    Of several monitors with the same checkpoints one runs. The others end here with 1, before they touch anything.
    """
    lines = _only_for_lines()
    guard = Guard(AlertChain(), lines, config.zone, config.checkpoint_dir, stop)
    for cause, line in config.passed_over():
        events.warning("a setting has no effect", cause=cause)
        print(line, file=lines, flush=True)
    try:
        with Lease(config.checkpoint_location, lock_folder(config.checkpoint_dir)) as lease:
            return _monitor(config, rules, stop, lease, guard)
    except TakenError as error:
        print(error.line(config.zone), file=lines, flush=True)
        events.error("giving up", cause=str(error))
    except LockError as error:
        guard.give_up(Breakdown(str(error), breakdown.CHECKPOINTS_FAIL))
    except BrokenError as error:
        guard.give_up(error.breakdown)
    except Exception as error:
        guard.give_up(Breakdown(repr(error), breakdown.UNEXPECTED))
        raise
    return 1


def _monitor(config: MonitorSettings, rules: Rules, stop: threading.Event, lease: Lease, guard: Guard) -> int:
    causes = Inhibition(rules)
    all_rules = canary.with_canary(rules)
    topics = Topics(config.kafka, [*all_rules.topics, ACTIONS, ALERTS, STATUSES, REFUSED, INCIDENTS, HEARTBEATS])
    if not topics.wait(stop):
        return 0
    guard.start()
    tasks = needed(topics.count(all_rules.topics), topics.count(rules.combined_topics), config.state_partitions)
    task_slots = tasks + SLOTS_FOR_BATCHES * sum(
        [bool(rules.watched_streams), config.database is not None, config.archive_location is not None]
    )
    kafka, checkpoints = _checkpoints(config, all_rules, topics, task_slots, lease=lease, stop=stop)
    if stop.is_set():
        return 0
    announce(checkpoints, kafka)
    clock = KafkaClock()
    figures = _throughput(checkpoints, rules, clock)
    display = Display(rules, config.show)
    console = Console(display, guard.lines, clock.now)
    quality = AlarmQuality()
    reporter = Reporter(
        config.kafka,
        topics.partitions,
        # The line first: what it took is counted behind it.
        [console, figures, quality, guard.chain],
        may_repeat={
            topic: checkpoint.may_repeat
            for query, checkpoint in checkpoints.items()
            for topic in queries.WRITTEN_BY[query]
        },
        combined_streams=rules.combined_streams,
        positions=config.checkpoint_dir / "printed",
    )
    reporter.start()
    pulse = Pulse(config.kafka, topics.partitions, causes, guard.chain, clock=clock, tell=console.tell)
    pulse.expect(actions.expected(rules, time.time()))
    pulse.start()
    guard.must_live(reporter, pulse)
    guard.looks_at(reporter)
    events.info("starting Spark", task_slots=task_slots, master=config.spark_master, partitions=topics.partitions)
    spark = _spark(config, task_slots, stop)
    # A cluster's tasks run elsewhere, out of the brake's reach.
    brake = Brake(spark, config.checkpoint_minutes) if config.spark_master is None else None
    gears = Gears(topics, checkpoints, queries.read_by(all_rules), console.tell, brake)
    history = _history(config, console, stop)
    starters = queries.starters(
        spark, config, rules, checkpoints, topics, gears=gears,
        ends=kafka.ends, pass_on=lambda records: causes.pass_on(records, clock.now()),
        history=history,
        tell=console.tell, stop=stop,
    )  # fmt: skip
    supervised = {
        name: SupervisedQuery(name, start, stop, queries.STOPPED_BY.get(name, StreamingQuery.stop))
        for name, start in starters.items()
    }
    incidents = [query for name, query in supervised.items() if name == queries.INCIDENTS_QUERY]
    beside = [query for name, query in supervised.items() if name == queries.HISTORY_QUERY]
    in_real_time = [query for query in supervised.values() if query not in [*incidents, *beside]]
    for query in in_real_time:
        query.start()

    def all_tasks_run() -> bool:
        return queries.running_tasks(spark, filter(None, (query.run_id for query in in_real_time))) >= tasks

    watch = Watchdog(
        in_real_time, incidents, beside, all_tasks_run, reporter, console.tell, display, figures, topics,
        rules.combined_topics, pulse, quality, gears,
    )  # fmt: skip
    guard.must_live(*supervised.values())
    for writer in _writers(spark, config, all_rules, topics, history, now=clock.now, tell=console.tell, stop=stop):
        writer.start()
        guard.must_live(writer)
    guard.looks_at(reporter, watch)

    def reason_to_end() -> Breakdown | None:
        cause = lease.reason_to_end(console.tell, config.zone)
        return guard.reason_to_end() or watch.tick() or (Breakdown(cause, breakdown.LEASE_LOST) if cause else None)

    reason = None
    while reason is None and not stop.wait(TICK_SECONDS):
        reason = reason_to_end()
    if reason is not None:
        guard.give_up(reason)

    stop.set()
    _end(spark, [*supervised.values()], pulse, reporter)
    events.info("stopped")
    return 0 if reason is None else 1


def _checkpoints(
    config: MonitorSettings, rules: Rules, topics: Topics, task_slots: int, *, lease: Lease, stop: threading.Event
) -> tuple[Extent, dict[str, Checkpoint]]:
    """Return what the topics have, and where each query goes on; nothing of this once stopped. Raises BrokenError."""
    try:
        kafka = topics.extent([*rules.topics, ACTIONS])
        root = queries.checkpoint_storage(config, task_slots)
        if not lease.acquire(root, stop):
            return kafka, {}
        return kafka, queries.take_checkpoints(config, rules, kafka, root)
    except KafkaException as error:
        cause = f"Kafka does not say what its topics have: {error}"
        raise BrokenError(Breakdown(cause, breakdown.KAFKA_TELLS_NOTHING)) from error
    except OSError as error:
        setting = "CHECKPOINT_LOCATION" if config.checkpoint_location else "CHECKPOINT_DIR"
        where = config.checkpoint_location or str(config.checkpoint_dir)
        cause = f"{setting}={where!r}: expected a place to write: {error}"
        raise BrokenError(Breakdown(cause, breakdown.CHECKPOINTS_FAIL)) from error


def _throughput(checkpoints: Mapping[str, Checkpoint], rules: Rules, clock: KafkaClock) -> Throughput:
    status = checkpoints.get(queries.STATUS_QUERY)
    return Throughput(status.goes_on_from if status else {}, rules.combined_topics, clock.now)


def _history(config: MonitorSettings, console: Console, stop: threading.Event) -> History | None:
    """Return what keeps the readings; None where there is no database."""
    if config.database is None:
        return None
    return History(config.database, config.history_minute_days, console.tell, stop)


def _writers(
    spark: SparkSession, config: MonitorSettings, rules: Rules, topics: Topics, history: History | None, *,
    now: Callable[[], float], tell: Callable[[str], None], stop: threading.Event,
) -> Iterator[threading.Thread]:  # fmt: skip
    """Yield what puts records into the history, and what writes the archive, where there are such."""
    if history is not None:
        yield RecordKeeper(config.kafka, topics, history, stop)
    if config.archive_location is not None:
        archive = Archive(spark, storage_at(config.archive_location, spark._jvm))  # noqa: SLF001 - the only way to Java

        def read(start: Offsets, end: Offsets) -> DataFrame:
            return accepted(decode(kafka_source.between(archive.spark, config, start, end), rules))

        yield Archivist(archive, topics, rules.topics, read, days=config.archive_days, now=now, tell=tell, stop=stop)


def _spark(config: MonitorSettings, task_slots: int, stop: threading.Event) -> SparkSession:
    """Return Spark with all its task slots. Raises BrokenError."""
    try:
        spark = session.open_session(config, task_slots)
        cluster.wait_for_slots(spark, task_slots, stop)
    except FileNotFoundError as error:
        raise BrokenError(Breakdown(str(error), breakdown.CLUSTER_FAILS)) from error
    except cluster.ClusterError as error:
        cause = f"SPARK_MASTER={config.spark_master!r}: {error}"
        raise BrokenError(Breakdown(cause, breakdown.CLUSTER_FAILS)) from error
    return spark


def _end(spark: SparkSession, supervised: Sequence[SupervisedQuery], pulse: Pulse, reporter: Reporter) -> None:
    """Stop everything in order, so that what the queries have written is printed."""
    pulse.finish()
    with contextlib.suppress(*JAVA_HAS_ENDED):
        # Tasks that are told to end report it as errors, twenty of them.
        spark.sparkContext.setLogLevel("OFF")
        for query in supervised:
            query.end()
    reporter.finish()
    reporter.join(REPORTER_FINISH_SECONDS)
    with contextlib.suppress(*JAVA_HAS_ENDED):
        spark.stop()


def _only_for_lines() -> TextIO:
    """Return a file of its own for the operator's lines, and turn all else that writes to stdout to stderr.

    Java inherits it from here, and what it prints is not for the operator.
    """
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lines
