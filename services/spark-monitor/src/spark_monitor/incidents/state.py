"""What is known of an entity between two calls, and its JSON text. Times are epoch seconds."""

import json
from dataclasses import dataclass, field

from spark_monitor.incidents.excursion import Excursion


class StateError(ValueError):
    """What is known of an entity can't be read."""


@dataclass(slots=True)
class Quiet:
    """An open silence: when the last reading came, and when it was said last."""

    since: float
    said: float


@dataclass(slots=True)
class SensorState:
    """A sensor of a stream: its newest reading by event time, when Kafka got the last, whether it spoke twice.

    Of a name that came once nobody knows whether it is a sensor: a mistyped or invented one must not be called silent.
    """

    newest: float
    seen: float
    is_known: bool = False
    quiet: Quiet | None = None


@dataclass(slots=True)
class StreamState:
    """An entity's stream: newest event time, when Kafka got the last reading, and when all sensors' silence ended."""

    newest: float
    seen: float
    back_at: float = 0.0
    quiet: Quiet | None = None
    sensors: dict[str, SensorState] = field(default_factory=dict)


@dataclass(slots=True)
class LimitState:
    """An alert that is not normal: pending, open when `said` (the clock) has the time of its last word.

    `cleared` is the excursion as it was at the first reading of those that may end it.
    """

    excursion: Excursion
    said: float | None = None
    cleared: Excursion | None = None
    is_unknown: bool = False

    @property
    def is_open(self) -> bool:
        """Whether an incident of it is open, and not only pending."""
        return self.said is not None


@dataclass(slots=True)
class EntityState:
    """An entity's streams and its alerts that are not normal, by name."""

    streams: dict[str, StreamState] = field(default_factory=dict)
    limits: dict[str, LimitState] = field(default_factory=dict)


def to_text(state: EntityState) -> str | None:
    """Return what is known of an entity, None for nothing."""
    if not state.streams and not state.limits:
        return None
    content = {
        "streams": {
            name: [
                stream.newest, stream.seen, stream.back_at, _quiet_list(stream.quiet),
                {
                    sensor: [each.newest, each.seen, each.is_known, _quiet_list(each.quiet)]
                    for sensor, each in stream.sensors.items()
                },
            ]
            for name, stream in state.streams.items()
        },
        "rules": {
            name: [
                limit.excursion.as_list(), limit.said, limit.cleared and limit.cleared.as_list(), limit.is_unknown
            ]
            for name, limit in state.limits.items()
        },
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_text(text: str | None) -> EntityState:
    """Return what a text of `to_text` says. Raises StateError."""
    if text is None:
        return EntityState()
    try:
        return _read(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StateError(f"unreadable state: {error!r}") from error


def _read(text: str) -> EntityState:
    content = json.loads(text)
    streams = {
        name: StreamState(
            newest, seen, back_at, quiet and Quiet(*quiet),
            {
                sensor: SensorState(own_newest, own_seen, is_known, own_quiet and Quiet(*own_quiet))
                for sensor, (own_newest, own_seen, is_known, own_quiet) in sensors.items()
            },
        )
        for name, (newest, seen, back_at, quiet, sensors) in content["streams"].items()
    }  # fmt: skip
    limits = {
        name: LimitState(Excursion.from_list(excursion), said, cleared and Excursion.from_list(cleared), is_unknown)
        for name, (excursion, said, cleared, is_unknown) in content["rules"].items()
    }
    return EntityState(streams, limits)


def _quiet_list(quiet: Quiet | None) -> list[float] | None:
    return None if quiet is None else [quiet.since, quiet.said]
