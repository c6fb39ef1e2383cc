"""What of the results is shown to the operator, and in which lines. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cachetools import LRUCache

from spark_monitor.rules.model import Rules

MAX_ENTITIES = 50_000
"""How many warehouses and machines are remembered, each with each rule: about 100 MB. Then the one that was silent for
longest is forgotten: nothing of it is lost, but with `changes` its present state is shown again."""

CATCHING_UP_SECONDS = 5
"""An incomplete status of a reading this old may only mean that the other topic's backlog is not read yet. It is held
back as long again, and shown if nothing newer has come."""

Record = Mapping[str, Any]

Key = tuple[str, str]
"""An entity and the rule that speaks of it."""

Series = tuple[str, str, str]
"""A warehouse, a rule, and the partition that the offsets of the readings belong to (`topic-number`)."""


def _key(record: Record) -> Key:
    return record["entity_id"], record["rule"]


@dataclass
class Episode:
    """A warehouse above a limit. Offsets of the alert that was shown, the last alert, the first reading below since."""

    shown: int
    latest: int
    latest_message: str
    ended_at: int | None


class Display:
    """Chooses and words the lines. With `changes`, an alert or status is shown only when a warehouse's state changes.

    With `incidents` none of either is shown. What is reported of incidents and silences always is.

    Alerts and statuses come through different topics, so a reading's alert may overtake the status of the reading
    before it, and the other way round; the readings' offsets in their partition put them in order. Alerts on a stream
    without a status are all shown: nothing says when such a state ends.
    """

    def __init__(self, rules: Rules, mode: Literal["all", "changes", "incidents"]) -> None:
        self._rules = rules
        self._incidents_only = mode == "incidents"
        self._changes_only = mode == "changes"
        self._with_status = {stream for status in rules.statuses.values() for stream in status.streams}
        self._shown_until: LRUCache[Key, float] = LRUCache(MAX_ENTITIES)
        self._sides: LRUCache[Key, list[float | None]] = LRUCache(MAX_ENTITIES)
        self._settled_at = float("-inf")
        self._state: LRUCache[Key, str] = LRUCache(MAX_ENTITIES)
        self._episodes: LRUCache[Series, Episode] = LRUCache(MAX_ENTITIES)
        self._last_below: LRUCache[Series, int] = LRUCache(MAX_ENTITIES)
        self._held_back: LRUCache[Key, tuple[float, Record]] = LRUCache(MAX_ENTITIES)

    def alert(self, alert: Record, offset: int) -> list[str]:
        """Return the lines for one alert (as in its topic) of the reading at `offset`."""
        if self._incidents_only:
            return []
        if not self._changes_only or alert["stream"] not in self._with_status:
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

    def status(self, status: Record, offset: int, now: float, *, is_repeated: bool = False) -> list[str]:
        """Return the lines for one status (as in its topic) of the reading at `offset`; `now` is epoch seconds.

        `is_repeated`: the reading had a status before. After a restart the topics may be read in another order. Then
        another reading completes a pair, and its status says something new.
        """
        if self._incidents_only or status["rule"] not in self._rules.statuses:
            return []  # or from other rules, before a restart
        lines = self._end_episodes(status, offset) if self._changes_only else []
        _, held_back = self._held_back.get(_key(status), (0, None))
        is_older = held_back is not None and status["event_time"] < held_back["event_time"]
        if is_repeated and not status["complete"]:
            return lines
        if not is_older:
            self._held_back.pop(_key(status), None)
        if status["complete"]:
            return [*lines, *self._show(status, is_repeated=is_repeated)]
        if now - status["received_at"] > CATCHING_UP_SECONDS or now < self._settled_at:
            if not is_older:
                self._held_back[_key(status)] = (now + CATCHING_UP_SECONDS, status)
            return lines
        return [*lines, *self._show(status)]

    @property
    def is_full(self) -> bool:
        """Whether there are more entities than are remembered."""
        return len(self._shown_until) >= MAX_ENTITIES

    def expect_backlog(self, now: float) -> None:
        """Take what comes in the next seconds as read from a backlog."""
        self._settled_at = now + CATCHING_UP_SECONDS

    def due(self, now: float) -> list[str]:
        """Return the lines of the statuses that were held back long enough."""
        due = [(key, status) for key, (until, status) in self._held_back.items() if until <= now]
        for key, _ in due:
            del self._held_back[key]
        return [line for _, status in due for line in self._show(status)]

    def _show(self, status: Record, *, is_repeated: bool = False) -> list[str]:
        shown_until = self._shown_until.get(_key(status), float("-inf"))
        sides = [status.get(name) for name in self._rules.statuses[status["rule"]].streams]
        if status["event_time"] < shown_until or (is_repeated and sides == self._sides.get(_key(status))):
            return []
        self._shown_until[_key(status)] = status["event_time"]
        self._sides[_key(status)] = sides
        state = self._state_of(status)
        if self._changes_only and self._state.get(_key(status)) == state:
            return []
        self._state[_key(status)] = state
        return self._block(status)

    def _end_episodes(self, status: Record, offset: int) -> list[str]:
        """End the episodes that this status's reading is no longer part of."""
        lines = []
        for rule in self._rules.alerts_of(status["stream"]):
            if rule in status["alerts"]:
                continue
            series = (status["entity_id"], rule, status["status_id"].rsplit("-", 2)[0])
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
        return "/".join(name for name in self._rules.statuses[status["rule"]].streams if status.get(name) is None)

    def _block(self, status: Record) -> list[str]:
        rule = self._rules.statuses[status["rule"]]
        sides = [(self._rules.streams[name], status.get(name)) for name in rule.streams]
        return [
            rule.title.format(entity=status["entity_id"]),
            *(
                f"- {stream.label}: {'-' if value is None else stream.value_format % value + stream.unit}"
                for stream, value in sides
            ),
            f"- Status: {status['status']}",
            "-" * 30,
        ]
