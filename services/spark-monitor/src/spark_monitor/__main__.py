"""The command line: run the monitor, or one of its tools."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from confluent_kafka import KafkaException
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from sqlalchemy.exc import SQLAlchemyError

from history import actions as recorded_actions
from history.period import Period
from history.rebuild import BusyError
from rules import canary
from rules import file as rules_file
from rules.file import RulesError
from servicekit import log, settings, shutdown
from servicekit.plain import plain
from spark_monitor.app import monitor
from spark_monitor.detection.decode import MAX_NAME_LENGTH
from spark_monitor.engine.supervisor import cause_of
from spark_monitor.engine.topics import Topics
from spark_monitor.incidents import actions
from spark_monitor.settings import MonitorSettings
from spark_monitor.tools import alarms as alarm_report
from spark_monitor.tools import history as history_report
from spark_monitor.tools import rebuild_history as rebuild
from spark_monitor.tools import refused, rule_tests
from spark_monitor.tools import retire as retirements

MAX_REASON_LENGTH = 1_000


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
    """Print what is wrong with a file, a line each: what is in the file must play no tricks on the terminal."""
    print("\n".join(map(plain, str(error).split("\n"))))


def show_refused(config: MonitorSettings, number: int, *, as_input: bool) -> int:
    """Print the last refused messages; return the exit status."""
    try:
        messages = refused.last(config.kafka, number)
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
        report = alarm_report.read(config.kafka, minutes)
    except KafkaException as error:
        print(f"KAFKA_BOOTSTRAP_SERVERS={config.kafka_bootstrap_servers!r}: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(plain, report.lines(config.zone))))
    return 0


def retire(config: MonitorSettings, arguments: argparse.Namespace) -> int:
    """Publish that nobody waits for a sensor or a place any more; return the exit status."""
    word = actions.retirement(
        arguments.place, stream=arguments.stream, sensor_id=arguments.sensor, by=arguments.by,
        reason=arguments.reason, now=time.time(),
    )  # fmt: skip
    try:
        retirements.send(config.kafka, word)
    except KafkaException as error:
        print(f"KAFKA_BOOTSTRAP_SERVERS={config.kafka_bootstrap_servers!r}: {error}", file=sys.stderr)
        return 1
    print("sent; the monitor's log says what it ends")
    return 0


def show_history(config: MonitorSettings, arguments: argparse.Namespace) -> int:
    """Print what the history has of a place and day; return the exit status."""
    if config.database is None:
        print("DATABASE_URL is not set: no history is kept", file=sys.stderr)
        return 1
    try:
        rules = rules_file.load(config.rules)
    except RulesError as error:
        _print_mistakes(error)
        return 1
    if arguments.stream not in rules.streams:
        print(f"--stream {arguments.stream!r}: expected one of {', '.join(rules.streams)}", file=sys.stderr)
        return 1
    day = arguments.day or datetime.now(config.zone).date()
    period = Period.of_day(day, config.zone)
    asked, zone = (arguments.place, arguments.stream, period), config.zone
    if arguments.csv:
        lines = history_report.as_csv(config.database, *asked, zone=zone)
    else:
        lines = history_report.report(config.database, rules, *asked, zone=zone)
    try:
        shown = list(lines)
    except SQLAlchemyError as error:
        print(f"DATABASE_URL={config.database.url.render_as_string()!r}: {error}", file=sys.stderr)
        return 1
    for line in shown:
        print(plain(line))
    if len(shown) <= arguments.csv:  # its first line is there always
        print(f"nothing is known of {arguments.place!r} on {day}", file=sys.stderr)
    return 0


def check_actions(config: MonitorSettings) -> int:
    """Print whether all that people did stands in the history as it was put there; return the exit status."""
    if config.database is None:
        print("DATABASE_URL is not set: no history is kept", file=sys.stderr)
        return 1
    try:
        with config.database.connect() as connection:
            found = recorded_actions.chain(connection)
    except SQLAlchemyError as error:
        print(f"DATABASE_URL={config.database.url.render_as_string()!r}: {error}", file=sys.stderr)
        return 1
    if found.broken_at is not None:
        print(f"rantai putus di nomor {found.broken_at} dari {found.length}: tabel diubah dari luar", file=sys.stderr)
        return 1
    print(f"{found.length} tindakan, rantai utuh, hash terakhir {found.head or '-'}")
    return 0


def rebuild_history(config: MonitorSettings) -> int:
    """Rebuild the history's minutes and hours; return the exit status."""
    if config.database is None:
        print("DATABASE_URL is not set: no history is kept", file=sys.stderr)
        return 1
    try:
        rules = canary.with_canary(rules_file.load(config.rules))
        topics = Topics(config.kafka, rules.topics)
        topics.find()
        rebuild.rebuild(config, config.database, rules, topics, lambda line: print(line, flush=True))
    except RulesError as error:
        _print_mistakes(error)
    except (KafkaException, OSError, SQLAlchemyError, BusyError, PySparkException, Py4JError) as error:
        print(f"the tables are as they were: {cause_of(error)}", file=sys.stderr)
    else:
        return 0
    return 1


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day like 2026-11-22; found {text!r}") from None


def _name(text: str) -> str:
    if not (text.strip() and len(text) <= MAX_NAME_LENGTH and text.isprintable()):
        raise argparse.ArgumentTypeError(f"expected a text of 1 to {MAX_NAME_LENGTH} characters; found {text!r}")
    return text


def _reason(text: str) -> str:
    if len(text) > MAX_REASON_LENGTH:
        raise argparse.ArgumentTypeError(f"expected at most {MAX_REASON_LENGTH} characters; found {len(text)}")
    return text


def _minutes(text: str) -> int:
    minutes = int(text)
    if minutes < 1:
        raise argparse.ArgumentTypeError("expected whole minutes, at least 1")
    return minutes


def _parser() -> argparse.ArgumentParser:
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
    ended = commands.add_parser("retire", help="wait no more for a sensor, or for a whole place")
    ended.add_argument("place", type=_name, help="the warehouse or machine")
    ended.add_argument("--sensor", type=_name, help="default: all of the place")
    ended.add_argument("--stream", type=_name, help="what it measures, as in the rules; default: all")
    ended.add_argument("--by", type=_name, required=True, help="who says so")
    ended.add_argument("--reason", type=_reason, default="", help="why; it stands in the log and in the record")
    history = commands.add_parser("history", help="show what was measured in a place, hour by hour")
    history.add_argument("place", type=_name, help="the warehouse or machine")
    history.add_argument(
        "--stream", type=_name, default="suhu", help="what is measured, as in the rules; default: suhu"
    )
    history.add_argument("--day", type=_day, help="like 2026-11-22, by TZ; default: today")
    history.add_argument("--csv", action="store_true", help="minute by minute, for other programs")
    commands.add_parser("check-actions", help="say whether what people did stands as it was written")
    commands.add_parser("rebuild-history", help="rebuild minutes and hours from the archive and Kafka")
    return parser


def main() -> None:
    """Run the monitor, or one of its tools, with the settings of the environment."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.command is None:
        # Running is asked for by name: a forgotten command must not start a monitor.
        parser.print_help(sys.stderr)
        sys.exit(2)

    config = settings.load(MonitorSettings)
    file = getattr(arguments, "file", None) or config.rules
    tools: dict[str, Callable[[], int]] = {
        "check-rules": lambda: check_rules(file),
        "test-rules": lambda: test_rules(
            file, arguments.tests or file.with_suffix(".test.yaml"), config.spark_jars_dir
        ),
        "refused": lambda: show_refused(config, arguments.last, as_input=arguments.as_input),
        "alarms": lambda: show_alarms(config, arguments.minutes),
        "retire": lambda: retire(config, arguments),
        "history": lambda: show_history(config, arguments),
        "check-actions": lambda: check_actions(config),
        "rebuild-history": lambda: rebuild_history(config),
    }
    if arguments.command in tools:
        sys.exit(tools[arguments.command]())
    try:
        rules = rules_file.load(file)
    except RulesError as error:
        sys.exit(str(error))
    log.configure("spark-monitor", config.log_level, config.log_format)
    sys.exit(monitor(config, rules, shutdown.on_signals()))


if __name__ == "__main__":
    main()
