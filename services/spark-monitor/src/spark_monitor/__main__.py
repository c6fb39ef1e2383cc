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
from zoneinfo import ZoneInfo

import structlog
from confluent_kafka import KafkaException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from sensorkit import log, settings, shutdown
from spark_monitor import alarm_report, canary, cluster, queries, refused, rule_tests, rules_file, session
from spark_monitor.causes import Causes
from spark_monitor.chain import Chain
from spark_monitor.checkpoints import Checkpoint, Extent
from spark_monitor.display import Display
from spark_monitor.figures import Figures
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
    """Run until `stop` (returns 0) or until something can't be mended from inside (returns 1)."""
    causes = Causes(rules)
    all_rules = canary.with_canary(rules)
    topics = Topics(
        config.kafka_bootstrap_servers, [*all_rules.topics, ALERTS, STATUSES, REFUSED, INCIDENTS, HEARTBEATS]
    )
    if not topics.wait(stop):
        return 0
    tasks = needed(topics.count(all_rules.topics), topics.count(rules.combined_topics), config.state_partitions)
    task_slots = tasks + (SLOTS_FOR_BATCHES if rules.watched_streams else 0)
    try:
        kafka = topics.extent(all_rules.topics)
        root = queries.checkpoints_place(config, task_slots)
        checkpoints = queries.take_checkpoints(config, all_rules, kafka, root)
    except KafkaException as error:
        events.error("giving up", cause=f"Kafka does not say what its topics have: {error}")
        return 1
    except OSError as error:
        setting = "CHECKPOINT_LOCATION" if config.checkpoint_location else "CHECKPOINT_DIR"
        where = config.checkpoint_location or str(config.checkpoint_dir)
        events.error("giving up", cause=f"{setting}={where!r}: expected a place to write: {error}")
        return 1
    announce(checkpoints, kafka)
    status = checkpoints.get(queries.STATUS_QUERY)
    figures = Figures(status.goes_on_from if status else {}, rules.combined_topics)
    display = Display(rules, config.display)
    quality = Quality()
    chain = Chain()
    reporter = Reporter(
        config.kafka_bootstrap_servers,
        topics.partitions,
        display,
        figures,
        _only_for_lines(),
        quality=quality,
        chain=chain,
        may_repeat={
            topic: checkpoint.may_repeat
            for query, checkpoint in checkpoints.items()
            for topic in queries.WRITTEN_BY[query]
        },
        notes=config.checkpoint_dir / "printed",
    )
    reporter.start()
    pulse = Pulse(config.kafka_bootstrap_servers, topics.partitions, causes, chain, reporter.tell)
    pulse.start()
    events.info("starting Spark", task_slots=task_slots, master=config.spark_master, partitions=topics.partitions)
    try:
        spark = session.open_session(config, task_slots)
        cluster.wait_for_slots(spark, task_slots, stop)
    except cluster.ClusterError as error:
        events.error("giving up", cause=str(error), master=config.spark_master)
        return 1
    starters = queries.starters(
        spark, config, rules, checkpoints, topics,
        ends=kafka.ends, pass_on=lambda records: causes.pass_on(records, time.time()), stop=stop,
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
    reason = None
    while reason is None and not stop.wait(TICK_SECONDS):
        reason = watch.tick()
    if reason is not None:
        events.error("giving up", cause=reason)

    stop.set()
    _end(spark, [*in_real_time, *in_batches], pulse, reporter)
    events.info("stopped")
    return 0 if reason is None else 1


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
        print(error)
        return 1
    print(
        f"{file}: no mistake: streams {len(rules.streams)}, alerts {len(rules.alerts)}, statuses {len(rules.statuses)}"
    )
    return 0


def test_rules(file: Path, tests_file: Path) -> int:
    """Run the rules' own tests, print how their lines differ; return the exit status."""
    try:
        rules = rules_file.load(file)
        tests = rule_tests.load(tests_file, rules)
    except RulesError as error:
        print(error)
        return 1
    different = rule_tests.differences(rules, tests)
    for name, difference in different.items():
        print("\n".join([f"{tests_file}: {name}", *difference, ""]))
    print(f"{len(tests) - len(different)} passed, {len(different)} failed")
    return 1 if different else 0


def show_refused(config: MonitorSettings, number: int, *, as_input: bool) -> int:
    """Print the last refused messages; return the exit status."""
    try:
        messages = refused.last(config.kafka_bootstrap_servers, number)
    except KafkaException as error:
        print(f"KAFKA_BOOTSTRAP_SERVERS={config.kafka_bootstrap_servers!r}: {error}", file=sys.stderr)
        return 1
    for message in messages:
        print(message.as_input() if as_input else message.shown(ZoneInfo(config.tz)))
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
    print("\n".join(report.lines(ZoneInfo(config.tz))))
    return 0


def _minutes(text: str) -> int:
    minutes = int(text)
    if minutes < 1:
        raise argparse.ArgumentTypeError("expected whole minutes, at least 1")
    return minutes


def main() -> None:
    """Run the monitor, or one of its tools, with the settings of the environment."""
    parser = argparse.ArgumentParser(prog="spark-monitor", description=__doc__)
    commands = parser.add_subparsers(
        dest="command", metavar="check-rules | test-rules | refused | alarms | (nothing: run)"
    )
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

    config = settings.load(MonitorSettings)
    file = getattr(arguments, "file", None) or config.rules_file
    if arguments.command == "check-rules":
        sys.exit(check_rules(file))
    if arguments.command == "test-rules":
        sys.exit(test_rules(file, arguments.tests or file.with_suffix(".test.yaml")))
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
