"""A sensor that sends, but does not measure: an error code for a value, a value that jumps, one that never changes.

What the rules know as an error code arrives here as a fault (see `decode`); no limit judges it. A jump further than
`max_step` is judged only when the next reading confirms it. Event time decides.
"""

from collections.abc import Iterator
from functools import partial

from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.silences import next_reminder
from spark_monitor.incidents.state import CODE, SensorFault, SensorState, StreamState
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.watched import WatchedStream

JUMP, STUCK, CROWD = "lompat", "macet", "penuh"
"""The `rule` of the other faults; the last is the place's: it has more sensors than are told apart."""

STUCK_READINGS = 30
"""Equal values in a row are no fault below this."""

MAX_SENSORS = 100
"""How many sensors of an entity's stream are told apart; further ones count as readings without a name."""

CALM_SECONDS = 60
"""For so long nothing may jump before a sensor that jumped is right again."""


class FaultMachine:
    """What readings and time make of the faults of a stream's sensors, kept with them."""

    def __init__(self, stream: WatchedStream, state: StreamState, journal: Journal) -> None:
        self._stream = stream
        self._state = state
        self._journal = journal

    def read_code(self, name: str, sensor: SensorState, value: float, at: float) -> None:
        """Take a value that is an error code."""
        if sensor.fault is not None and sensor.fault.rule != CODE:
            self._end(name, sensor, sensor.fault, at)
        if sensor.fault is None:
            self._begin(name, sensor, SensorFault(CODE, at, self._journal.now, value, value, at))

    def read(self, name: str, sensor: SensorState, value: float, at: float, *, is_after_gap: bool) -> bool:
        """Take a reading that is newer than the sensor's last; say whether limits may judge it."""
        last = sensor.value
        if sensor.fault is not None and self._is_over(sensor.fault, value, at):
            self._end(name, sensor, sensor.fault, at)
        is_confirmed = sensor.suspect is not None and not self._jumps(value, sensor.suspect)
        if last is not None and self._jumps(value, last) and not is_confirmed and not is_after_gap:
            sensor.suspect = value
            self._jump(name, sensor, SensorFault(JUMP, at, self._journal.now, value, last, at))
            return False
        sensor.suspect = None
        if value != last or is_after_gap:
            sensor.unchanged_since = at
        elif sensor.fault is None and at - sensor.unchanged_since >= self._stuck_after(name, sensor):
            since = sensor.unchanged_since
            self._begin(name, sensor, SensorFault(STUCK, since, self._journal.now, value, value, at))
        return True

    def retire(self, name: str, sensor: SensorState, message: str) -> None:
        """End the fault of a sensor that nobody waits for any more."""
        if sensor.fault is not None:
            now = self._journal.now
            self._record(name, "retired", sensor.fault, message, now, closed_at=now)

    def read_crowd(self, at: float, *, is_crowded: bool) -> None:
        """Take whether a reading's sensor is one too many; `at` is when Kafka got it."""
        state, words, entity = self._state, self._stream.words, self._journal.entity_id
        if is_crowded and state.crowded_since is None:
            state.crowded_since = at
            self._record("", "opened", SensorFault(CROWD, at, at, 0, 0, at), words.crowded(entity, MAX_SENSORS), at)
        elif state.crowded_since is not None and not is_crowded and len(state.sensors) < MAX_SENSORS:
            since, state.crowded_since = state.crowded_since, None
            fault = SensorFault(CROWD, since, at, 0, 0, at)
            self._record("", "recovered", fault, words.not_crowded(entity), at, closed_at=at)

    def timers(self) -> Iterator[Timer]:
        """Yield what time does: faults are reminded of."""
        every = self._stream.fault_remind_every
        for name, sensor in list(self._state.sensors.items()):
            fault = sensor.fault
            if fault is not None:
                yield Timer(next_reminder(fault.since, fault.said, every), partial(self._remind, name, fault))

    def _stuck_after(self, name: str, sensor: SensorState) -> float:
        """Return for how many seconds a sensor's value may be the same: a slow one's may, for some readings."""
        interval = self._stream.sampling_of(name, sensor).interval or 0
        return max(self._stream.stuck_after, STUCK_READINGS * interval)

    def _jumps(self, value: float, last: float) -> bool:
        return abs(value - last) > self._stream.max_step

    def _jump(self, name: str, sensor: SensorState, jump: SensorFault) -> None:
        if sensor.fault is None:
            self._begin(name, sensor, jump)
        elif sensor.fault.rule == JUMP:
            sensor.fault.last_at = jump.since

    def _is_over(self, fault: SensorFault, value: float, at: float) -> bool:
        if fault.rule == STUCK:
            return value != fault.value
        return fault.rule == CODE or at >= fault.last_at + CALM_SECONDS

    def _begin(self, name: str, sensor: SensorState, fault: SensorFault) -> None:
        sensor.fault = fault
        self._tell(name, "opened", fault, fault.last_at)

    def _remind(self, name: str, fault: SensorFault) -> None:
        fault.said = self._journal.now
        if not self._journal.needs_no_reminder(self._id(name, fault)):
            self._tell(name, "reminder", fault, fault.said)

    def _tell(self, name: str, word: str, fault: SensorFault, at: float) -> None:
        words, entity = self._stream.words, self._journal.entity_id
        message = {
            CODE: words.error_code(entity, name, fault.value),
            JUMP: words.jumps(entity, name, fault.before, fault.value),
            STUCK: words.stuck(entity, name, fault.value, at - fault.since),
        }[fault.rule]
        self._record(name, word, fault, message, at)

    def _end(self, name: str, sensor: SensorState, fault: SensorFault, at: float) -> None:
        message = self._stream.words.measures(self._journal.entity_id, name, at - fault.since)
        self._record(name, "recovered", fault, message, at, closed_at=at)
        sensor.fault = None

    def _id(self, name: str, fault: SensorFault) -> str:
        stream = self._stream.name
        return self._journal.incident_id(f"{fault.rule}-{stream}", fault.since, name or stream)

    def _record(
        self, name: str, word: str, fault: SensorFault, message: str, at: float, *, closed_at: float | None = None
    ) -> None:
        stream = self._stream
        self._journal.add(
            incident_id=self._id(name, fault),
            kind="fault", state=word, rule=fault.rule, severity="warning", opened_at=fault.since, closed_at=closed_at,
            message=message, stream=stream.name, topic=stream.topic, sensor_id=name or None, unit=stream.unit,
            event_time=at, duration_seconds=at - fault.since,
        )  # fmt: skip
