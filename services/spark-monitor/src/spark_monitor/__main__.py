"""Starts the queries and the reporter, watches over them, and stops them in order."""

import argparse
import contextlib
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

import structlog
from confluent_kafka import KafkaException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from sensorkit import log, settings, shutdown
from sensorkit.plain import plain
from spark_monitor import alarm_report, breakdown, canary, cluster, queries, refused, rule_tests, rules_file, session
from spark_monitor.breakdown import Breakdown, BrokenError
from spark_monitor.causes import Causes
from spark_monitor.chain import Chain
from spark_monitor.checkpoints import Checkpoint, Extent
from spark_monitor.display import Display
from spark_monitor.figures import Figures
from spark_monitor.guard import Guard
from spark_monitor.lease import Lease
from spark_monitor.lock import LockError, TakenError, lock_folder
from spark_monitor.outgoing import ALERTS, HEARTBEATS, INCIDENTS, REFUSED, STATUSES
from spark_monitor.pulse import Pulse
from spark_monitor.quality import Quality
from spark_monitor.reporter import Reporter
from spark_monitor.rules import Rules
from spark_monitor.rules_file import RulesError
from spark_monitor.settings import MonitorSettings
from spark_monitor.slots import SLOTS_FOR_BATCHES, needed
from spark_monitor.supervisor import SupervisedQuery
from spark_monitor.topics import Topics
from spark_monitor.watch import JAVA_HAS_ENDED, Watch

events = structlog.get_logger()

TICK_SECONDS = 1
REPORTER_FINISH_SECONDS = 10


def announce(checkpoints: Mapping[str, Checkpoint], kafka: Extent) -> None:
    """Say what is unusual about where the queries go on."""
    for name, checkpoint in checkpoints.items():
        if checkpoint.news:
            events.warning(checkpoint.news, query=name)
        for topic, partitions in checkpoint.gone.items():
            if topic == canary.TOPIC:
                continue  # nobody misses an old pulse
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
    guard = Guard(Chain(), lines, config.zone, config.checkpoint_dir, stop)
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
    causes = Causes(rules)
    all_rules = canary.with_canary(rules)
    topics = Topics(
        config.kafka_bootstrap_servers, [*all_rules.topics, ALERTS, STATUSES, REFUSED, INCIDENTS, HEARTBEATS]
    )
    if not topics.wait(stop):
        return 0
    guard.start()
    tasks = needed(topics.count(all_rules.topics), topics.count(rules.combined_topics), config.state_partitions)
    task_slots = tasks + (SLOTS_FOR_BATCHES if rules.watched_streams else 0)
    kafka, checkpoints = _checkpoints(config, all_rules, topics, task_slots, lease=lease, stop=stop)
    if stop.is_set():
        return 0
    announce(checkpoints, kafka)
    status = checkpoints.get(queries.STATUS_QUERY)
    figures = Figures(status.goes_on_from if status else {}, rules.combined_topics)
    display = Display(rules, config.show)
    quality = Quality()
    reporter = Reporter(
        config.kafka_bootstrap_servers,
        topics.partitions,
        display,
        figures,
        guard.lines,
        quality=quality,
        chain=guard.chain,
        may_repeat={
            topic: checkpoint.may_repeat
            for query, checkpoint in checkpoints.items()
            for topic in queries.WRITTEN_BY[query]
        },
        notes=config.checkpoint_dir / "printed",
    )
    reporter.start()
    pulse = Pulse(config.kafka_bootstrap_servers, topics.partitions, causes, guard.chain, reporter.tell)
    pulse.start()
    guard.must_live(reporter, pulse)
    guard.looks_at(reporter)
    events.info("starting Spark", task_slots=task_slots, master=config.spark_master, partitions=topics.partitions)
    spark = _spark(config, task_slots, stop)
    starters = queries.starters(
        spark, config, rules, checkpoints, topics,
        ends=kafka.ends, pass_on=lambda records: causes.pass_on(records, time.time()), tell=reporter.tell, stop=stop,
    )  # fmt: skip
    supervised = {
        name: SupervisedQuery(name, start, stop, queries.STOPPED_BY.get(name, StreamingQuery.stop))
        for name, start in starters.items()
    }
    in_batches = [query for name, query in supervised.items() if name == queries.INCIDENTS_QUERY]
    in_real_time = [query for query in supervised.values() if query not in in_batches]
    for query in in_real_time:
        query.start()

    def all_tasks_run() -> bool:
        return queries.running_tasks(spark, filter(None, (query.run_id for query in in_real_time))) >= tasks

    watch = Watch(
        in_real_time, in_batches, all_tasks_run, reporter, display, figures, topics,
        rules.combined_topics, pulse, quality,
    )  # fmt: skip
    guard.must_live(*in_real_time, *in_batches)
    guard.looks_at(reporter, watch)

    def reason_to_end() -> Breakdown | None:
        cause = lease.reason_to_end(reporter.tell, config.zone)
        return guard.reason_to_end() or watch.tick() or (Breakdown(cause, breakdown.LEASE_LOST) if cause else None)

    reason = None
    while reason is None and not stop.wait(TICK_SECONDS):
        reason = reason_to_end()
    if reason is not None:
        guard.give_up(reason)

    stop.set()
    _end(spark, [*in_real_time, *in_batches], pulse, reporter)
    events.info("stopped")
    return 0 if reason is None else 1


def _checkpoints(
    config: MonitorSettings, rules: Rules, topics: Topics, task_slots: int, *, lease: Lease, stop: threading.Event
) -> tuple[Extent, dict[str, Checkpoint]]:
    """Return what the topics have, and where each query goes on; nothing of this once stopped. Raises BrokenError."""
    try:
        kafka = topics.extent(rules.topics)
        root = queries.checkpoints_place(config, task_slots)
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

    Java inherits it from here, and so do the workers that Spark starts; some of them print.
    """
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lines


def check_rules(file: Path) -> int:
    """Print every mistake in the rules, or what they hold; return the exit status."""
    try:
        rules = rules_file.load(file)
    except RulesError as error:
        _print_mistakes(error)
        return 1
    print(
        f"{file}: no mistake: streams {len(rules.streams)}, alerts {len(rules.alerts)}, statuses {len(rules.statuses)}"
    )
    return 0


def test_rules(file: Path, tests_file: Path, jars: Path) -> int:
    """Run the rules' own tests, print how their lines differ; return the exit status."""
    try:
        rules = rules_file.load(file)
        tests = rule_tests.load(tests_file, rules)
        different = rule_tests.differences(rules, tests, jars)
    except (RulesError, FileNotFoundError) as error:
        _print_mistakes(error)
        return 1
    for name, difference in different.items():
        print("\n".join(map(plain, [f"{tests_file}: {name}", *difference, ""])))
    print(f"{len(tests) - len(different)} passed, {len(different)} failed")
    return 1 if different else 0


def _print_mistakes(error: Exception) -> None:
    """Print what is wrong with a file, a line each: what stands in the file must play no tricks on the terminal."""
    print("\n".join(map(plain, str(error).split("\n"))))


def show_refused(config: MonitorSettings, number: int, *, as_input: bool) -> int:
    """Print the last refused messages; return the exit status."""
    try:
        messages = refused.last(config.kafka_bootstrap_servers, number)
    except KafkaException as error:
        print(f"KAFKA_BOOTSTRAP_SERVERS={config.kafka_bootstrap_servers!r}: {error}", file=sys.stderr)
        return 1
    for message in messages:
        if not as_input:
            print(message.shown(config.zone))
        else:
            # Sent again it must be what it was; a terminal only shows it, and would obey it.
            print(refused.escaped(message.as_input()) if sys.stdout.isatty() else message.as_input())
    if not messages:
        print("no refused message", file=sys.stderr)
    return 0


def show_alarms(config: MonitorSettings, minutes: int) -> int:
    """Print how good the alarms of the last minutes were; return the exit status."""
    try:
        report = alarm_report.read(config.kafka_bootstrap_servers, minutes)
    except KafkaException as error:
        print(f"KAFKA_BOOTSTRAP_SERVERS={config.kafka_bootstrap_servers!r}: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(plain, report.lines(config.zone))))
    return 0


def _minutes(text: str) -> int:
    minutes = int(text)
    if minutes < 1:
        raise argparse.ArgumentTypeError("expected whole minutes, at least 1")
    return minutes


def main() -> None:
    """Run the monitor, or one of its tools, with the settings of the environment."""
    parser = argparse.ArgumentParser(prog="spark-monitor", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("run", help="watch and print; one at a time on the same checkpoints")
    check = commands.add_parser("check-rules", help="say every mistake in a rules file")
    test = commands.add_parser("test-rules", help="run a rules file's tests")
    for command in (check, test):
        command.add_argument("file", nargs="?", type=Path, help="the rules; default: RULES_FILE")
    test.add_argument("tests", nargs="?", type=Path, help="default: the rules' name with .test.yaml beside them")
    show = commands.add_parser("refused", help="show the last refused messages")
    show.add_argument("--last", type=int, default=20, metavar="N", help="how many; default: 20")
    show.add_argument("--as-input", action="store_true", help="as key|value, to correct and send again")
    alarms = commands.add_parser("alarms", help="show how many alarms there were, and of what kind")
    alarms.add_argument("--minutes", type=_minutes, default=60, metavar="N", help="of how long; default: 60")
    arguments = parser.parse_args()
    if arguments.command is None:
        # Running is asked for by name: a forgotten command must not start a monitor.
        parser.print_help(sys.stderr)
        sys.exit(2)

    config = settings.load(MonitorSettings)
    file = getattr(arguments, "file", None) or config.rules_file
    if arguments.command == "check-rules":
        sys.exit(check_rules(file))
    if arguments.command == "test-rules":
        sys.exit(test_rules(file, arguments.tests or file.with_suffix(".test.yaml"), config.spark_jars_dir))
    if arguments.command == "refused":
        sys.exit(show_refused(config, arguments.last, as_input=arguments.as_input))
    if arguments.command == "alarms":
        sys.exit(show_alarms(config, arguments.minutes))
    try:
        rules = rules_file.load(file)
    except RulesError as error:
        sys.exit(str(error))
    log.configure("spark-monitor", config.log_level, config.log_format)
    sys.exit(monitor(config, rules, shutdown.on_signals()))


if __name__ == "__main__":
    main()
