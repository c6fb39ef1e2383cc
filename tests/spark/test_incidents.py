"""The incidents through Spark's own stateful operator: batches, timers, and a restart in the middle."""

import json
import math
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from tests import realistic_hour

from devstack.eventually import eventually
from messages.actions import to_json
from messages.topics import ACTIONS, CANARY, KELEMBABAN, SUHU
from rules.model import Rules
from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.incident_query import kept_before, publisher, start
from spark_monitor.engine.micro_batches import session_for, stop_between_batches
from spark_monitor.incidents import actions, answers, operator
from spark_monitor.incidents.life_cycle import LifeCycle, Reading, Step
from spark_monitor.incidents.operator import WORKER, incident_records
from spark_monitor.incidents.records import Record

TOPICS = {"suhu": SUHU, "kelembaban": KELEMBABAN}
SCHEMA = "value string, topic string, partition int, offset long, received double, raw string, key string"
FIGURES = ["peak", "mean", "duration_seconds", "degree_minutes", "readings", "coverage", "gap_seconds", "closed_at"]


class Source:
    """A folder of files that stands for Kafka, one file a batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offset = 0
        (folder / "rows").mkdir()

    def add(self, rows: list[realistic_hour.Measured], received: float | None = None) -> None:
        """Write the readings of a batch, received when they were measured or at another time (epoch seconds)."""
        lines = []
        for row in rows:
            value = {"gudang_id": row.entity_id, row.stream: row.value, "timestamp": row.event_time}
            message = {
                "value": json.dumps(value | {"sensor_id": row.sensor_id}),
                "topic": TOPICS[row.stream],
                "partition": 0,
                "offset": self._offset,
                "received": row.event_time if received is None else received,
            }
            lines.append(json.dumps(message))
            self._offset += 1
        self._write(lines)

    def actions(self, *records: tuple[bytes | None, bytes]) -> None:
        """Write records (key, value) of the actions' topic as a batch."""
        at = {"topic": ACTIONS, "partition": 0, "offset": self._offset, "received": time.time()}
        self._write(
            [json.dumps(at | {"raw": value.hex(), "key": None if key is None else key.hex()}) for key, value in records]
        )

    def _write(self, lines: list[str]) -> None:
        self._offset += 1
        new = self._folder / "new.json"
        new.write_text("\n".join(lines))
        new.rename(self._folder / "rows" / f"{self._offset:08}.json")

    def pulse(self, at: float, received: float) -> None:
        """Write a pulse of the canary as a batch: when it was sent, and when Kafka got it."""
        value = json.dumps({"monitor": "spark-monitor", "pulse": round(at * 1000)})
        message = {"value": value, "topic": CANARY, "partition": 0, "offset": self._offset, "received": received}
        self._write([json.dumps(message)])

    def messages(self, session: SparkSession) -> DataFrame:
        """Return the rows in the form of Spark's Kafka source; each batch takes one file."""
        rows = session.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(str(self._folder / "rows"))
        return rows.select(
            F.unhex("key").alias("key"),
            F.coalesce(F.unhex("raw"), F.col("value").cast("binary")).alias("value"),
            "topic",
            "partition",
            "offset",
            F.timestamp_seconds("received").alias("timestamp"),
        )


class Running:
    """The query on a source, with what it said, over restarts."""

    def __init__(self, spark: SparkSession, rules: Rules, folder: Path) -> None:
        self.source = Source(folder)
        self.records: list[Record] = []
        self.plans: list[str] = []
        self._session = session_for(spark)
        # This source has no canary, whose pulses make a batch when something is due and no readings come.
        self._session.conf.unset("spark.sql.streaming.noDataMicroBatches.enabled")
        self._rules = rules
        self._folder = folder
        self._query: StreamingQuery

    def start(
        self, publish: Callable[[DataFrame, int], None] | None = None, *, before: DataFrame | None = None
    ) -> None:
        """Start it where it stood; `publish` in place of remembering what it says; `before`: what is taken over."""

        def keep(batch: DataFrame, _number: int) -> None:
            records = [json.loads(row.record) for row in batch.collect()]
            self.records += records
            if records and hasattr(self, "_query"):
                self.plans.append(self._query._jsq.explainInternal(False))  # noqa: SLF001 - there is no other way

        records = incident_records(self.source.messages(self._session), self._rules, "Asia/Jakarta", before)
        self._query = start(records, LocalStoragePath(self._folder / "checkpoint"), publish or keep)

    def wait_for(self, what: str, seconds: float = 60) -> list[Record]:
        """Wait for records whose rule and state are `what`; return those."""

        def found() -> list[Record]:
            assert self._query.exception() is None, self._query.exception()
            return [record for record in self.records if f"{record['rule']} {record['state']}" == what]

        eventually(found, lambda: f"no {what}: {[(r['rule'], r['state']) for r in self.records]}", seconds)
        return found()

    def has_read(self, files: int) -> bool:
        """Say whether so many files are through. A batch without any, for what is due, does not count."""
        assert self._query.exception() is None, self._query.exception()
        folder = self._folder / "checkpoint"
        done = [int(file.name) for file in (folder / "commits").glob("*") if file.name.isdigit()]
        if not done:
            return files == 0
        offset = json.loads((folder / f"offsets/{max(done)}").read_text().splitlines()[-1])
        return int(offset["logOffset"]) + 1 >= files

    def stop(self) -> None:
        """Stop it between two batches."""
        stop_between_batches(self._query)

    def exception(self) -> Exception | None:
        """Return why it ended, once it has."""
        eventually(lambda: not self._query.isActive, lambda: "the query lives on")
        return self._query.exception()

    def uncommit(self) -> None:
        """Leave the checkpoint as a kill before the first batch's commit would."""
        checkpoint = self._folder / "checkpoint"
        later = [file for file in (checkpoint / "offsets").glob("[0-9]*") if file.name != "0"]
        for file in [*(checkpoint / "commits").glob("[0-9]*"), *later]:
            file.unlink()
            file.with_name(f".{file.name}.crc").unlink(missing_ok=True)


@pytest.fixture
def running(spark: SparkSession, warehouse: Rules, tmp_path: Path) -> Iterator[Running]:
    query = Running(spark, warehouse, tmp_path)
    yield query
    query.stop()


def steady(entity: str, begin: float, seconds: int, value: float) -> list[realistic_hour.Measured]:
    return [realistic_hour.Measured(entity, "suhu", "suhu-7f3a", value, begin + second) for second in range(seconds)]


def test_an_hour_in_a_few_batches_equals_pandas_also_over_a_restart(running: Running) -> None:
    rows = list(realistic_hour.readings())
    expected = realistic_hour.incidents(rows)
    *batches, last = rows[:1000], rows[1000:8000], rows[8000:8040], rows[8040:17_040], rows[17_040:]
    for batch in batches:
        running.source.add(batch)
    running.start()
    eventually(lambda: running.has_read(3), lambda: "three batches are not through", 120)
    running.stop()
    # Only now: a start that finds nothing to read has no batch, and none without readings for what is due behind it.
    running.source.add(last)
    running.start()
    eventually(lambda: running.has_read(len(batches) + 1), lambda: "not all batches are through", 120)
    assert running.plans
    assert not [plan for plan in running.plans if "Exchange" in plan], "a batch must be one task: it has one slot"
    threshold = [record for record in running.records if record["kind"] == "threshold"]
    found = {record["incident_id"]: record for record in threshold if record["state"] == "closed"}
    still_open = {record["incident_id"] for record in threshold} - found.keys()
    over = expected[expected["closed_at"].notna()]
    assert len(found) == len(over) > 10
    assert len(still_open) == len(expected) - len(over)
    for row in over.to_dict("records"):
        record = found[f"{row['stream']}_tinggi-{row['entity_id']}-{round(row['opened_at'] * 1000)}"]
        for figure in FIGURES:
            assert math.isclose(record[figure], row[figure], rel_tol=0, abs_tol=1e-9), (figure, record, row)
        if row["stream"] == "suhu":
            assert math.isclose(record["mkt"], row["mkt"], rel_tol=0, abs_tol=1e-9)


def test_a_repeated_batch_says_the_same_once_more(running: Running) -> None:
    """What a kill before the commit leads to: the same records, down to the moment, so that they can be dropped."""
    begin = time.time() - 40
    running.source.add(steady("G1", begin, 40, 85.0))
    running.start()
    (opened,) = running.wait_for("suhu_tinggi opened")
    eventually(lambda: running.has_read(1), lambda: "no commit")
    running.stop()
    running.uncommit()
    running.records.clear()
    running.start()
    assert running.wait_for("suhu_tinggi opened") == [opened]


def test_a_silence_is_found_by_the_clock_and_ends_with_a_reading(running: Running) -> None:
    running.start()
    begin = time.time()
    running.source.add(steady("G1", begin - 39, 40, 85.0), received=begin)
    (silent,) = running.wait_for("diam opened")
    late = time.time() - begin
    assert silent["message"].startswith("[Sensor Diam] Gudang G1: suhu tidak terkirim sejak ")
    assert silent["message"].endswith(" detik (suhu-7f3a)")
    assert 5 <= late < 5 + 3 + 2, "the test's own start-up takes a little, too"
    running.wait_for("suhu_tinggi unknown")
    running.source.add(steady("G1", time.time(), 1, 85.0))
    running.wait_for("diam recovered")
    running.wait_for("suhu_tinggi reminder")
    assert not [record for record in running.records if record["rule"] == "suhu_tinggi" and record["state"] == "closed"]


ODD_ACTIONS: list[tuple[bytes | None, bytes]] = [
    (b"G1", b"\xff\xfe"),
    (b"\xff", b"{}"),
    (None, b"{}"),
    (b"", b"[]"),
    (b"G1", b"[" * 100_000),
    (b"G1", b"x" * 100_000),
    (b"G1", b"no JSON"),
    (b"G2", b'{"action_id":"1","action":"retire","entity_id":"G1","by":"x","at":1,"reason":""}'),
    (
        b"G1",
        b'{"action_id":"1","action":"retire","entity_id":"G1","stream":null,"sensor_id":null,"by":"","at":1,"reason":""}',
    ),
]


def test_an_action_that_nobody_can_have_meant_is_told_and_ends_nothing(running: Running) -> None:
    """Anybody may write to the topic."""
    published: list[Record] = []
    told: list[str] = []
    topic = SimpleNamespace(publish=published.extend)
    running.start(publisher(cast(Any, topic), list, told.append))
    running.source.add(steady("G1", time.time() - 60, 40, 85.0))
    running.source.actions(*ODD_ACTIONS)
    running.source.pulse(time.time(), received=time.time())
    meant = actions.retirement("G1", stream=None, sensor_id=None, by="Budi", reason="dilepas", now=time.time())
    running.source.actions((b"G1", to_json(meant)))
    eventually(lambda: running.has_read(4), lambda: f"the query has ended: {told}")
    ends = [(record["rule"], record["state"]) for record in published if record["state"] == "retired"]
    assert ends == [("suhu_tinggi", "retired"), ("diam", "retired")]
    assert {line.split(": insiden")[0] for line in told} >= {"[Monitor Rusak] G1", "[Monitor Rusak] G2"}


def test_a_batch_that_is_over_leaves_no_job_in_spark(running: Running, spark: SparkSession) -> None:
    """A job that stays keeps its whole plan: with a batch each few seconds the memory is full within the hour."""
    scheduler = spark.sparkContext._jsc.sc().dagScheduler()  # noqa: SLF001 - there is no other way

    def jobs() -> int:
        return sum(of.size() for of in scheduler.activeQueryToJobs().values())

    before = jobs()
    running.start(publisher(cast(Any, SimpleNamespace(publish=list)), list, print))
    for batch in range(3):
        running.source.add(steady(f"G{batch}", time.time() - 40, 40, 85.0))
    eventually(lambda: running.has_read(3), lambda: "not all batches are through")
    running.stop()
    eventually(lambda: jobs() <= before, lambda: f"{jobs() - before} jobs stay")


def test_a_batch_that_fails_says_why_in_a_line(running: Running, spark: SparkSession) -> None:
    """With Java's whole stack in Python's error, Spark would end the query without one."""

    def fail(_records: list[Record]) -> list[Record]:
        java: Any = spark._jvm  # noqa: SLF001 - what a full disk or a lost broker raises comes from there
        java.java.lang.Integer.parseInt("no number")
        return []

    running.start(publisher(cast(Any, SimpleNamespace(publish=list)), fail, print))
    running.source.add(steady("G1", time.time() - 40, 40, 85.0))
    failure = str(running.exception())
    assert 'BatchError: For input string: "no number"' in failure


def checkpoint_of_format_1(folder: Path) -> LocalStoragePath:
    """Unpack a checkpoint of the first form: G1 is too hot since BEGIN, G2 was for 20 s, both are silent."""
    with tarfile.open(Path(__file__).with_name("checkpoints") / "incidents-1.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    # Spark notes where it was.
    metadata = folder / "state/0/_metadata/v2/0"
    metadata.write_text(metadata.read_text().replace("CHECKPOINT", str(folder)))
    return LocalStoragePath(folder)


BEGIN = 1_790_000_000.0


def test_what_the_version_before_knew_is_taken_over(
    running: Running, spark: SparkSession, warehouse: Rules, tmp_path: Path
) -> None:
    """An incident that is open during the upgrade goes on under its name, and its timers fire."""
    told: list[str] = []
    before = kept_before(spark, checkpoint_of_format_1(tmp_path / "incidents-1"), told.append)
    assert before is not None
    life = LifeCycle(warehouse, "Asia/Jakarta")
    spoke = [Reading("suhu", "suhu-1", 75.0, at, at) for at in (BEGIN, BEGIN + 1)]
    state, due, _records = life.read("G9", None, spoke, BEGIN + 2)
    assert due is not None
    g9 = spark.createDataFrame([("G9", state, round(due * 1000))], before.schema)
    running.source.add(steady("G1", BEGIN + 40, 40, 70.0), received=BEGIN + 80)
    running.start(before=before.union(g9))
    (closed,) = running.wait_for("suhu_tinggi closed")
    assert closed["incident_id"] == f"suhu_tinggi-G1-{round(BEGIN * 1000)}"
    assert closed["peak"] == 85.0
    running.wait_for("diam recovered")
    assert "G9" in {record["entity_id"] for record in running.wait_for("diam opened")}, "its timer is long due"
    running.stop()
    running.start()
    running.source.add(steady("G2", BEGIN + 40, 40, 70.0), received=BEGIN + 80)
    eventually(lambda: len(running.wait_for("diam recovered")) == 2, lambda: f"{running.records}")
    assert told == []


def test_what_cannot_be_taken_over_is_told(spark: SparkSession, tmp_path: Path) -> None:
    told: list[str] = []
    folder = checkpoint_of_format_1(tmp_path / "incidents-1")
    (folder / "state").remove()
    assert kept_before(spark, folder, told.append) is None
    (line,) = told
    assert line.startswith("[Monitor Rusak] insiden yang terbuka tidak dapat diambil alih dari versi sebelumnya")


def test_a_process_that_dies_is_started_again(running: Running) -> None:
    """What it is asked has all that it needs to know."""
    running.start()
    running.source.add(steady("G1", time.time() - 60, 20, 85.0))
    eventually(lambda: running.has_read(1), lambda: "the first batch is not through")
    commands = ((child, child.as_dict(["cmdline"])["cmdline"]) for child in psutil.Process().children(recursive=True))
    workers = [child for child, command in commands if WORKER[-1] in (command or [])]
    for worker in workers:
        worker.kill()
    assert workers
    running.source.add(steady("G1", time.time() - 40, 40, 85.0))
    running.wait_for("suhu_tinggi opened")


POISON = 13.0


class Fragile(LifeCycle):
    """A life that fails over a reading of POISON, and for a while whenever it looks at the entity `late`."""

    until = 0.0

    def read(self, entity_id: str, state: str | None, readings: Iterable[Reading], now: float) -> Step:
        """Fail in the middle of the readings."""

        def poisoned() -> Iterator[Reading]:
            for reading in readings:
                if reading.value == POISON:
                    raise ZeroDivisionError("poison")
                yield reading

        return super().read(entity_id, state, poisoned(), now)

    def pass_time(self, entity_id: str, state: str | None, now: float) -> Step:
        """Fail until a moment; then the timer must have been set again."""
        answers.RETRY_SECONDS = 1
        if entity_id == "late" and now < self.until:
            raise OverflowError("too early")
        return super().pass_time(entity_id, state, now)


def test_an_entity_that_cannot_be_worked_on_ends_no_other(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its state stays as it was, so what comes afterwards goes on from there; the operator hears of it."""
    # Spark's workers can't import the tests.
    cast(Any, cloudpickle).register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(operator, "LifeCycle", Fragile)
    begin = time.time() - 60
    monkeypatch.setattr(Fragile, "until", time.time() + 12)
    published: list[Record] = []
    told: list[str] = []
    topic = SimpleNamespace(publish=published.extend)
    running.start(publisher(cast(Any, topic), list, told.append))

    def found(what: str) -> list[Record]:
        return [each for each in published if f"{each['entity_id']} {each['rule']} {each['state']}" == what]

    running.source.add([*steady("bad", begin, 20, 85.0), *steady("good", begin, 20, 85.0)])
    eventually(lambda: running.has_read(1), lambda: "the first batch is not through")
    poisoned = [*steady("bad", begin + 20, 1, 99.0), *steady("bad", begin + 21, 1, POISON)]
    running.source.add([*poisoned, *steady("late", begin, 20, 85.0), *steady("good", begin + 20, 20, 85.0)])
    eventually(lambda: found("good suhu_tinggi opened"), lambda: f"{published}, {told}")
    running.source.add(steady("bad", begin + 22, 20, 85.0))
    eventually(lambda: found("bad suhu_tinggi opened"), lambda: f"{published}, {told}")
    (bad,) = found("bad suhu_tinggi opened")
    assert bad["opened_at"] == pytest.approx(begin, abs=1e-3)
    assert bad["peak"] == 85.0, "the batch with the poison is as if it had not been"
    eventually(lambda: found("late diam opened"), lambda: f"its timer was not set again: {published}, {told}")
    assert sorted(line.split(" (")[0] for line in told) == [
        "[Monitor Rusak] bad: insiden tidak dapat dihitung",
        "[Monitor Rusak] late: insiden tidak dapat dihitung",
    ]
    assert any("(ZeroDivisionError: poison (test_incidents.py:" in line for line in told), told
