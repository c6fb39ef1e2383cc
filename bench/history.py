"""A year of 100 sensors, a reading a minute: how fast the history takes it in, what it takes up, how fast it answers.

`python -m bench.history` writes the year as an archive, lets `rebuild-history` load it into a PostgreSQL of its own,
asks questions, and writes bench/results/history.json. 40 minutes and 12 GB of disk; `--days 30` takes fewer.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine, text

from devstack import spark_java
from devstack.kafka import local_kafka
from devstack.layout import ROOT, Site
from devstack.monitor_process import create_topics
from devstack.postgres import local_postgres
from devstack.processes import running
from history.database import engine
from history.figures import figures
from history.period import Period
from history.series import series
from messages.topics import CANARY, SUHU
from rules import canary

RESULTS = ROOT / "bench/results/history.json"
SENSORS = 100
MINUTES = 24 * 60
PULSES = 24 * 60 * 12
"""The canary's, a day."""

QUESTIONS = 200
DAY = timedelta(days=1)
LAST = date(2026, 11, 1)


Column = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Asked:
    """A question: how long it is about, what is asked, and how long the answer may take (p95, ms)."""

    name: str
    length: timedelta
    ask: Callable[[Connection, str, Period], object]
    aim: float


CANARY_PLACE = (canary.ENTITY, canary.NAME)
ASKED = (
    Asked("series of 24 h, by minutes", DAY, lambda c, g, p: series(c, g, "suhu", p, 1440, canary=CANARY_PLACE), 20),
    Asked(
        "series of a year, by hours", 365 * DAY, lambda c, g, p: series(c, g, "suhu", p, 1000, canary=CANARY_PLACE), 50
    ),
    Asked("figures of a month", 30 * DAY, lambda c, g, p: figures(c, g, "suhu", p, canary=CANARY_PLACE), 50),
)


def write_day(archive: Path, day: date, dice: np.random.Generator) -> int:
    """Write a day as the monitor's archive has it; return how many readings it is."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1_000_000)
    shape = (SENSORS, MINUTES)
    hours = np.arange(MINUTES) / 60
    curve = 70 + 6 * np.sin((hours - 8) / 24 * 2 * np.pi)
    values = (curve + dice.normal(0, 1, SENSORS)[:, None] + dice.normal(0, 0.3, shape)).round(2).ravel()
    at = (begin + np.arange(MINUTES) * 60_000_000 + dice.integers(0, 2_000_000, shape)).ravel()
    places = np.repeat([f"G{number:03}" for number in range(SENSORS)], MINUTES)
    _write(archive / f"day={day}" / "stream=suhu", SUHU, places, at, values)
    pulses = begin + np.arange(PULSES) * 5_000_000
    _write(
        archive / f"day={day}" / f"stream={canary.NAME}", CANARY, np.repeat([canary.ENTITY], PULSES), pulses,
        pulses / 1000,
    )  # fmt: skip
    (archive / f"day={day}" / "_SUCCESS").touch()
    return len(values)


def _write(folder: Path, topic: str, places: Column, at: Column, values: Column) -> None:
    number = len(values)
    moments = pa.array(at, pa.timestamp("us", "UTC"))
    table = pa.table(
        {
            "entity_id": places,
            "sensor_id": pa.nulls(number, pa.string()),
            "event_time": moments,
            "received_at": moments,
            "value": pa.array(values, pa.float64()),
            "time_source": np.repeat(["sensor"], number),
            "topic": np.repeat([topic], number),
            "partition": pa.array(np.zeros(number), pa.int32()),
            "offset": pa.array(np.arange(number), pa.int64()),
        }
    )
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "part-00000.zstd.parquet", compression="zstd")


def load(archive: Path, url: str, bootstrap: str, java: dict[str, str]) -> float:
    """Let the product load it; return the seconds that this took."""
    env = {
        **os.environ, **java, "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "DATABASE_URL": url, "LOG_FORMAT": "json",
        "ARCHIVE_LOCATION": str(archive), "RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
    }  # fmt: skip
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "spark_monitor", "rebuild-history"], env=env, check=True)
    return time.monotonic() - begun


def sizes(connection: Connection) -> dict[str, int]:
    """Return rows and bytes of the tables."""
    of_minutes = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('minute')"
    return {
        "minutes": connection.execute(text("SELECT count(*) FROM minute")).scalar_one(),
        "hours": connection.execute(text("SELECT count(*) FROM hour")).scalar_one(),
        "minute_bytes": int(connection.execute(text(of_minutes)).scalar_one()),
        "hour_bytes": connection.execute(text("SELECT pg_total_relation_size('hour')")).scalar_one(),
    }


def answers(connection: Connection, days: int) -> dict[str, dict[str, float]]:
    """Return how long the answers take, in ms."""
    dice = random.Random(1)  # noqa: S311 - no secret
    end = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC)
    found = {}
    for each in ASKED:
        length = min(each.length, days * DAY)
        times = []
        before = int((days * DAY - length).total_seconds()) // 60
        for _ in range(QUESTIONS):
            place = f"G{dice.randrange(SENSORS):03}"
            start = end - length - timedelta(minutes=dice.randrange(before + 1))
            begun = time.perf_counter()
            if not each.ask(connection, place, Period(start, start + length)):
                sys.exit(f"no answer: {each.name} of {place} from {start}")
            times.append((time.perf_counter() - begun) * 1000)
        found[each.name] = {
            "p50": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1], "aim": each.aim,
        }  # fmt: skip
    return found


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    readings = results["readings"]
    rows = [
        ("readings", f"{readings:,} of {SENSORS} sensors, one a minute"),
        ("loaded by `rebuild-history`", f"{readings / results['load_seconds']:,.0f} readings/s"),
        ("in the archive", f"{results['archive_bytes'] / readings:.1f} bytes a reading"),
        ("`minute`", f"{results['minutes']:,} rows, {results['minute_bytes'] / readings:.0f} bytes a reading"),
        ("`hour`", f"{results['hours']:,} rows, {results['hour_bytes'] / readings:.1f} bytes a reading"),
        *(
            (name, f"{each['p50']:.1f} ms, p95 {each['p95']:.1f} ms (aim {each['aim']:.0f})")
            for name, each in results["answers"].items()
        ),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {found} |" for name, found in rows)])


def measure(days: int) -> dict[str, Any]:
    """Write, load, ask."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        archive = Path(folder, "archive")
        dice = np.random.default_rng(1)
        readings = sum(write_day(archive, LAST - number * DAY, dice) for number in range(1, days + 1))
        site = Site(state=Path(folder, "kafka"), kafka_port=29192, zookeeper_port=22281)
        with running(site.logs) as processes:
            java = spark_java.environment(Site(), processes)
        with local_kafka(site) as broker, local_postgres(Path(folder, "postgres")) as postgres:
            create_topics(broker.bootstrap, ROOT / "infra/topic-init/topics.yaml")
            seconds = load(archive, postgres.url, broker.bootstrap, java)
            database: Engine = engine(postgres.url)
            with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
                found = sizes(connection) | {"answers": answers(connection, days)}
            database.dispose()
        size = sum(file.stat().st_size for file in archive.rglob("stream=suhu/*.parquet"))
    return {"readings": readings, "days": days, "load_seconds": seconds, "archive_bytes": size, **found}


def main() -> None:
    """Measure, or only show what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--within", type=Path, metavar="PAGE", help="only check that a page has the table")
    parser.add_argument("--days", type=int, default=365, help="default: 365; fewer are not kept as results")
    arguments = parser.parse_args()
    if arguments.within is not None:
        shown = table(json.loads(RESULTS.read_text("utf-8")))
        if shown not in arguments.within.read_text("utf-8"):
            sys.exit(f"{arguments.within}: expected the table of {RESULTS.name}:\n{shown}")
        return
    results = measure(arguments.days)
    if arguments.days == 365:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
