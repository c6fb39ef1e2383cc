"""What keeping the history costs the monitor that raises alerts, and how fast it alone takes in a backlog.

`python -m bench.keeping` measures alerts with the history and without it, in turns; then 3,000 readings a second; then
a backlog of a million with nothing beside it. 20 minutes. Writes bench/results/keeping.json.
"""

import contextlib
import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition
from sqlalchemy import Engine

from bench.broker import bench_kafka, renew_topics
from bench.contender import OURS, Running
from bench.measure import WARM_UP_RATE, Plan, come_to_rest, percentiles, run, started
from bench.readings import TOPICS, Series
from bench.results import CLIENT, Reader
from bench.send import sending
from devstack.eventually import eventually
from devstack.jars import SPARK_POM
from devstack.layout import ROOT
from devstack.postgres import local_postgres
from history import merge
from history.database import engine
from rules import file as rules_file
from servicekit import settings
from spark_monitor.engine import history_query, kafka_source
from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.history_query import MESSAGES_AT_ONCE, History
from spark_monitor.engine.micro_batches import session_for
from spark_monitor.engine.session import open_session
from spark_monitor.engine.topics import Topics
from spark_monitor.settings import MonitorSettings

RESULTS = ROOT / "bench/results/keeping.json"
ROUNDS = 3
PLAN = Plan(rounds=1, rates=(300,), warm_up=30_000, measured=30, rest=30, idle=0, backlog=0)
LOW_RATE, LOW_SECONDS = 6, 60
BACKLOG = 1_000_000
KEPT_UP_SECONDS = 120
"""How long 3,000 readings a second come."""

OFF = "off"


def ends(bootstrap: str) -> dict[str, int]:
    """Return where the sensors' topics end."""
    consumer = Consumer({"bootstrap.servers": bootstrap, **CLIENT})
    try:
        return {
            topic: consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1] for topic in TOPICS.values()
        }
    finally:
        consumer.close()


def has_all(database: Engine, expected: dict[str, int]) -> bool:
    """Say whether the tables have all messages before some offsets."""
    known = merge.positions(database)
    return all(known.get(topic, {}).get("0", -1) >= offset for topic, offset in expected.items())


def used_by_postgres() -> float:
    """Return the processor seconds of all processes of PostgreSQL, those that have ended with them."""
    total = 0.0
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.name() == "postgres":
                times = each.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def cores_at_a_low_rate(bootstrap: str, jars: Path, folder: Path, url: str) -> float:
    """Return how many cores the monitor and its database use at 6 readings a second."""
    os.environ["DATABASE_URL"] = url
    renew_topics(bootstrap)
    reader = Reader(bootstrap, OURS.alerts, OURS.statuses)
    reader.start()
    try:
        with Running(OURS, bootstrap, jars, folder / "state", "latest") as running:
            started(running, reader, bootstrap, time.monotonic())
            with sending(bootstrap, Series("warm", WARM_UP_RATE), PLAN.warm_up) as sender:
                sender.wait()
            come_to_rest(running, PLAN.rest)
            with sending(bootstrap, Series("low", LOW_RATE), LOW_RATE * LOW_SECONDS) as sender:
                begun, used = time.monotonic(), running.cpu_seconds() + used_by_postgres()
                sender.wait()
                return (running.cpu_seconds() + used_by_postgres() - used) / (time.monotonic() - begun)
    finally:
        reader.end()


def keeps_up(bootstrap: str, jars: Path, folder: Path, url: str) -> float:
    """Send 3,000 readings a second for a while; return how many seconds after the last one the history has them all."""
    os.environ["DATABASE_URL"] = url
    renew_topics(bootstrap)
    database = engine(url)
    with Running(OURS, bootstrap, jars, folder / "state", "latest"):
        eventually(lambda: has_all(database, ends(bootstrap)), lambda: "no history", 120)
        with sending(bootstrap, Series("up", WARM_UP_RATE), WARM_UP_RATE * KEPT_UP_SECONDS) as sender:
            sender.wait()
        begun = time.monotonic()
        eventually(lambda: has_all(database, ends(bootstrap)), lambda: "the history lags", 300)
    database.dispose()
    return time.monotonic() - begun


def backlog(bootstrap: str, jars: Path, folder: Path, url: str) -> float:
    """Return how many readings a second the history's query takes in, with nothing beside it."""
    renew_topics(bootstrap)
    with sending(bootstrap, Series("backlog", WARM_UP_RATE), BACKLOG, "--backlog") as sender:
        sender.wait()
    os.environ |= {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "DATABASE_URL": url, "SPARK_JARS_DIR": str(jars),
        "CHECKPOINT_DIR": str(folder / "alone"),
    }  # fmt: skip
    config = settings.load(MonitorSettings)
    rules = rules_file.load(ROOT / "services/spark-monitor/rules.yaml")
    spark = open_session(config, os.cpu_count() or 1)
    stop = threading.Event()
    topics = Topics(config.kafka, rules.topics)
    topics.find()
    database = engine(url)
    history = History(database, config.history_minute_days, print, stop)
    begin = history.open(lambda: topics.extent(rules.topics))
    expected = ends(bootstrap)
    begun = time.monotonic()
    messages = kafka_source.as_they_come(session_for(spark), config, rules.topics, begin, at_once=MESSAGES_AT_ONCE)
    query = history_query.start(messages, rules, history, LocalStoragePath(folder / "alone" / "history"), begin)
    eventually(lambda: has_all(database, expected), lambda: f"{merge.positions(database)} of {expected}", 300)
    seconds = time.monotonic() - begun
    query.stop()
    spark.stop()
    database.dispose()
    return BACKLOG / seconds


def measure() -> dict[str, Any]:
    """Measure all of it, each time with a database of its own."""
    found: dict[str, Any] = {name: {"alerts_ms": [], "cores": []} for name in ("with", "without")}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        bench_kafka(Path(name, "kafka"), [SPARK_POM]) as (bootstrap, fetched),
    ):
        folder, jars, number = Path(name), fetched[SPARK_POM], itertools.count()

        @contextmanager
        def postgres() -> Iterator[str]:
            with local_postgres(folder / f"postgres{next(number)}") as server:
                yield server.url

        for _ in range(ROUNDS):
            for kind, each in found.items():
                with postgres() as server:
                    url = server if kind == "with" else OFF
                    os.environ["DATABASE_URL"] = url
                    measured = run(OURS, bootstrap, jars, folder, PLAN, is_first=False)
                    each["alerts_ms"].append(percentiles(measured.alerts[300]))
                    each["cores"].append(cores_at_a_low_rate(bootstrap, jars, folder, url))
                print(kind, each["alerts_ms"][-1], each["cores"][-1], flush=True)
        with postgres() as server:
            found["behind_seconds"] = keeps_up(bootstrap, jars, folder, server)
        with postgres() as server:
            found["backlog_per_second"] = backlog(bootstrap, jars, folder, server)
    return found


def main() -> None:
    """Measure, and keep what was found."""
    found = measure()
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    for kind in ("with", "without"):
        each = found[kind]
        p50, p99 = (statistics.median(one[name] for one in each["alerts_ms"]) for name in ("p50", "p99"))
        print(
            f"{kind} the history: alerts {p50:.1f} / {p99:.1f} ms, {statistics.median(each['cores']):.3f} cores at 6/s"
        )
    print(f"3,000/s: all is there {found['behind_seconds']:.0f} s after the last reading")
    print(f"backlog of {BACKLOG:,}: {found['backlog_per_second']:,.0f}/s")


if __name__ == "__main__":
    main()
