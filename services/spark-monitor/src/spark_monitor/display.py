"""What of the results is shown to the operator, and in which lines. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spark_monitor.rules import Rules

CATCHING_UP_SECONDS = 5
"""An incomplete status of a reading this old may only mean that the other topic's backlog is not read yet. It is held
back as long again, and shown if nothing newer has come."""

Record = Mapping[str, Any]

Series = tuple[str, str, str]
"""A warehouse, a rule, and the partition that the offsets of the readings belong to (`topic-number`)."""


@dataclass
class Episode:
    """A warehouse above a limit. Offsets of the alert that was shown, the last alert, the first reading below since."""

    shown: int
    latest: int
    latest_message: str
    ended_at: int | None


class Display:
    """Chooses and words the lines. With `changes`, an alert or status is shown only when a warehouse's state changes.

    Alerts and statuses come through different topics, so a reading's alert may overtake the status of the reading
    before it, and the other way round; the readings' offsets in their partition put them in order.
    """

    def __init__(self, rules: Rules, mode: Literal["all", "changes"]) -> None:
        self._rules = rules
        self._changes_only = mode == "changes"
        self._shown_until: dict[str, float] = {}
        self._state: dict[str, str] = {}
        self._episodes: dict[Series, Episode] = {}
        self._last_below: dict[Series, int] = {}
        self._held_back: dict[str, tuple[float, Record]] = {}

    def alert(self, alert: Record, offset: int) -> list[str]:
        """Return the lines for one alert (as in its topic) of the reading at `offset`."""
        if not self._changes_only:
            return [alert["message"]]
        series = (alert["entity_id"], alert["rule"], alert["alert_id"].rsplit("-", 2)[0])
        episode = self._episodes.get(series)
        if episode and (episode.ended_at is None or offset < episode.ended_at):
            episode.latest, episode.latest_message = offset, alert["message"]
            return []
        last_below = self._last_below.get(series, -1)
        ended_at = last_below if last_below > offset else None
        self._episodes[series] = Episode(offset, offset, alert["message"], ended_at)
        return [alert["message"]]

    def status(self, status: Record, offset: int, now: float) -> list[str]:
        """Return the lines for one status (as in its topic) of the reading at `offset`; `now` is epoch seconds."""
        lines = self._end_episodes(status, offset) if self._changes_only else []
        _, held_back = self._held_back.get(status["entity_id"], (0, None))
        is_older = held_back is not None and status["event_time"] < held_back["event_time"]
        if not is_older:
            self._held_back.pop(status["entity_id"], None)
        if not status["complete"] and now - status["received_at"] > CATCHING_UP_SECONDS:
            if not is_older:
                self._held_back[status["entity_id"]] = (now + CATCHING_UP_SECONDS, status)
            return lines
        return [*lines, *self._show(status)]

    def due(self, now: float) -> list[str]:
        """Return the lines of the statuses that were held back long enough."""
        due = [status for until, status in self._held_back.values() if until <= now]
        for status in due:
            del self._held_back[status["entity_id"]]
        return [line for status in due for line in self._show(status)]

    def _show(self, status: Record) -> list[str]:
        if status["event_time"] < self._shown_until.get(status["entity_id"], float("-inf")):
            return []
        self._shown_until[status["entity_id"]] = status["event_time"]
        state = self._state_of(status)
        if self._changes_only and self._state.get(status["entity_id"]) == state:
            return []
        self._state[status["entity_id"]] = state
        return self._block(status)

    def _end_episodes(self, status: Record, offset: int) -> list[str]:
        """End the episodes that this status's reading is no longer part of."""
        lines = []
        for rule in self._rules.alerts_of(status["stream"]):
            if rule in status["alerts"]:
                continue
            series = (status["entity_id"], rule, status["status_id"].rsplit("-", 1)[0])
            self._last_below[series] = offset
            episode = self._episodes.get(series)
            if episode is None or offset < episode.shown:
                continue
            if episode.latest > offset:
                lines.append(episode.latest_message)
                episode.shown = episode.latest
            elif episode.ended_at is None:
                episode.ended_at = offset
        return lines

    def _state_of(self, status: Record) -> str:
        """Return what makes one state differ from another: the words, or which sides are missing (not for how long)."""
        if status["complete"]:
            return str(status["status"])
        return "/".join(name for name in self._rules.status.streams if status[name] is None)

    def _block(self, status: Record) -> list[str]:
        values = {name: status[name] for name in self._rules.status.streams}
        return [
            self._rules.status.title.format(entity=status["entity_id"]),
            *(
                f"- {stream.label}: {'-' if values[name] is None else f'{values[name]:.2f}{stream.unit}'}"
                for name in values
                for stream in [self._rules.streams[name]]
            ),
            f"- Status: {status['status']}",
            "-" * 30,
        ]
