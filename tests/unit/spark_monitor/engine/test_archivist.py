"""Which days the archive is to have, and what the operator is told of them."""

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from spark_monitor.engine.archive import Archive
from spark_monitor.engine.archivist import DAY, Archivist, begin_of, finished_days
from spark_monitor.engine.checkpoints import Extent, Offsets
from spark_monitor.engine.topics import Topics

TODAY = date(2026, 11, 22)
OLDEST = TODAY - 1830 * DAY


class Kafka:
    """One partition that got 100 messages a day, and has removed some."""

    def __init__(self, first_day: date, removed: int = 0) -> None:
        self._first_day = first_day
        self.removed = removed

    def offsets_at(self, _names: object, moment: float) -> Offsets:
        """Return the first message of a moment's day."""
        return self.at(datetime.fromtimestamp(moment, UTC).date())

    def at(self, day: date) -> Offsets:
        """Return the first message of a day."""
        return {"suhu": {"0": max(self.removed, 100 * max(0, (day - self._first_day).days))}}

    def extent(self, _names: object) -> Extent:
        """Return what is there."""
        return Extent({"suhu": {"0": self.removed}}, {"suhu": {"0": 100_000}})


class Days:
    """An archive that notes what is written into it."""

    def __init__(self, days: Iterable[date] = ()) -> None:
        self.written = sorted(days)
        self.spans: dict[date, Any] = {}
        self.error: Exception | None = None

    def days(self) -> list[date]:
        """Return what is written."""
        return list(self.written)

    def write(self, span: object, day: date) -> None:
        """Note it, or fail."""
        if self.error is not None:
            raise self.error
        self.spans[day] = span
        self.written = sorted([*self.written, day])

    def remove_before(self, oldest: date) -> list[date]:
        """Forget the days before one."""
        old = [day for day in self.written if day < oldest]
        self.written = self.written[len(old) :]
        return old


def look(kafka: Kafka, days: Days, now: float = begin_of(TODAY) + 3600, kept: int = 1830) -> list[str]:
    told: list[str] = []
    archivist(kafka, days, told, now, kept).look()
    return told


def archivist(kafka: Kafka, days: Days, told: list[str], now: float, kept: int = 1830) -> Archivist:
    return Archivist(
        cast("Archive", days), cast("Topics", kafka), ["suhu"], cast("Any", lambda start, end: (start, end)),
        days=kept, now=lambda: now, tell=told.append, stop=threading.Event(),
    )  # fmt: skip


def test_the_days_that_kafka_has_are_those_since_its_first_message() -> None:
    kafka = Kafka(TODAY - 3 * DAY)
    found = finished_days({"suhu": {"0": 0}}, kafka.at, TODAY, OLDEST)
    assert list(found) == [TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY]
    assert found[TODAY - 2 * DAY] == ({"suhu": {"0": 100}}, {"suhu": {"0": 200}})


def test_a_topic_of_today_has_no_finished_day() -> None:
    assert finished_days({"suhu": {"0": 0}}, Kafka(TODAY).at, TODAY, OLDEST) == {}


def test_days_that_would_be_removed_at_once_are_not_written() -> None:
    assert list(finished_days({"suhu": {"0": 0}}, Kafka(TODAY - 30 * DAY).at, TODAY, TODAY - 2 * DAY)) == [
        TODAY - 2 * DAY,
        TODAY - DAY,
    ]


def test_each_finished_day_is_written_once() -> None:
    kafka, days = Kafka(TODAY - 3 * DAY), Days([TODAY - 2 * DAY])
    assert look(kafka, days) == []
    assert list(days.spans) == [TODAY - 3 * DAY, TODAY - DAY]
    days.spans.clear()
    assert look(kafka, days) == []
    assert days.spans == {}


def test_a_day_is_not_over_at_midnight_at_once() -> None:
    """The clocks of two brokers may be apart."""
    days = Days()
    look(Kafka(TODAY - 2 * DAY), days, begin_of(TODAY) + 60)
    assert days.written == [TODAY - 2 * DAY]


def test_a_first_day_of_which_kafka_has_removed_something_is_told() -> None:
    assert look(Kafka(TODAY - 3 * DAY, removed=50), Days()) == [
        "[Arsip] 2026-11-19 mungkin tidak lengkap: Kafka sudah menghapus pesan sebelumnya"
    ]


def test_days_that_are_gone_from_kafka_before_they_were_written_are_told_once() -> None:
    kafka, days = Kafka(TODAY - 9 * DAY, removed=650), Days([TODAY - 9 * DAY, TODAY - 8 * DAY])
    assert look(kafka, days) == [
        "[Arsip] 2026-11-15 sampai 2026-11-18 hilang: dihapus Kafka sebelum diarsipkan",
        "[Arsip] 2026-11-19 mungkin tidak lengkap: Kafka sudah menghapus pesan sebelumnya",
    ]
    assert look(kafka, days) == []


def test_retention_in_kafka_is_nothing_to_tell_of_days_that_are_written() -> None:
    days = Days([TODAY - 4 * DAY, TODAY - 3 * DAY])
    assert look(Kafka(TODAY - 9 * DAY, removed=700), days) == []
    assert days.written[-1] == TODAY - DAY


def test_a_failure_is_told_once_and_its_end() -> None:
    days, told = Days(), list[str]()
    days.error = OSError("No space left on device\nand more")
    works = archivist(Kafka(TODAY - DAY), days, told, begin_of(TODAY) + 3600)
    works.look()
    works.look()
    failed = "[Arsip] 2026-11-21: gagal (No space left on device); dicoba lagi tiap 10 menit, alarm tetap berjalan"
    assert told == [failed]
    days.error = None
    works.look()
    assert told == [failed, "[Arsip] berjalan lagi, semua hari tersimpan"]
    assert days.written == [TODAY - DAY]


@pytest.mark.parametrize("kept", [1, 5])
def test_days_are_removed_when_they_are_too_old(kept: int) -> None:
    days = Days([TODAY - number * DAY for number in range(1, 10)])
    look(Kafka(TODAY), days, kept=kept)
    assert days.written == [TODAY - number * DAY for number in range(kept, 0, -1)]
