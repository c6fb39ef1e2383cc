"""What the monitor did in the last minute, for its log."""

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import structlog
from pyroaring import BitMap64

from messages.records import Alert, Refusal, Status
from spark_monitor.results.listener import Listener, Result

log = structlog.get_logger()


class Throughput(Listener):
    """Counts of results and how long they took from Kafka's receipt of the reading to the printed line. Thread-safe."""

    def __init__(
        self,
        going_on_from: Mapping[str, Mapping[str, int]],
        combined: Collection[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        """`going_on_from`: the first offset of each topic's partition that is yet to be judged.

        `combined`: the topics whose readings get a status each. They are judged when it is there: an alert comes first,
        and would hide that the statuses fall behind. `now` tells the time by the clock that has stamped the readings.
        """
        self._now = now
        self._lock = threading.Lock()
        self._combined = frozenset(combined)
        self._processed = {f"{topic}-{number}": at for topic, of in going_on_from.items() for number, at in of.items()}
        self._results: Counter[str] = Counter()
        self._refused_ahead: defaultdict[str, BitMap64] = defaultdict(BitMap64)
        self._behind: list[dict[str, int]] = []
        self._seconds_late = 0.0
        self._forget()

    def _forget(self) -> None:
        self._readings = 0
        self._alerts = 0
        self._statuses = 0
        self._refusals: Counter[str] = Counter()
        self._alert_seconds: list[float] = []
        self._status_seconds: list[float] = []

    def on_alert(self, alert: Alert, result: Result) -> None:
        """Count an alert."""
        self.alerted(result.source, result.source_offset, count=result.is_new)
        if result.is_news:
            self.alert(self._now() - alert["received_at"])

    def on_status(self, status: Status, result: Result) -> None:
        """Count a status."""
        self.judged(result.source, result.source_offset, count=result.is_new)
        if result.is_news:
            self.status(self._now() - status["received_at"])
        self._seconds_late = result.record.written_at - status["received_at"]

    def on_refusal(self, refusal: Refusal, result: Result) -> None:
        """Count a refused message."""
        self.refused(result.source, result.source_offset, count=result.is_new)
        if result.is_news:
            self.refusal(refusal["reason"])
            log.debug("refused", **refusal)

    def alerted(self, partition: str, offset: int, *, count: bool = True) -> None:
        """Note that the reading at `offset` of a source partition (`topic-number`) has raised an alert."""
        if partition.rpartition("-")[0] not in self._combined:
            self.judged(partition, offset, count=count)

    def judged(self, partition: str, offset: int, *, count: bool = True) -> None:
        """Note that nothing more comes of the reading at `offset`, nor of those before it."""
        with self._lock:
            self._results[partition] += 1
            self._move_up(partition, offset, count=count)

    def refused(self, partition: str, offset: int, *, count: bool = True) -> None:
        """Note that the message at `offset` is refused: known, maybe, before the readings ahead of it are judged."""
        if partition.rpartition("-")[0] not in self._combined:
            self.judged(partition, offset, count=count)
            return
        with self._lock:
            self._results[partition] += 1
            if offset > self._processed.get(partition, offset):
                self._refused_ahead[partition].add(offset)
            else:
                self._move_up(partition, offset, count=count)

    def _move_up(self, partition: str, offset: int, *, count: bool) -> None:
        before = self._processed.get(partition, offset)
        if offset < before:
            return
        reached = offset + 1
        if ahead := self._refused_ahead.get(partition):
            ahead.remove_range(0, reached)
            while reached in ahead:
                ahead.discard(reached)
                reached += 1
        self._processed[partition] = reached
        self._readings += (reached - before) * count

    def alert(self, seconds: float) -> None:
        """Count an alert; `seconds` from the reading's receipt to now."""
        with self._lock:
            self._alerts += 1
            self._alert_seconds.append(seconds)

    def status(self, seconds: float) -> None:
        """Count a status; `seconds` from the reading's receipt to now."""
        with self._lock:
            self._statuses += 1
            self._status_seconds.append(seconds)

    def refusal(self, code: str) -> None:
        """Count a refused message by its reason."""
        with self._lock:
            self._refusals[code] += 1

    def take_seconds_late(self) -> float:
        """Return how long after its reading the last status since the last call was written, by Kafka's clock.

        What the printing takes is not in it. Without a status it is 0.
        """
        late, self._seconds_late = self._seconds_late, 0.0
        return late

    def lag(self, ends: Mapping[str, Mapping[str, int]]) -> int:
        """Return how many readings have no result yet, given the sources' end offsets by topic and partition."""
        by_partition = {f"{topic}-{number}": end for topic, of in ends.items() for number, end in of.items()}
        with self._lock:
            # Of a partition without any result since the start nothing is known but what comes from now on.
            return sum(max(0, end - self._processed.setdefault(name, end)) for name, end in by_partition.items())

    def is_overtaken(self, first: Mapping[str, Mapping[str, int]]) -> bool:
        """Say whether Kafka has removed readings without a result, given the sources' first offsets.

        For topics whose every reading in order has one, which is what a status is.
        """
        with self._lock:
            return any(
                offset > self._processed.get(f"{topic}-{number}", offset)
                for topic, of in first.items()
                for number, offset in of.items()
            )

    def stalled(self, ends: Mapping[str, Mapping[str, int]]) -> list[str]:
        """Return the partitions that were behind at three calls in a row without one result in between."""
        with self._lock:
            behind = {
                name: self._results[name]
                for topic, of in ends.items()
                for number, end in of.items()
                if end > self._processed.get(name := f"{topic}-{number}", end)
            }
            self._behind = [*self._behind[-2:], behind]
            return [name for name, n in behind.items() if [each.get(name) for each in self._behind] == [n] * 3]

    def take(self) -> dict[str, Any]:
        """Return the figures since the last call and start over. Times are in milliseconds, null without results."""
        with self._lock:
            alerts, statuses = sorted(self._alert_seconds), sorted(self._status_seconds)
            figures = {
                "readings": self._readings,
                "alerts": self._alerts,
                "statuses": self._statuses,
                "refusals": self._refusals.total(),
                "refused_for": dict(self._refusals),
                "alert_p50_ms": percentile_ms(alerts, 0.50),
                "alert_p99_ms": percentile_ms(alerts, 0.99),
                "status_p50_ms": percentile_ms(statuses, 0.50),
                "status_p99_ms": percentile_ms(statuses, 0.99),
            }
            self._forget()
            return figures


def percentile_ms(ordered: list[float], fraction: float) -> float | None:
    """Return the nearest-rank percentile of ascending seconds in milliseconds, or None of nothing."""
    if not ordered:
        return None
    return round(ordered[math.ceil(len(ordered) * fraction) - 1] * 1000, 1)
