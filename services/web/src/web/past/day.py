"""The last day of each place, kept in memory for the small charts: read whole once, then only what is new."""

import threading
from collections.abc import Container, Iterable
from datetime import UTC, datetime, timedelta

from history.recent import Recent, recent
from history.series import Point
from web.past.database import Past

DAY = timedelta(hours=24)
WIDTH = timedelta(minutes=15)


class LastDay:
    """Points of a quarter of an hour, by place and stream. Thread-safe."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._lock = threading.Lock()
        self._points: dict[tuple[str, str], dict[datetime, Point]] = {}
        self._read_until: datetime | None = None

    def refresh(self, now: datetime | None = None) -> None:
        """Read what has come since the last time. Raises NoHistory."""
        now = now or datetime.now(UTC)
        begin = _quarter(now - DAY)
        # What comes late changes the points of the last hour or so; the rest of the day's at the next start.
        since = begin if self._read_until is None else max(begin, _quarter(self._read_until) - 4 * WIDTH)
        found = self._past.ask(lambda connection: recent(connection, since, WIDTH, begin))
        with self._lock:
            self._keep(found, begin)
            self._read_until = now

    def places(self, streams: Container[str]) -> set[str]:
        """Return the places of some streams that reported within the day."""
        with self._lock:
            return {entity for entity, stream in self._points if stream in streams}

    def points(self, entity_id: str, stream: str) -> list[Point]:
        """Return a place's points in order."""
        with self._lock:
            known = self._points.get((entity_id, stream), {})
            return [known[at] for at in sorted(known)]

    def _keep(self, found: Iterable[Recent], begin: datetime) -> None:
        for each in found:
            self._points.setdefault((each.entity_id, each.stream), {})[each.point.at] = each.point
        for key in list(self._points):
            self._points[key] = {at: point for at, point in self._points[key].items() if at >= begin}
            if not self._points[key]:
                del self._points[key]


def _quarter(moment: datetime) -> datetime:
    """Return the beginning of a moment's quarter of an hour."""
    width = int(WIDTH.total_seconds())
    return datetime.fromtimestamp(moment.timestamp() // width * width, UTC)
