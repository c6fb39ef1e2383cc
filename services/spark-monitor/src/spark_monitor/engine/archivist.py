"""Writes each finished day into the archive, once, while the queries run."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog
from pyspark.sql import DataFrame

from spark_monitor.engine.archive import Archive
from spark_monitor.engine.checkpoints import Offsets
from spark_monitor.engine.supervisor import cause_of
from spark_monitor.engine.topics import Topics

FIRST_LOOK_SECONDS = 60
"""The start has other things to do."""

LOOK_SECONDS = 600
SETTLED_SECONDS = 300
"""A day is not over before that: brokers' clocks may be apart."""

DAY: Final = timedelta(days=1)
TAG = "[Arsip]"

log = structlog.get_logger()

Read = Callable[[Offsets, Offsets], DataFrame]
"""From where and until where -> the accepted readings, as `decode` gives them."""


class Archivist(threading.Thread):
    """Works until `stop`. What fails is told, and tried again: alarms do not depend on it."""

    def __init__(
        self, archive: Archive, topics: Topics, names: Iterable[str], read: Read, *,
        days: int, now: Callable[[], float], tell: Callable[[str], None], stop: threading.Event,
    ) -> None:  # fmt: skip
        """`names`: the topics with readings; `days`: how long a day is kept; `now` is Kafka's time."""
        super().__init__(name="archivist", daemon=True)
        self._archive = archive
        self._topics = topics
        self._names = tuple(names)
        self._read = read
        self._days = days
        self._now = now
        self._tell = tell
        self._stop_event = stop
        self._at = ""
        """What is worked on, for the operator."""
        self._is_failing = False

    def run(self) -> None:
        """Look again and again."""
        seconds = FIRST_LOOK_SECONDS
        while not self._stop_event.wait(seconds):
            self.look()
            seconds = LOOK_SECONDS

    def look(self) -> None:
        """Write the days that are missing, and remove those that are too old."""
        self._at = "daftar hari"
        try:
            self._write_and_remove()
        except Exception as error:  # noqa: BLE001 - Spark's, Java's, Kafka's and the storage's
            if not self._stop_event.is_set():
                self._note_failure((cause_of(error) or repr(error)).splitlines()[0][:200])
        else:
            self._note_success()

    def _write_and_remove(self) -> None:
        today = datetime.fromtimestamp(self._now() - SETTLED_SECONDS, UTC).date()
        oldest = today - self._days * DAY
        written = self._archive.days()
        first = self._topics.extent(self._names).first
        in_kafka = finished_days(first, self._offsets_at, today, oldest)
        for day, (start, end) in in_kafka.items():
            if day in written:
                continue
            self._at = day.isoformat()
            self._archive.write(self._read(start, end), day)
            log.info("day archived", day=self._at)
            if start == first:
                self._tell_what_is_missing(day, start, [each for each in written if each < day])
        self._at = "hari yang lama"
        for day in self._archive.remove_before(oldest):
            log.info("day removed from the archive", day=day.isoformat())

    def _offsets_at(self, day: date) -> Offsets:
        return self._topics.offsets_at(self._names, begin_of(day))

    def _tell_what_is_missing(self, day: date, start: Offsets, before: list[date]) -> None:
        """Say what Kafka has removed before it was in the archive; `day` is the first of which Kafka has something."""
        if (before and before[-1] == day - DAY) or not any(offset for of in start.values() for offset in of.values()):
            return
        if before:
            gone = f"{(before[-1] + DAY).isoformat()} sampai {(day - DAY).isoformat()}"
            self._tell(f"{TAG} {gone} hilang: dihapus Kafka sebelum diarsipkan")
        self._tell(f"{TAG} {day.isoformat()} mungkin tidak lengkap: Kafka sudah menghapus pesan sebelumnya")

    def _note_failure(self, cause: str) -> None:
        log.warning("cannot write the archive", at=self._at, cause=cause)
        if not self._is_failing:
            self._is_failing = True
            self._tell(f"{TAG} {self._at}: gagal ({cause}); dicoba lagi tiap 10 menit, alarm tetap berjalan")

    def _note_success(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._tell(f"{TAG} berjalan lagi, semua hari tersimpan")


def begin_of(day: date) -> float:
    """Return when a day begins, in epoch seconds."""
    return datetime.combine(day, time(), UTC).timestamp()


def finished_days(
    first: Offsets, offsets_at: Callable[[date], Offsets], today: date, oldest: date
) -> dict[date, tuple[Offsets, Offsets]]:
    """Return the days before `today`, from `oldest` on, of which Kafka has messages: where each begins and ends.

    `first`: what Kafka has begins there; `offsets_at`: which message is the first since the beginning of a day.
    """
    found: dict[date, tuple[Offsets, Offsets]] = {}
    day, end = today, offsets_at(today)
    while end != first and day > oldest:
        day -= DAY
        start = offsets_at(day)
        found[day] = (start, end)
        end = start
    return dict(reversed(found.items()))
