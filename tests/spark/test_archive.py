"""A day in Parquet: what was written is read again, by Spark and by others, and a broken attempt leaves nothing."""

import csv
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.spark.kafka_rows import RECEIVED, kafka_rows

from devstack.layout import ROOT
from rules.model import Rules
from spark_monitor.detection.decode import accepted, decode
from spark_monitor.engine.archive import Archive
from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.checkpoints import Extent, Offsets
from spark_monitor.history.minutes import keyed, summing
from spark_monitor.tools.rebuild_history import is_to_come

DAY = date(2026, 11, 22)


@pytest.fixture
def archive(spark: SparkSession, tmp_path: Path) -> Archive:
    return Archive(spark, LocalStoragePath(tmp_path / "archive"))


def readings(archive: Archive, rules: Rules, number: int = 50) -> DataFrame:
    messages: list[tuple[str, Any]] = [
        (
            "suhu",
            {"gudang_id": f"G{n % 3}", "suhu": 70 + n / 8, "timestamp": RECEIVED - n + 0.25, "sensor_id": f"s{n % 2}"},
        )
        for n in range(number)
    ]
    messages.append(("kelembaban", {"gudang_id": "❄ 'G1'", "kelembaban": 60}))
    messages.append(("suhu", b"{"))
    return accepted(decode(kafka_rows(archive.spark, messages), rules))


def test_a_day_is_the_same_minutes_as_its_messages(archive: Archive, warehouse: Rules) -> None:
    given = readings(archive, warehouse)
    archive.write(given, DAY)
    expected, found = ([*csv.reader(lines(rows, warehouse))] for rows in (given, archive.read(DAY)))
    assert len(expected) == 6 * 2 + 1  # two minutes of six sensors, and one of another stream
    for one, other in zip(expected, found, strict=True):
        assert [about(each) for each in other] == [about(each) for each in one]


def lines(rows: DataFrame, rules: Rules) -> list[str]:
    return sorted(row.line for row in summing(rules)(keyed(rows)).collect())


def about(field: str) -> object:
    """Return a field, a number with 12 digits: the last ones depend on the order in which it was summed."""
    try:
        return f"{float(field):.12g}" if "E" in field else field
    except ValueError:
        return field


def test_each_stream_has_a_file_sorted_by_place_and_time(archive: Archive, warehouse: Rules, tmp_path: Path) -> None:
    archive.write(readings(archive, warehouse), DAY)
    folders = sorted(str(each.relative_to(tmp_path / "archive").parent) for each in tmp_path.rglob("*.parquet"))
    assert folders == ["day=2026-11-22/stream=kelembaban", "day=2026-11-22/stream=suhu"]
    (file,) = tmp_path.rglob("stream=suhu/*.zstd.parquet")
    found = duckdb.execute('SELECT entity_id, sensor_id, event_time, value, "offset" FROM read_parquet(?)', [str(file)])
    rows = found.fetchall()
    keys = [(entity, at) for entity, _, at, _, _ in rows]
    assert keys == sorted(keys)
    assert rows[-1] == ("G2", "s0", datetime.fromtimestamp(RECEIVED - 2 + 0.25, UTC), 70.25, 2)


def test_the_documented_questions_are_answered(
    archive: Archive, warehouse: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.write(readings(archive, warehouse), DAY)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/history.md").read_text("utf-8")
    (sql,) = re.findall(r"```sql\n(SELECT.*?)```", text, re.DOTALL)
    assert duckdb.execute(sql).fetchall()[-1][::2] == ("G2", 75.875)
    (line,) = re.findall(r"```python\n(spark\.read.*?)\n```", text)
    found = eval(line.replace('"archive"', f'"{tmp_path}/archive"'), {"spark": archive.spark})  # noqa: S307 - our own document
    assert found.count() == 50


def test_a_broken_attempt_is_no_day_and_is_replaced(archive: Archive, warehouse: Rules, tmp_path: Path) -> None:
    archive.write(readings(archive, warehouse), DAY)
    (tmp_path / "archive/day=2026-11-22/_SUCCESS").unlink()
    assert archive.days() == []
    archive.write(readings(archive, warehouse, 10), DAY)
    assert archive.days() == [DAY]
    assert archive.read(DAY).count() == 11


def test_a_day_without_a_reading_is_whole(archive: Archive, warehouse: Rules) -> None:
    archive.write(readings(archive, warehouse).where("false"), DAY)
    assert archive.days() == [DAY]
    assert archive.read(DAY).count() == 0


def test_old_days_are_removed(archive: Archive, warehouse: Rules) -> None:
    for day in (DAY, date(2026, 11, 20), date(2026, 10, 31)):
        archive.write(readings(archive, warehouse, 1), day)
    assert archive.remove_before(date(2026, 11, 20)) == [date(2026, 10, 31)]
    assert archive.days() == [date(2026, 11, 20), DAY]


KNOWN = {"suhu": {"0": 50, "1": 70}}
KAFKA = Extent(first={"suhu": {"0": 40, "1": 70}}, ends={"suhu": {"0": 90, "1": 90}})
OF_THE_DAY: tuple[Offsets, Offsets] = ({"suhu": {"0": 40, "1": 70}}, {"suhu": {"0": 80, "1": 70}})


@pytest.mark.parametrize(
    ("partition", "offset", "span", "expected"),
    [
        (0, 49, OF_THE_DAY, False),
        (0, 50, OF_THE_DAY, True),
        # Kafka has nothing of the day any more: the offsets are those of a topic before this one.
        (0, 60, None, False),
        (1, 95, OF_THE_DAY, False),
        (7, 95, OF_THE_DAY, False),
    ],
)
def test_what_the_monitor_has_yet_to_add_is_left_to_it(
    spark: SparkSession, partition: int, offset: int, span: tuple[Offsets, Offsets] | None, *, expected: bool
) -> None:
    row = spark.createDataFrame([("suhu", partition, offset)], "topic string, partition int, offset long")
    assert row.select(is_to_come(KAFKA, KNOWN, span)).first() == (expected,)
