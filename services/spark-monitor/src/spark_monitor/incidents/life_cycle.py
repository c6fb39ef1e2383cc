"""The life of incidents and silences of one entity, as a function of its readings and of time. No I/O, no Spark.

For each alert with an `incident` an entity is normal, pending, open or clearing; for each stream with a `silence` its
sensors speak or are silent. What is known of an entity between two calls is a JSON text. Event time decides about
limits; about silence the clock does, beside the time at which Kafka got a reading.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from messages import schemas
from spark_monitor.incidents.excursion import Excursion, Limit, Sampling
from spark_monitor.incidents.wording import Words, without_rule
from spark_monitor.rules.model import Alert, Incident, Rules, Silence

Record = dict[str, Any]
"""A message of the incidents' topic."""

SILENCE = "diam"
"""The `rule` of a silence."""

ALL_SENSORS = "semua"
"""In a silence's id, the whole stream of an entity."""

FORGET_SECONDS = 3_600
"""How long an entity without a reading is remembered where nobody waits for one."""

MAX_SENSORS = 100
"""How many sensors of an entity's stream are told apart; further ones count as readings without a name."""

SORTED_TOGETHER = 100_000
"""Readings that are put in order at once: a backlog of any length must not fill the memory."""


class Reading(NamedTuple):
    """An accepted reading; `value` is in the stream's unit, `event_time` and Kafka's `received_at` in epoch seconds."""

    stream: str
    sensor_id: str | None
    value: float
    event_time: float
    received_at: float


class StateError(ValueError):
    """What is known of an entity can't be read."""


class Step(NamedTuple):
    """What a call makes: the state (None: nothing to remember), when to look again (epoch seconds), the records."""

    state: str | None
    due: float | None
    records: list[Record]


@dataclass(slots=True)
class _Quiet:
    """An open silence: when the last reading came, and when it was said last (epoch seconds)."""

    since: float
    said: float


@dataclass(slots=True)
class _Sensor:
    """A sensor of a stream: its newest reading by event time, when Kafka got the last, whether it spoke twice.

    Of a name that came once nobody knows whether it is a sensor: a mistyped or invented one must not be called silent.
    """

    newest: float
    seen: float
    is_known: bool = False
    quiet: _Quiet | None = None


@dataclass(slots=True)
class _StreamState:
    """An entity's stream: newest event time, when Kafka got the last reading, and when all sensors' silence ended."""

    newest: float
    seen: float
    back_at: float = 0.0
    quiet: _Quiet | None = None
    sensors: dict[str, _Sensor] = field(default_factory=dict)


@dataclass(slots=True)
class _RuleState:
    """An alert that is not normal: pending, open when `said` (the clock, epoch seconds) has the time of its last word.

    `cleared` is the excursion as it was at the first reading of those that may end it.
    """

    excursion: Excursion
    said: float | None = None
    cleared: Excursion | None = None
    is_unknown: bool = False


@dataclass(frozen=True)
class _Rule:
    name: str
    alert: Alert
    incident: Incident


@dataclass(frozen=True)
class _Stream:
    name: str
    topic: str
    unit: str
    words: Words
    sampling: Sampling
    silence: Silence | None
    rules: tuple[_Rule, ...]


class LifeCycle:
    """What the rules say of every entity. Its methods are pure: they take an entity's state and return the next one."""

    def __init__(self, rules: Rules, time_zone: str) -> None:
        """`time_zone`: of the times in the lines."""
        self.zone = ZoneInfo(time_zone)
        self.version = rules.version
        self.streams: Mapping[str, _Stream] = {
            name: _Stream(
                name,
                stream.topic,
                stream.unit,
                Words(stream, self.zone),
                Sampling.of(stream),
                stream.silence,
                tuple(
                    _Rule(rule, alert, alert.incident)
                    for rule, alert in rules.alerts_of(name).items()
                    if alert.incident is not None
                ),
            )
            for name, stream in rules.streams.items()
            if name in rules.watched_streams
        }

    def take(self, entity_id: str, state: str | None, readings: Iterable[Reading], now: float) -> Step:
        """Return what readings make of an entity; `now` is the clock (epoch seconds).

        They may come in any order: those that are not newer than what is known already change nothing. Raises
        StateError before it has taken any.
        """
        turn = _Turn(self, entity_id, state, now)
        rest = iter(readings)
        while some := sorted(islice(rest, SORTED_TOGETHER), key=lambda reading: reading.event_time):
            for reading in some:
                turn.read(reading)
        return turn.result()

    def look(self, entity_id: str, state: str | None, now: float) -> Step:
        """Return what the time makes of an entity: silences, reminders, what is forgotten. Raises StateError.

        Call when all readings that came before `now` are taken.
        """
        turn = _Turn(self, entity_id, state, now)
        turn.look()
        return turn.result()


class _Turn:
    """One entity while it is worked on."""

    def __init__(self, life: LifeCycle, entity_id: str, state: str | None, now: float) -> None:
        self._life = life
        self._entity = entity_id
        self._now = now
        self._records: list[Record] = []
        try:
            self._streams, self._rules = _from_text(state)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StateError(f"unreadable state: {error!r}") from error
        self._limits: dict[str, Limit] = {}
        self._drop_what_has_no_rule()

    def result(self) -> Step:
        """Return the state as it is now."""
        return Step(_as_text(self._streams, self._rules), min(self._dues(), default=None), self._records)

    # --- readings ---------------------------------------------------------------------------------------------------

    def read(self, reading: Reading) -> None:
        """Take one reading."""
        stream = self._life.streams.get(reading.stream)
        if stream is None:
            return
        state = self._streams.get(stream.name)
        if state is None:
            state = self._streams[stream.name] = _StreamState(float("-inf"), reading.received_at)
        if stream.silence is not None:
            self._hear(stream, state, reading)
        state.seen = max(state.seen, reading.received_at)
        if reading.event_time <= state.newest:
            return
        is_after_gap = reading.event_time - state.newest > stream.sampling.silent_after
        state.newest = reading.event_time
        for rule in stream.rules:
            self._judge(stream, rule, reading, is_after_gap=is_after_gap)

    def _hear(self, stream: _Stream, state: _StreamState, reading: Reading) -> None:
        """Note that a sensor speaks, and end the silences that there were."""
        name = reading.sensor_id or ""
        if name not in state.sensors and len(state.sensors) >= MAX_SENSORS:
            name = ""
        sensor = state.sensors.get(name)
        if sensor is None:
            state.sensors[name] = _Sensor(reading.event_time, reading.received_at)
        else:
            sensor.is_known = sensor.is_known or reading.event_time != sensor.newest
            sensor.newest = max(sensor.newest, reading.event_time)
            sensor.seen = max(sensor.seen, reading.received_at)
        if state.quiet is not None and reading.received_at > state.quiet.since:
            self._end_silence(stream, None, state.quiet, reading.received_at)
            state.quiet, state.back_at = None, reading.received_at
        if sensor is not None and sensor.quiet is not None and reading.received_at > sensor.quiet.since:
            self._end_silence(stream, name, sensor.quiet, reading.received_at)
            sensor.quiet = None

    def _judge(self, stream: _Stream, rule: _Rule, reading: Reading, *, is_after_gap: bool) -> None:
        """Take a reading into a rule's life: normal, pending, open, clearing."""
        limit = self._limit(rule)
        at, value = reading.event_time, reading.value
        state = self._rules.get(rule.name)
        if state is None or state.said is None:
            if not limit.is_beyond(value):
                self._rules.pop(rule.name, None)
                return
            if state is None or is_after_gap:
                state = self._rules[rule.name] = _RuleState(Excursion.begin(at, value))
            else:
                state.excursion.hold_until(at, limit, stream.sampling)
                state.excursion.take(value, limit)
            if at >= state.excursion.begun + rule.incident.on_delay:
                self._open(stream, rule, state, at)
            return
        if state.is_unknown:
            state.is_unknown = False
            self._remind(stream, rule, state)
        state.excursion.hold_until(at, limit, stream.sampling)
        if not limit.is_cleared(value):
            state.cleared = None
        elif state.cleared is None or is_after_gap:
            # Of the time in a gap nobody knows: it ends nothing.
            state.cleared = state.excursion.copy()
        state.excursion.take(value, limit)
        if state.cleared is not None and at >= state.cleared.at + rule.incident.off_delay:
            self._close(stream, rule, state.cleared, at)

    def _open(self, stream: _Stream, rule: _Rule, state: _RuleState, at: float) -> None:
        state.said = self._now
        excursion, limit = state.excursion, self._limit(rule)
        message = stream.words.opened(
            self._entity, excursion.peak, limit.comparison, limit.threshold, excursion.begun
        )  # fmt: skip
        self._say_of_rule(stream, rule, "opened", excursion, at=at, message=message)

    def _remind(self, stream: _Stream, rule: _Rule, state: _RuleState) -> None:
        state.said = self._now
        seconds = self._now - state.excursion.begun
        message = stream.words.goes_on(self._entity, seconds, state.excursion.peak, self._now)
        self._say_of_rule(stream, rule, "reminder", state.excursion, at=self._now, message=message)

    def _close(self, stream: _Stream, rule: _Rule, excursion: Excursion, at: float) -> None:
        del self._rules[rule.name]
        figures = excursion.figures(stream.sampling)
        message = stream.words.closed(
            self._entity, figures["duration_seconds"], excursion.peak, figures["mkt"], excursion.at
        )  # fmt: skip
        self._say_of_rule(stream, rule, "closed", excursion, at=at, message=message, closed_at=excursion.at)

    def _end_silence(self, stream: _Stream, sensor: str | None, quiet: _Quiet, at: float) -> None:
        message = stream.words.back(self._entity, sensor, at - quiet.since)
        self._say_of_silence(stream, sensor, "closed", quiet, message=message, closed_at=at)

    # --- time -------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Find what is due now."""
        for name in list(self._streams):
            stream, state = self._life.streams[name], self._streams[name]
            if stream.silence is not None:
                self._forget_sensors(stream, stream.silence, state)
                self._find_silence(stream, stream.silence, state)
                self._remind_of_silence(stream, stream.silence, state)
            for rule in stream.rules:
                rule_state = self._rules.get(rule.name)
                if not rule_state or rule_state.said is None:
                    continue
                if self._now >= rule_state.said + rule.incident.remind_every:
                    self._remind_by_time(stream, rule, rule_state, state)
            if not state.sensors and self._now >= state.seen + _forget_after(stream) and not self._has_open(stream):
                del self._streams[name]
                for rule in stream.rules:
                    self._rules.pop(rule.name, None)

    def _forget_sensors(self, stream: _Stream, silence: Silence, state: _StreamState) -> None:
        for name, sensor in list(state.sensors.items()):
            if self._now >= sensor.seen + silence.forget_after:
                del state.sensors[name]
                if sensor.quiet is not None:
                    self._forget(stream, name, sensor.quiet)
        if state.quiet is not None and not state.sensors:
            self._forget(stream, None, state.quiet)
            state.quiet = None

    def _forget(self, stream: _Stream, sensor: str | None, quiet: _Quiet) -> None:
        message = stream.words.forgotten(self._entity, sensor, self._now - quiet.since)
        self._say_of_silence(stream, sensor, "closed", quiet, message=message, closed_at=self._now)

    def _find_silence(self, stream: _Stream, silence: Silence, state: _StreamState) -> None:
        known = {name: sensor for name, sensor in state.sensors.items() if sensor.is_known}
        if self._now < state.seen + silence.silent_after:
            for name, sensor in known.items():
                if self._is_followed(state, name, sensor) and self._now >= _silent_at(state, sensor, silence):
                    sensor.quiet = _Quiet(sensor.seen, self._now)
                    self._begin_silence(stream, name, sensor.quiet)
            return
        if self._waits_for_all(state):
            quiet = _Quiet(state.seen, self._now)
            alone = next(iter(known)) if len(known) == 1 else ""
            if alone:
                known[alone].quiet = quiet
            else:
                state.quiet = quiet
            self._begin_silence(stream, alone or None, quiet)
        for rule in stream.rules:
            rule_state = self._rules.get(rule.name)
            if rule_state and rule_state.said is not None and not rule_state.is_unknown:
                rule_state.is_unknown = True
                self._say_unknown(stream, rule, rule_state, state, "unknown")

    def _is_followed(self, state: _StreamState, name: str, sensor: _Sensor) -> bool:
        """Say whether a sensor's own silence may begin; readings without a name are only followed all together."""
        return bool(name) and sensor.is_known and sensor.quiet is None and state.quiet is None

    def _waits_for_all(self, state: _StreamState) -> bool:
        """Say whether a silence of the whole stream may begin: not again, and not for a lone sensor that is silent."""
        known = [sensor for sensor in state.sensors.values() if sensor.is_known]
        return state.quiet is None and bool(known) and not (len(known) == 1 and known[0].quiet is not None)

    def _begin_silence(self, stream: _Stream, sensor: str | None, quiet: _Quiet) -> None:
        message = stream.words.silent(self._entity, sensor, self._now - quiet.since)
        self._say_of_silence(stream, sensor, "opened", quiet, message=message)

    def _remind_of_silence(self, stream: _Stream, silence: Silence, state: _StreamState) -> None:
        for sensor, quiet in _said(state):
            if self._now >= quiet.said + silence.remind_every:
                quiet.said = self._now
                message = stream.words.silent(self._entity, sensor, self._now - quiet.since)
                self._say_of_silence(stream, sensor, "reminder", quiet, message=message)

    def _remind_by_time(self, stream: _Stream, rule: _Rule, rule_state: _RuleState, state: _StreamState) -> None:
        if not rule_state.is_unknown:
            self._remind(stream, rule, rule_state)
            return
        rule_state.said = self._now
        self._say_unknown(stream, rule, rule_state, state, "reminder")

    def _say_unknown(
        self, stream: _Stream, rule: _Rule, rule_state: _RuleState, state: _StreamState, word: str
    ) -> None:
        message = stream.words.unknown(self._entity, self._now - state.seen, self._now)
        self._say_of_rule(stream, rule, word, rule_state.excursion, at=self._now, message=message)

    def _has_open(self, stream: _Stream) -> bool:
        states = (self._rules.get(rule.name) for rule in stream.rules)
        return any(state is not None and state.said is not None for state in states)

    def _dues(self) -> Iterator[float]:
        """Yield when something may be due, if nothing comes until then."""
        for name, state in self._streams.items():
            stream = self._life.streams[name]
            opened = [
                (rule, rule_state)
                for rule in stream.rules
                if (rule_state := self._rules.get(rule.name)) and rule_state.said is not None
            ]
            for rule, rule_state in opened:
                yield (rule_state.said or 0) + rule.incident.remind_every
            if stream.silence is not None:
                silence = stream.silence
                for sensor_name, sensor in state.sensors.items():
                    yield sensor.seen + silence.forget_after
                    if self._is_followed(state, sensor_name, sensor):
                        yield _silent_at(state, sensor, silence)
                if self._waits_for_all(state) or not all(rule_state.is_unknown for _, rule_state in opened):
                    yield state.seen + silence.silent_after
                for _, quiet in _said(state):
                    yield quiet.said + silence.remind_every
            if not state.sensors and not opened:
                yield state.seen + _forget_after(stream)

    # --- what is reported -------------------------------------------------------------------------------------------

    def _limit(self, rule: _Rule) -> Limit:
        limit = self._limits.get(rule.name)
        if limit is None:
            limit = self._limits[rule.name] = Limit.of(rule.alert, self._entity)
        return limit

    def _drop_what_has_no_rule(self) -> None:
        """End what the rules knew before a restart and do not any more."""
        for name, state in list(self._streams.items()):
            stream = self._life.streams.get(name)
            if stream is None:
                del self._streams[name]
            elif stream.silence is None and state.sensors:
                for sensor, quiet in _open_silences(state):
                    self._forget(stream, sensor, quiet)
                state.sensors, state.quiet = {}, None
        known = {rule.name for stream in self._life.streams.values() for rule in stream.rules}
        for name in self._rules.keys() - known:
            self._end_without_rule(name, self._rules.pop(name))

    def _end_without_rule(self, name: str, state: _RuleState) -> None:
        if state.said is None:
            return
        excursion = state.excursion
        figures = excursion.figures(Sampling(None, float("inf"), is_celsius=False))
        self._records.append(
            self._record(
                incident_id=_id(name, self._entity, excursion.begun), kind="threshold", state="closed", rule=name,
                severity="info", opened_at=excursion.begun, closed_at=excursion.at, event_time=self._now,
                message=without_rule(self._entity, name, excursion.at, self._life.zone), **figures,
            )
        )  # fmt: skip

    def _say_of_rule(
        self, stream: _Stream, rule: _Rule, state: str, excursion: Excursion, *,
        at: float, message: str, closed_at: float | None = None,
    ) -> None:  # fmt: skip
        self._records.append(
            self._record(
                incident_id=_id(rule.name, self._entity, excursion.begun), kind="threshold", state=state,
                rule=rule.name, severity=rule.incident.severity, opened_at=excursion.begun, closed_at=closed_at,
                message=message, stream=stream.name, topic=stream.topic, unit=stream.unit,
                threshold=self._limit(rule).threshold, event_time=at, **excursion.figures(stream.sampling),
            )
        )  # fmt: skip

    def _say_of_silence(
        self, stream: _Stream, sensor: str | None, state: str, quiet: _Quiet, *,
        message: str, closed_at: float | None = None,
    ) -> None:  # fmt: skip
        until = self._now if closed_at is None else closed_at
        severity = stream.silence.severity if stream.silence else "info"
        self._records.append(
            self._record(
                incident_id=_id(f"{SILENCE}-{stream.name}", self._entity, quiet.since, sensor or ALL_SENSORS),
                kind="silence", state=state, rule=SILENCE, severity=severity, opened_at=quiet.since,
                closed_at=closed_at, message=message, stream=stream.name, topic=stream.topic, sensor_id=sensor or None,
                event_time=until, duration_seconds=until - quiet.since,
            )
        )  # fmt: skip

    def _record(self, **given: Any) -> Record:  # noqa: ANN401 - a record's fields
        return (
            dict.fromkeys(FIELDS)
            | {
                "entity_id": self._entity,
                "rules_version": self._life.version,
                "emitted_at": self._now,
                "schema_version": schemas.VERSION,
            }
            | given
        )


FIELDS = (
    "incident_id", "kind", "state", "entity_id", "rule", "severity", "opened_at", "closed_at",
    "peak", "mean", "duration_seconds", "degree_minutes", "readings", "coverage", "gap_seconds", "mkt",
    "rules_version", "message", "stream", "topic", "sensor_id", "unit", "threshold", "event_time", "emitted_at",
    "schema_version",
)  # fmt: skip
"""Of a record, in this order. `event_time` is when that was which made the record (a reading, or the clock),
`emitted_at` the clock when it was made; both in epoch seconds."""


def to_json(record: Record) -> str:
    """Return a record as it is in the topic. Raises ValueError for a number that JSON does not have."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Record:
    """Return a record from its text."""
    record: Record = json.loads(text)
    return record


def _id(what: str, entity_id: str, since: float, sensor: str | None = None) -> str:
    """Return what tells an incident from all others, the same at each repetition."""
    return "-".join([what, entity_id, *([] if sensor is None else [sensor]), str(round(since * 1000))])


def _silent_at(state: _StreamState, sensor: _Sensor, silence: Silence) -> float:
    """Return when a sensor counts as silent; after a silence of all, each has the time again to speak again."""
    return max(sensor.seen, state.back_at) + silence.silent_after


def _forget_after(stream: _Stream) -> float:
    return stream.silence.forget_after if stream.silence else FORGET_SECONDS


def _open_silences(state: _StreamState) -> list[tuple[str | None, _Quiet]]:
    own: list[tuple[str | None, _Quiet]] = [
        (name, sensor.quiet) for name, sensor in state.sensors.items() if sensor.quiet is not None
    ]
    return own if state.quiet is None else [(None, state.quiet), *own]


def _said(state: _StreamState) -> list[tuple[str | None, _Quiet]]:
    """Return the silences that are reminded of: while all are silent, that once."""
    return [(None, state.quiet)] if state.quiet is not None else _open_silences(state)


def _as_text(streams: Mapping[str, _StreamState], rules: Mapping[str, _RuleState]) -> str | None:
    """Return what is known of an entity, None for nothing."""
    if not streams and not rules:
        return None
    content = {
        "streams": {
            name: [
                state.newest, state.seen, state.back_at, _quiet_list(state.quiet),
                {
                    sensor: [each.newest, each.seen, each.is_known, _quiet_list(each.quiet)]
                    for sensor, each in state.sensors.items()
                },
            ]
            for name, state in streams.items()
        },
        "rules": {
            name: [
                state.excursion.as_list(), state.said, state.cleared and state.cleared.as_list(), state.is_unknown
            ]
            for name, state in rules.items()
        },
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _from_text(text: str | None) -> tuple[dict[str, _StreamState], dict[str, _RuleState]]:
    if text is None:
        return {}, {}
    content = json.loads(text)
    streams = {
        name: _StreamState(
            newest, seen, back_at, quiet and _Quiet(*quiet),
            {
                sensor: _Sensor(own_newest, own_seen, is_known, own_quiet and _Quiet(*own_quiet))
                for sensor, (own_newest, own_seen, is_known, own_quiet) in sensors.items()
            },
        )
        for name, (newest, seen, back_at, quiet, sensors) in content["streams"].items()
    }  # fmt: skip
    rules = {
        name: _RuleState(Excursion.from_list(excursion), said, cleared and Excursion.from_list(cleared), is_unknown)
        for name, (excursion, said, cleared, is_unknown) in content["rules"].items()
    }
    return streams, rules


def _quiet_list(quiet: _Quiet | None) -> list[float] | None:
    return None if quiet is None else [quiet.since, quiet.said]
