"""What is known of an entity between two calls, and its JSON text. Times are epoch seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from spark_monitor.incidents.excursion import Excursion

# One for all calls: to make one takes as long as a small state.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


LIVE_SECONDS = 2
"""For so long a sensor's times must advance as Kafka's clock does before its readings count as arriving one by one."""

STEP_SECONDS = 10
"""Kafka's stamps may be this far ahead of the clock of a batch, which is taken when it begins."""

CODE = "rusak"
"""The `rule` of the fault of a sensor that sends error codes."""

USUAL = 1
"""In place of a sensor's clock that says nothing but what its sensor's state says, too."""


class StateError(ValueError):
    """What is known of an entity can't be read."""


@dataclass(slots=True)
class Quiet:
    """An open silence: when the last reading came, and when it was said last."""

    since: float
    said: float


@dataclass(slots=True)
class Gap:
    """A time in which a sensor was not heard, in event time, and the value with which it was heard again.

    `beyond`: the alerts whose limit it was beyond around it. The time before a sensor's first reading is a gap, too.
    """

    since: float
    until: float
    value: float
    beyond: list[str]

    def as_list(self) -> list[Any]:
        """Return all of it for JSON."""
        return [self.since, self.until, self.value, self.beyond]

    def without(self, readings: Sequence[tuple[float, float]], silent_after: float) -> list[Gap]:
        """Return what is left of it when some readings (event time, value) fill it."""
        ends = [*readings, (self.until, self.value)]
        starts = [self.since, *(at for at, _ in readings)]
        return [
            Gap(since, at, value, self.beyond)
            for since, (at, value) in zip(starts, ends, strict=True)
            if at - since > silent_after
        ]


@dataclass(slots=True)
class SensorFault:
    """An open fault: its rule, since when and when it was said last, the value and the one before.

    `last_at`: when it showed last, by event time.
    """

    rule: str
    since: float
    said: float
    value: float
    before: float
    last_at: float

    def as_list(self) -> list[Any]:
        """Return all of it for JSON."""
        return [self.rule, self.since, self.said, self.value, self.before, self.last_at]


@dataclass(slots=True)
class SensorState:
    """A sensor of a stream: its newest reading (event time and value), when Kafka got the last news of it.

    `is_known`: it spoke twice. Of a name that came once nobody knows whether it is a sensor: a mistyped or invented one
    must not be called silent. `intervals` are the last between its readings' event times, in seconds; 0 is the rules'.
    `came_at`: when Kafka got its first reading, None once it has taken a silent sensor's place. `unchanged_since`: the
    event time since which its value is the same; `suspect`: a value that jumped, until the next one confirms it.
    `late` is what came late and is not judged yet, `late_at` when (the clock).
    """

    newest: float
    value: float | None
    seen: float
    is_known: bool = False
    quiet: Quiet | None = None
    intervals: list[float] = field(default_factory=list)
    came_at: float | None = None
    unchanged_since: float = 0.0
    suspect: float | None = None
    fault: SensorFault | None = None
    gaps: list[Gap] = field(default_factory=list)
    late: list[tuple[float, float]] = field(default_factory=list)
    late_at: float = 0.0

    @property
    def is_waited_for(self) -> bool:
        """Whether its silence would be news; of one that sends error codes it is known that it does not measure."""
        return self.is_known and (self.fault is None or self.fault.rule != CODE)


@dataclass(slots=True)
class ClockFault:
    """A sensor's clock that is wrong: when Kafka got the first reading of those, and the first that is right again."""

    since: float
    right_since: float | None = None


@dataclass(slots=True)
class ClockState:
    """A sensor's own clock: what the last reading said (time, value), when Kafka got it, the newest time judged by.

    Of a sensor that never spoke the value is not known.

    `steady` is for how many seconds of Kafka's clock the sensor's went with it, `still` for how many it stood.
    """

    stamp: float
    value: float | None
    received: float
    newest: float
    steady: float = 0.0
    still: float = 0.0
    fault: ClockFault | None = None


@dataclass(slots=True)
class StreamState:
    """An entity's stream: when Kafka got the last reading, and when all sensors' silence ended.

    `clocks` are those of the sensors that have one. `awaited_since`: the rules expect the place, which never spoke.
    `crowded_since`: it has more sensors than are told apart.
    """

    seen: float
    back_at: float = 0.0
    quiet: Quiet | None = None
    sensors: dict[str, SensorState] = field(default_factory=dict)
    clocks: dict[str, ClockState] = field(default_factory=dict)
    awaited_since: float | None = None
    crowded_since: float | None = None

    def settle(self, now: float) -> None:
        """Let nothing lie in the future: Kafka's clock was set back, and what it said before would hide all since."""
        latest = now + STEP_SECONDS
        if self.seen <= latest:
            return
        self.seen, self.back_at = now, min(self.back_at, now)
        quiet = [self.quiet]
        for sensor in self.sensors.values():
            sensor.seen = min(sensor.seen, now)
            quiet.append(sensor.quiet)
        for each in filter(None, quiet):
            each.said = min(each.said, now)

    def time_source(self, name: str) -> Literal["sensor", "kafka"]:
        """Return whose clock a sensor's last reading was judged by."""
        clock = self.clocks.get(name)
        return "kafka" if clock is None or (clock.fault and clock.newest != clock.stamp) else "sensor"


@dataclass(slots=True)
class SensorLimit:
    """A sensor that is not normal: its excursion, and how that was at the first reading of those that may end it.

    `is_beyond`: it was beyond the limit for `on_delay`; else it is pending.
    """

    excursion: Excursion
    cleared: Excursion | None = None
    is_beyond: bool = False


@dataclass(slots=True)
class LimitState:
    """An alert that is not normal at some sensors.

    While an incident is open, `begun` is its beginning by event time and `said` the clock at its last word.
    """

    sensors: dict[str, SensorLimit] = field(default_factory=dict)
    begun: float = 0.0
    said: float | None = None
    is_unknown: bool = False

    @property
    def is_open(self) -> bool:
        """Whether an incident of it is open."""
        return self.said is not None

    @property
    def beyond(self) -> dict[str, SensorLimit]:
        """The sensors of the open incident."""
        return {name: sensor for name, sensor in self.sensors.items() if sensor.is_beyond}


@dataclass(slots=True)
class Shelf:
    """Since when and until when a person wants to hear nothing of a rule (the clock)."""

    since: float
    until: float


@dataclass(slots=True)
class EntityState:
    """An entity's streams and its alerts that are not normal, by name; and what people know and said.

    `told`: the last record of each open incident, by its id; `shelves`, by rule; `acted`: the last actions' ids.
    """

    streams: dict[str, StreamState] = field(default_factory=dict)
    limits: dict[str, LimitState] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    acted: list[str] = field(default_factory=list)


def to_text(state: EntityState) -> str | None:
    """Return what is known of an entity, None for nothing."""
    people = {
        "told": state.told,
        "shelves": {rule: [shelf.since, shelf.until] for rule, shelf in state.shelves.items()},
        "acted": state.acted,
    }
    if not state.streams and not state.limits and not state.told and not state.shelves:
        return None
    content = {
        "streams": {
            name: [
                stream.seen, stream.back_at, _quiet_list(stream.quiet),
                {
                    sensor: [
                        each.newest, each.value, each.seen, each.is_known, _quiet_list(each.quiet), each.intervals,
                        each.came_at, each.unchanged_since, each.suspect, each.fault and each.fault.as_list(),
                        [gap.as_list() for gap in each.gaps], *([each.late, each.late_at] if each.late else []),
                    ]
                    for sensor, each in stream.sensors.items()
                },
                {name: _clock_list(each, stream.sensors.get(name)) for name, each in stream.clocks.items()},
                *([stream.awaited_since, stream.crowded_since] if stream.awaited_since or stream.crowded_since else []),
            ]
            for name, stream in state.streams.items()
        },
        "limits": {
            name: [
                limit.begun, limit.said, limit.is_unknown,
                {
                    sensor: [each.excursion.as_list(), each.cleared and each.cleared.as_list(), each.is_beyond]
                    for sensor, each in limit.sensors.items()
                },
            ]
            for name, limit in state.limits.items()
        },
        # Nearly always there is none of it.
        **{name: known for name, known in people.items() if known},
    }  # fmt: skip
    return _ENCODER.encode(content)


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
    if "rules" in content:
        return _read_without_sensors(content)
    streams = {name: _stream(*fields) for name, fields in content["streams"].items()}
    limits = {
        name: LimitState(
            {
                sensor: SensorLimit(Excursion.from_list(excursion), cleared and Excursion.from_list(cleared), is_beyond)
                for sensor, (excursion, cleared, is_beyond) in sensors.items()
            },
            begun, said, is_unknown,
        )
        for name, (begun, said, is_unknown, sensors) in content["limits"].items()
    }  # fmt: skip
    shelves = {rule: Shelf(since, until) for rule, (since, until) in content.get("shelves", {}).items()}
    return EntityState(streams, limits, content.get("told", {}), shelves, content.get("acted", []))


def _read_without_sensors(content: dict[str, Any]) -> EntityState:
    """Return what a text of 1.0 says, which judged all sensors of a place as one: that one has no name here."""
    streams = {
        name: StreamState(
            seen, back_at, quiet and Quiet(*quiet),
            {
                sensor: SensorState(
                    newest, None, own_seen, is_known, own_quiet and Quiet(*own_quiet), unchanged_since=newest
                )
                for sensor, (newest, own_seen, is_known, own_quiet) in sensors.items()
            },
        )
        for name, (_, seen, back_at, quiet, sensors) in content["streams"].items()
    }  # fmt: skip
    limits = {}
    for name, (numbers, said, cleared, is_unknown) in content["rules"].items():
        excursion = Excursion.from_list(numbers)
        one = SensorLimit(excursion, cleared and Excursion.from_list(cleared), is_beyond=said is not None)
        limits[name] = LimitState({"": one}, excursion.begun, said, is_unknown)
    return EntityState(streams, limits)


def _since_1_1(  # noqa: PLR0917 - they stand in this order in a list
    newest: float,
    came_at: float | None = None,
    unchanged_since: float | None = None,
    suspect: float | None = None,
    fault: list[Any] | None = None,
    gaps: Sequence[list[Any]] = (),
    *late: Any,  # noqa: ANN401 - readings, and when they came
) -> tuple[Any, ...]:
    readings, late_at = late or ([], 0.0)
    return (
        came_at, newest if unchanged_since is None else unchanged_since, suspect,
        None if fault is None else SensorFault(*fault),
        [Gap(*gap) for gap in gaps], [(at, value) for at, value in readings], late_at,
    )  # fmt: skip


def _stream(
    seen: float,
    back_at: float,
    quiet: list[float] | None,
    sensors: dict[str, list[Any]],
    *since_1_1: Any,  # noqa: ANN401
) -> StreamState:
    known = {
        name: SensorState(newest, value, own_seen, is_known, own and Quiet(*own), intervals, *_since_1_1(newest, *rest))
        for name, (newest, value, own_seen, is_known, own, intervals, *rest) in sensors.items()
    }
    clocks, *rest = since_1_1 or ({},)
    read = {name: _clock(numbers, known.get(name)) for name, numbers in clocks.items()}
    return StreamState(seen, back_at, None if quiet is None else Quiet(*quiet), known, read, *rest)


def _is_usual(clock: ClockState, sensor: SensorState) -> bool:
    return (
        clock.fault is None
        and clock.still == 0
        and clock.steady == LIVE_SECONDS
        and clock.stamp == clock.newest == sensor.newest
        and clock.value == sensor.value
        and clock.received == sensor.seen
    )


def _clock_list(clock: ClockState, sensor: SensorState | None) -> list[float | None] | int:
    if sensor is not None and _is_usual(clock, sensor):
        return USUAL
    numbers: list[float | None] = [
        clock.stamp, clock.value, clock.received, clock.newest, clock.steady, clock.still
    ]  # fmt: skip
    return numbers if clock.fault is None else [*numbers, clock.fault.since, clock.fault.right_since]


def _clock(numbers: list[float] | int, sensor: SensorState | None) -> ClockState:
    if isinstance(numbers, int):
        if sensor is None or numbers != USUAL:
            raise ValueError(f"expected a clock, found {numbers}")
        return ClockState(sensor.newest, sensor.value, sensor.seen, sensor.newest, LIVE_SECONDS)
    stamp, value, received, newest, steady, still, *fault = numbers
    return ClockState(stamp, value, received, newest, steady, still, ClockFault(*fault) if fault else None)


def _quiet_list(quiet: Quiet | None) -> list[float] | None:
    return None if quiet is None else [quiet.since, quiet.said]
