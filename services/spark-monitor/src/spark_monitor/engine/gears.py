"""How a query works: reading by reading (Spark's Real-time Mode), or in batches while it has a backlog.

A batch takes a fraction of the processor, and of the broker, for each reading; in Real-time Mode each reading comes at
once. Both go on where the checkpoint says, so each start of a query may choose. A query in batches ends by itself when
it has read what was there at its start, and is started again. One in Real-time Mode that falls behind is stopped at a
checkpoint boundary, and started again.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaException

from spark_monitor.engine.checkpoints import Checkpoint, Extent, Offsets
from spark_monitor.engine.supervisor import SupervisedQuery
from spark_monitor.engine.topics import Topics

log = structlog.get_logger()

BACKLOG = 20_000
"""So many unread readings are a backlog. Fewer are read in Real-time Mode in the time that a change costs."""

BATCH_READINGS = 50_000
"""A batch takes some seconds, and so does what a kill in it makes to be done twice."""

LATE_SECONDS = 5
WORTH_A_CHANGE = BATCH_READINGS
"""With results that take longer, and so many unread readings, Real-time Mode does not keep up. With fewer it does
sooner than a change takes, which is twenty seconds where Java has yet to compile what comes then."""

BOUNDARY_SECONDS = 30
"""A query with state first judges what its tasks have handed on."""

STATELESS_SECONDS = 5
"""One without state is there as soon as all its tasks have a reading. A task without any does not end, and alerts must
not wait for it."""

LOOK_SECONDS = 0.02
"""What comes between a boundary and the stop is read again: that is to be little."""

TOLD_EVERY_SECONDS = 10
TAG = "[Mengejar Data]"


@dataclass(slots=True)
class _Catching:
    """A query that works in batches. `unread` is how many readings were left at `at`, by the monotonic clock."""

    unread: int
    at: float


class Gears:
    """Chooses at each start of a query, and says how a backlog shrinks. Thread-safe."""

    def __init__(
        self, topics: Topics, checkpoints: Mapping[str, Checkpoint], read_by: Mapping[str, Iterable[str]],
        tell: Callable[[str], None], brake: AbstractContextManager[None] | None,
    ) -> None:  # fmt: skip
        """`read_by`: the topics of each query; `tell` takes lines for the operator.

        `brake`: in it, batches of Real-time Mode end. Without one, a query that falls behind is stopped at once, and
        reads again what came since its last boundary.
        """
        self._topics = topics
        self._checkpoints = checkpoints
        self._read_by = read_by
        self._tell = tell
        self._brake = brake
        self._lock = threading.Lock()
        self._stopping = threading.Lock()
        self._catching: dict[str, _Catching] = {}
        self._is_told = False
        """Whether the operator knows of a backlog."""

    def in_batches(self, query: str, starting: Offsets) -> bool:
        """Return whether a query that starts now is to work in batches; `starting` is where it begins if it is new."""
        checkpoint = self._checkpoints[query]
        known = self._unread(query, starting)
        with self._lock:
            before = self._catching.get(query)
            # Of a backlog that nobody knows now the last that was known counts: it must not be called over.
            behind = (before.unread if before else 0) if known is None else known
            is_catching = (
                behind >= BACKLOG
                or (known is None and before is not None)
                # A batch that was begun is done again as it was planned.
                or checkpoint.has_planned_batch
                # Nothing may begin in Real-time Mode while the brake is on, and alerts do not wait for a status's.
                or self._stopping.locked()
            )
            self._catching.pop(query, None)
            if is_catching:
                self._catching[query] = _Catching(behind, time.monotonic())
            begins = behind >= BACKLOG and not self._is_told
            ends = self._is_told and not self._catching
            self._is_told = (self._is_told or begins) and not ends
        if is_catching:
            log.info("catching up", query=query, readings=behind)
        elif before is not None:
            log.info("caught up", query=query)
        if begins:
            self._tell(backlog_line(behind))
        elif ends:
            self._tell(f"{TAG} selesai: setiap bacaan kini diperiksa saat tiba")
        return is_catching

    def change(self, queries: Sequence[SupervisedQuery], stateless: Collection[SupervisedQuery] = ()) -> None:
        """Stop queries that work in Real-time Mode; each is started again, and chooses then."""
        log.info("falling behind")
        with self._stopping:
            if self._brake is None:
                for query in queries:
                    query.restart()
                return
            batches = {query: query.completed_batch() for query in queries}
            begun = time.monotonic()
            with self._brake:
                while batches:
                    for query, batch in list(batches.items()):
                        seconds = STATELESS_SECONDS if query in stateless else BOUNDARY_SECONDS
                        is_at_boundary = query.completed_batch() != batch
                        if is_at_boundary or time.monotonic() - begun >= seconds:
                            log.info("stopping", query=query.query_name, at_boundary=is_at_boundary)
                            query.restart()
                            del batches[query]
                    time.sleep(LOOK_SECONDS)

    @property
    def is_catching_up(self) -> bool:
        """Whether any query works in batches."""
        return bool(self._catching)

    def report(self) -> None:
        """Say how much is left and for how long, every ten seconds."""
        now = time.monotonic()
        with self._lock:
            due = {name: each for name, each in self._catching.items() if now - each.at >= TOLD_EVERY_SECONDS}
        for query, before in due.items():
            left = self._unread(query, {})
            if left is None:
                continue
            seconds = seconds_left(before.unread, left, now - before.at)
            with self._lock:
                if query in self._catching:
                    self._catching[query] = _Catching(left, now)
                is_largest = left == max((each.unread for each in self._catching.values()), default=left)
            log.info("catching up", query=query, readings=left, seconds_left=seconds)
            if is_largest and self._is_told:
                self._tell(backlog_line(left, seconds))

    def _unread(self, query: str, starting: Offsets) -> int | None:
        """Return how many readings a query has before it; None while Kafka, or the checkpoint, does not say."""
        try:
            return unread(self._topics.extent(self._read_by[query]), self._checkpoints[query].goes_on_from, starting)
        except (KafkaException, OSError):
            return None


def unread(kafka: Extent, goes_on_from: Offsets, starting: Offsets) -> int:
    """Return how many readings Kafka has behind the offsets; where there are none, behind those of `starting`."""
    return sum(
        max(0, end - max(kafka.first[topic][number], _at(goes_on_from, topic, number, _at(starting, topic, number, 0))))
        for topic, of in kafka.ends.items()
        for number, end in of.items()
    )


def seconds_left(before: int, now: int, seconds: float) -> int | None:
    """Return how long the rest takes if it shrinks on as it did within some seconds; None where it does not shrink."""
    return round(now * seconds / (before - now)) if before > now else None


def _at(offsets: Offsets, topic: str, number: str, default: int) -> int:
    return offsets.get(topic, {}).get(number, default)


def backlog_line(count: int, seconds: int | None = None) -> str:
    """Return what the operator reads of so many readings that are not judged yet, and how long they take."""
    number = f"{count:,}".replace(",", ".")
    return f"{TAG} {number} bacaan belum diperiksa" + ("" if seconds is None else f", sekitar {seconds} detik lagi")
