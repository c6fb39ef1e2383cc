"""One alert's limit at one entity: normal, pending, open, clearing; of an open one without readings, unknown."""

import math
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, partial
from zoneinfo import ZoneInfo

from rules.limit import ABOVE, Limit
from spark_monitor.incidents.excursion import Excursion, Sampling
from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import LimitState, SensorLimit, StreamState
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.watched import LimitRule, WatchedStream
from spark_monitor.incidents.wording import PersonsWord, without_rule


class LimitMachine:
    """What readings and time make of a limit. Its state is `states[rule.name]`; there is none while it is normal.

    Each sensor is normal, pending, beyond or clearing by itself. The entity's incident opens with the first that is
    beyond for `on_delay`, and closes when all that were have cleared.
    """

    def __init__(
        self,
        rule: LimitRule,
        stream: WatchedStream,
        known: StreamState,
        states: dict[str, LimitState],
        journal: Journal,
    ) -> None:
        """`known`: the stream's sensors and their clocks, as they speak."""
        self._rule = rule
        self._stream = stream
        self._known = known
        self._states = states
        self._journal = journal

    @cached_property
    def _limit(self) -> Limit:
        return Limit.of(self._rule.alert, self._journal.entity_id)

    @property
    def name(self) -> str:
        """The alert's."""
        return self._rule.name

    def is_beyond(self, name: str) -> bool:
        """Say whether a sensor is part of an open incident."""
        state = self._states.get(self._rule.name)
        return state is not None and name in state.beyond

    def covers(self, name: str, at: float) -> bool:
        """Say whether a time is within what is pending or open of a sensor."""
        state = self._states.get(self._rule.name)
        return state is not None and name in state.sensors and state.sensors[name].excursion.begun <= at

    def judge_late(self, name: str, readings: Sequence[tuple[float, float]], silent_after: float) -> None:
        """Record the episodes in a sensor's readings (event time, value) that came late, in order; all are over."""
        journal = self._journal.of_late_readings()
        late = LimitMachine(self._rule, self._stream, self._known, {}, journal)
        last = -math.inf
        for at, value in readings:
            late.read(name, value, at, is_after_gap=at - last > silent_after)
            last = at
        late.end(last)
        self._journal.records += journal.records

    def end(self, at: float) -> None:
        """Close what is open with a sensor's last reading."""
        state = self._states.get(self._rule.name)
        if state is not None and state.is_open:
            for sensor in state.beyond.values():
                sensor.cleared = sensor.cleared or sensor.excursion
            self._close(state, at)

    @property
    def is_open(self) -> bool:
        """Whether an incident is open."""
        state = self._states.get(self._rule.name)
        return state is not None and state.is_open

    def read(self, name: str, value: float, at: float, *, is_after_gap: bool) -> None:
        """Judge a sensor's reading that is newer than all before of it; `at` is its event time."""
        state = self._states.get(self._rule.name)
        if state is None:
            if self._limit.is_beyond(value):
                state = self._states[self._rule.name] = LimitState()
                self._begin(state, name, value, at)
            return
        if "" in state.sensors and "" not in self._known.sensors and name:
            # Left by a forgotten sensor, or by a checkpoint that told no sensors apart.
            self._hand_over(state, "", name)
        sensor = state.sensors.get(name)
        if sensor is None:
            if self._limit.is_beyond(value):
                self._begin(state, name, value, at)
        elif sensor.is_beyond:
            self._read_while_beyond(state, sensor, value, at, name, is_after_gap=is_after_gap)
        else:
            self._read_while_pending(state, sensor, value, at, name)

    def timers(self) -> Iterator[Timer]:
        """Yield what time does to it: an open incident becomes unknown, and is reminded of."""
        state = self._states.get(self._rule.name)
        if state is None or state.said is None:
            return
        if self._stream.silence is not None and not state.is_unknown:
            yield Timer(self._unknown_at(state), partial(self._lose_sight, state))
        yield Timer(state.said + self._rule.incident.remind_every, partial(self._remind, state))

    def forget(self) -> None:
        """Drop what is pending."""
        self._states.pop(self._rule.name, None)

    def start_over(self, name: str) -> None:
        """Drop what is pending of a sensor: it began by a clock that was wrong."""
        state = self._states.get(self._rule.name)
        if state is not None and name in state.sensors and not state.sensors[name].is_beyond:
            self._drop(state, name)

    def forget_sensor(self, name: str) -> None:
        """Drop what is pending of a sensor; its part in an open incident waits for a sensor that carries it on."""
        state = self._states.get(self._rule.name)
        if state is None or name not in state.sensors:
            return
        if state.sensors[name].is_beyond:
            self._hand_over(state, name, "")
        else:
            self._drop(state, name)

    def hand_over(self, of: str, to: str) -> None:
        """Let a sensor carry on what another one has begun, whose place it has taken."""
        state = self._states.get(self._rule.name)
        if state is not None and of in state.sensors:
            self._hand_over(state, of, to)

    def retire(self, names: Collection[str], word: PersonsWord) -> None:
        """Drop sensors by a person's word; an incident that only they held open ends."""
        state = self._states.get(self._rule.name)
        if state is None:
            return
        others = (sensor for name, sensor in state.beyond.items() if name not in names)
        if state.is_open and all(map(self._is_over, others)):
            now, (_, worst) = self._journal.now, self._worst(state)
            message = self._stream.words.ended(self._journal.entity_id, now - state.begun, worst.peak, word, now)
            self._record(state, "retired", at=now, message=message, closed_at=now)
            state.said = None
            names = {*names, *state.beyond}
        for name in state.sensors.keys() & names:
            self._drop(state, name)

    # --- a sensor -----------------------------------------------------------------------------------------------------

    def _hand_over(self, state: LimitState, of: str, to: str) -> None:
        """Let one sensor carry on another's excursion: so an incident outlives its sensor, and ends by data."""
        left, own = state.sensors.pop(of), state.sensors.get(to)
        if own is not None and own.is_beyond:
            own.excursion.peak = self._limit.worse(own.excursion.peak, left.excursion.peak)
        else:
            state.sensors[to] = left

    def _begin(self, state: LimitState, name: str, value: float, at: float) -> None:
        sensor = state.sensors[name] = SensorLimit(Excursion.begin(at, value))
        self._join_if_due(state, sensor, at)

    def _read_while_pending(self, state: LimitState, sensor: SensorLimit, value: float, at: float, name: str) -> None:
        """Between limit and deadband a reading holds what is pending, as it holds what is open, for `off_delay`."""
        if self._limit.is_cleared(value):
            self._drop(state, name)
            return
        sensor.excursion.hold_until(at, self._limit, self._sampling(name))
        sensor.excursion.take(value, self._limit)
        if self._limit.is_beyond(value):
            sensor.cleared = None
            self._join_if_due(state, sensor, at)
        elif sensor.cleared is None:
            sensor.cleared = sensor.excursion.copy()
        elif self._is_over(sensor):
            self._drop(state, name)

    def _read_while_beyond(
        self, state: LimitState, sensor: SensorLimit, value: float, at: float, name: str, *, is_after_gap: bool
    ) -> None:
        was_over = self._is_over(sensor)
        if state.is_unknown and not was_over:
            state.is_unknown, state.said = False, self._journal.now
            self._tell_goes_on(state)
        sensor.excursion.hold_until(at, self._limit, self._sampling(name))
        if not self._limit.is_cleared(value):
            sensor.cleared = None
        elif sensor.cleared is None or (is_after_gap and not was_over):
            # Of the time in a gap nobody knows: it ends nothing.
            sensor.cleared = sensor.excursion.copy()
        sensor.excursion.take(value, self._limit)
        if self._is_over(sensor) and all(map(self._is_over, state.beyond.values())):
            self._close(state, at)

    def _join_if_due(self, state: LimitState, sensor: SensorLimit, at: float) -> None:
        if at < sensor.excursion.begun + self._rule.incident.on_delay:
            return
        sensor.is_beyond = True
        if not state.is_open:
            self._open(state, sensor.excursion, at)

    def _is_over(self, sensor: SensorLimit) -> bool:
        """Say whether a sensor has been cleared for `off_delay`."""
        return sensor.cleared is not None and sensor.excursion.at >= sensor.cleared.at + self._rule.incident.off_delay

    def _drop(self, state: LimitState, name: str) -> None:
        del state.sensors[name]
        if not state.sensors:
            self.forget()

    def _sampling(self, name: str) -> Sampling:
        return self._stream.sampling_of(name, self._known.sensors.get(name))

    # --- the incident -------------------------------------------------------------------------------------------------

    def _unknown_at(self, state: LimitState) -> float:
        """Return when all sensors that hold the incident open are silent."""
        return max(
            self._seen(name, sensor) + self._sampling(name).silent_after for name, sensor in self._holders(state)
        )

    def _holders(self, state: LimitState) -> list[tuple[str, SensorLimit]]:
        """Return the sensors that have not cleared; all of them if the rules' `off_delay` was shortened meanwhile."""
        beyond = state.beyond
        return [(name, sensor) for name, sensor in beyond.items() if not self._is_over(sensor)] or list(beyond.items())

    def _seen(self, name: str, sensor: SensorLimit) -> float:
        """Return when Kafka got the last of a sensor; of one that was forgotten, its own last time."""
        known = self._known.sensors.get(name)
        return sensor.excursion.at if known is None else known.seen

    def _worst(self, state: LimitState) -> tuple[str, Excursion]:
        """Return the sensor with the worst peak, as it was when it had cleared, if it has."""

        def peak(item: tuple[str, SensorLimit]) -> float:
            found = item[1].excursion.peak
            return found if self._limit.comparison in ABOVE else -found

        name, sensor = max(state.beyond.items(), key=peak)
        return name, sensor.cleared if sensor.cleared is not None and self._is_over(sensor) else sensor.excursion

    def _open(self, state: LimitState, excursion: Excursion, at: float) -> None:
        state.begun, state.said = excursion.begun, self._journal.now
        message = self._stream.words.opened(
            self._journal.entity_id, excursion.peak, self._limit.comparison, self._limit.threshold, excursion.begun
        )
        self._record(state, "opened", at=at, message=message)

    def _lose_sight(self, state: LimitState) -> None:
        state.is_unknown = True
        self._tell_unknown(state, "unknown")

    def _remind(self, state: LimitState) -> None:
        state.said = self._journal.now
        if self._journal.needs_no_reminder(self._id(state)):
            return
        if state.is_unknown:
            self._tell_unknown(state, "reminder")
        else:
            self._tell_goes_on(state)

    def _tell_goes_on(self, state: LimitState) -> None:
        now, (_, worst) = self._journal.now, self._worst(state)
        message = self._stream.words.goes_on(self._journal.entity_id, now - state.begun, worst.peak, now)
        self._record(state, "reminder", at=now, message=message)

    def _tell_unknown(self, state: LimitState, word: str) -> None:
        now = self._journal.now
        last = max(self._seen(name, sensor) for name, sensor in self._holders(state))
        message = self._stream.words.unknown(self._journal.entity_id, now - last, now)
        self._record(state, word, at=now, message=message)

    def _close(self, state: LimitState, at: float) -> None:
        closed_at = max(sensor.cleared.at for sensor in state.beyond.values() if sensor.cleared is not None)
        name, worst = self._worst(state)
        figures = worst.figures(self._sampling(name))
        message = self._stream.words.closed(
            self._journal.entity_id, closed_at - state.begun, worst.peak, figures["mkt"], closed_at
        )
        self._record(state, "closed", at=at, message=message, closed_at=closed_at)
        state.said, state.is_unknown = None, False
        for each in list(state.beyond):
            self._drop(state, each)

    def _id(self, state: LimitState) -> str:
        return self._journal.incident_id(self._rule.name, state.begun)

    def _record(self, state: LimitState, word: str, *, at: float, message: str, closed_at: float | None = None) -> None:
        name, worst = self._worst(state)
        ends = [sensor.excursion.at for sensor in state.beyond.values()]
        lasted = (max(ends) if closed_at is None else closed_at) - state.begun
        self._journal.add(
            incident_id=self._id(state), kind="threshold", state=word,
            rule=self._rule.name, severity=self._rule.incident.severity, opened_at=state.begun, closed_at=closed_at,
            message=message, stream=self._stream.name, topic=self._stream.topic, unit=self._stream.unit,
            threshold=self._limit.threshold, event_time=at, time_source=self._known.time_source(name),
            sensors=sorted(filter(None, state.beyond)),
            **{**worst.figures(self._sampling(name)), "duration_seconds": lasted},
        )  # fmt: skip


def close_without_rule(name: str, state: LimitState, journal: Journal, zone: ZoneInfo) -> None:
    """Close the incident of a rule that is no longer there; without it nobody knows which sensor was worst."""
    excursion = max((sensor.excursion for sensor in state.beyond.values()), key=lambda each: each.at)
    figures = excursion.figures(Sampling(None, float("inf"), is_celsius=False))
    journal.add(
        incident_id=journal.incident_id(name, state.begun), kind="threshold", state="closed", rule=name,
        severity="info", opened_at=state.begun, closed_at=excursion.at, event_time=journal.now,
        sensors=sorted(filter(None, state.beyond)),
        message=without_rule(journal.entity_id, name, excursion.at, zone), **figures,
    )  # fmt: skip
