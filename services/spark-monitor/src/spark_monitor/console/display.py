"""What of the results is shown to the operator, and in which lines. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rules.model import Rules, Status
from spark_monitor.console.recent import Recent

MAX_ENTITIES = 50_000
"""How many warehouses and machines are remembered, each with each rule: about 100 MB. Then the one that was silent for
longest is forgotten: nothing of it is lost, but with `changes` its present state is shown again."""

RULE = "-" * 30

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


@dataclass(slots=True)
class Episode:
    """A warehouse above a limit. Offsets of the alert that was shown, the last alert, the first reading below since."""

    shown: int
    latest: int
    latest_message: str
    ended_at: int | None


@dataclass(slots=True)
class Shown:
    """What was last shown of an entity's status: its event time, its sides, and what its state is called."""

    until: float = float("-inf")
    sides: list[float | None] | None = None
    state: str | None = None


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
        self._settled_at = float("-inf")
        self._shown: Recent[Key, Shown] = Recent(MAX_ENTITIES)
        self._episodes: Recent[Series, Episode] = Recent(MAX_ENTITIES)
        self._last_below: Recent[Series, int] = Recent(MAX_ENTITIES)
        self._held_back: Recent[Key, tuple[float, Record]] = Recent(MAX_ENTITIES)
        self._forms = {name: self._form(status) for name, status in rules.statuses.items()}

    def alert(self, alert: Record, offset: int) -> list[str]:
        """Return the lines for one alert (as in its topic) of the reading at `offset`."""
        if self._incidents_only:
            return []
        if not self._changes_only or alert["stream"] not in self._with_status:
            return [alert["message"]]
        series = (alert["entity_id"], alert["rule"], alert["alert_id"].rsplit("-", 2)[0])
        episode = self._episodes.use(series)
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
        return len(self._shown) >= MAX_ENTITIES

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
        key = _key(status)
        shown = self._shown.use(key)
        if shown is None:
            shown = self._shown[key] = Shown()
        sides = [status.get(name) for name in self._rules.statuses[status["rule"]].streams]
        if status["event_time"] < shown.until or (is_repeated and sides == shown.sides):
            return []
        shown.until = status["event_time"]
        shown.sides = sides
        state = self._state_of(status)
        if self._changes_only and shown.state == state:
            return []
        shown.state = state
        return self._block(status, sides)

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

    def _block(self, status: Record, sides: list[float | None]) -> list[str]:
        title, forms = self._forms[status["rule"]]
        return [
            title.format(entity=status["entity_id"]),
            *(
                f"{label}{'-' if value is None else form % value}"
                for (label, form), value in zip(forms, sides, strict=True)
            ),
            f"- Status: {status['status']}",
            RULE,
        ]

    def _form(self, status: Status) -> tuple[str, list[tuple[str, str]]]:
        """Return a status's title, and of each side what stands before its value and how that is written."""
        streams = [self._rules.streams[name] for name in status.streams]
        sides = [(f"- {each.label}: ", each.value_format + each.unit.replace("%", "%%")) for each in streams]
        return status.title, sides
