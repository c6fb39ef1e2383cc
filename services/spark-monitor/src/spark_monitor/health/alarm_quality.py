"""How good the alarms are for the one who has to act on them: how many, from where, which flutter, which stay. No I/O.

The measures are those of EEMUA 191: one alarm per operator in ten minutes can be handled, ten are a flood. Times are
epoch seconds; an incident counts from when it was told, and is stale by how long it has been open.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from messages.records import BY_PEOPLE, OVER, Alert, Incident
from spark_monitor.results.listener import Listener, Result
from spark_monitor.results.tail import MAX_INCIDENTS

WINDOW_SECONDS = 600
MANAGEABLE = 1
FLOOD = 10
"""Incidents in ten minutes."""

FLOOD_IS_OVER_BELOW = 5
"""ISA 18.2's: what goes to and fro around the limit is one flood."""

CHATTERING = 3
CHATTERING_SECONDS = 60
STALE_SECONDS = 24 * 3600
TOP = 3


@dataclass(frozen=True, slots=True)
class Opening:
    """When an incident was told, and of what."""

    at: float
    entity: str
    rule: str


class AlarmQuality(Listener):
    """The last ten minutes, and what is open. Thread-safe: the reporter feeds it, the watch asks. Times only grow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alerts: deque[tuple[int, int]] = deque()
        self._openings: dict[str, Opening] = {}
        self._open_since: dict[str, float] = {}
        self._is_flood = False

    def on_alert(self, alert: Alert, result: Result) -> None:  # noqa: ARG002 - how many is all that counts
        """Count an alert."""
        if result.is_news:
            self.alert(result.record.written_at)

    def on_incident(self, incident: Incident, result: Result) -> None:
        """Take what is told of an incident."""
        self.incident(incident, result.record.written_at)

    def alert(self, at: float) -> None:
        """Count an alert; they are kept by the second."""
        with self._lock:
            second, count = self._alerts.pop() if self._alerts and self._alerts[-1][0] >= int(at) else (int(at), 0)
            self._alerts.append((second, count + 1))
            self._forget(at)

    def incident(self, record: Mapping[str, Any], at: float) -> None:
        """Take a record of monitor-insiden that was told at a time; what is told again counts once."""
        name = record["incident_id"]
        if record["state"] in BY_PEOPLE:
            return  # a person's, and no alarm
        with self._lock:
            if record["state"] == "opened" and record.get("shelved_until") is None:
                self._openings.setdefault(name, Opening(at, record["entity_id"], record["rule"]))
            if record["state"] in OVER:
                self._open_since.pop(name, None)
            else:
                self._open_since[name] = record["opened_at"]
            _bound(self._openings)
            _bound(self._open_since)
            self._forget(at)

    def figures(self, now: float) -> dict[str, Any]:
        """Return the figures of the last ten minutes for the log."""
        with self._lock:
            self._forget(now)
            openings = list(self._openings.values())
            return {
                "alerts": sum(count for _, count in self._alerts),
                "incidents": len(openings),
                "load": load(len(openings)),
                "chattering": chattering(openings),
                "stale": stale(self._open_since, now),
                "top_sources": dict(top_sources(openings)),
            }

    def flood(self, now: float) -> str | None:
        """Return the line for the operator when a flood has begun: once, and not again before it was over."""
        with self._lock:
            self._forget(now)
            count = len(self._openings)
            was_flood, self._is_flood = self._is_flood, count >= (FLOOD_IS_OVER_BELOW if self._is_flood else FLOOD)
            if was_flood or not self._is_flood:
                return None
            sources = ", ".join(f"{name} ({n})" for name, n in top_sources(self._openings.values()))
            return f"[Banjir Alarm] {count} insiden dalam {WINDOW_SECONDS // 60} menit: {sources}"

    def _forget(self, now: float) -> None:
        """Drop what is ten minutes old."""
        while self._alerts and self._alerts[0][0] <= int(now) - WINDOW_SECONDS:
            self._alerts.popleft()
        while self._openings and next(iter(self._openings.values())).at <= now - WINDOW_SECONDS:
            del self._openings[next(iter(self._openings))]


def _bound(remembered: dict[str, Any]) -> None:
    if len(remembered) > MAX_INCIDENTS:
        del remembered[next(iter(remembered))]


def load(incidents: int) -> Literal["manageable", "too many", "flood"]:
    """Return what so many incidents in ten minutes are for one operator."""
    if incidents >= FLOOD:
        return "flood"
    return "too many" if incidents > MANAGEABLE else "manageable"


def top_sources(openings: Iterable[Opening]) -> list[tuple[str, int]]:
    """Return the entities with the most incidents and their numbers; of equal ones, the first in the alphabet."""
    counts = Counter(opening.entity for opening in openings)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]


def chattering(openings: Iterable[Opening]) -> list[str]:
    """Return `rule entity` of those that were opened three times within a minute."""
    times: dict[str, list[float]] = defaultdict(list)
    for opening in openings:
        times[f"{opening.rule} {opening.entity}"].append(opening.at)
    return sorted(name for name, at in times.items() if most_within(CHATTERING_SECONDS, at) >= CHATTERING)


def most_within(seconds: float, times: Iterable[float]) -> int:
    """Return how many of the times lie in the busiest span of less than so many seconds."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def stale(open_since: Mapping[str, float], now: float) -> list[str]:
    """Return the ids of the incidents that have been open for more than a day."""
    return sorted(name for name, since in open_since.items() if now - since > STALE_SECONDS)
