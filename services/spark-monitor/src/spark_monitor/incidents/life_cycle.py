"""The life of incidents and silences of one entity, as a function of its readings and of time. No I/O, no Spark.

Each alert with an `incident` is a machine of its own (`limits`), and so is each stream with a `silence` (`silences`).
Each sensor is judged by itself, in its own order and at its own interval.
What is known of an entity between two calls is a JSON text (`state`). Event time decides about limits; about silence
the clock does, beside the time at which Kafka got a reading.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from messages.records import LAST_MOMENT, Action
from rules.model import Rules
from spark_monitor.incidents.clock import CLOSE_SECONDS, SensorClock
from spark_monitor.incidents.faults import MAX_SENSORS, FaultMachine
from spark_monitor.incidents.late import LateReadings
from spark_monitor.incidents.limits import LimitMachine, close_without_rule
from spark_monitor.incidents.people import IS_OVER, People, word_of
from spark_monitor.incidents.records import Journal, Record
from spark_monitor.incidents.silences import SilenceMachine, open_silences, retire
from spark_monitor.incidents.state import ClockState, EntityState, Gap, SensorState, StreamState, from_text, to_text
from spark_monitor.incidents.timers import Timer, fire, next_due
from spark_monitor.incidents.watched import LONGEST_INTERVAL, WatchedStream, watched_streams
from spark_monitor.incidents.wording import PersonsWord, Saying, nobody_waits

RETIREMENT = "pensiun"
"""The `rule` of a person's word that ended nothing."""

WITHOUT_RULE = PersonsWord("aturan", "")
FORGOTTEN = PersonsWord("monitor", "tidak terdengar lagi")

FORGET_SECONDS = 3_600
"""How long a sensor without a reading is remembered where nobody waits for one."""

SORTED_TOGETHER = 100_000
"""Readings that are put in order at once: a backlog of any length must not fill the memory."""


class Reading(NamedTuple):
    """An accepted reading; `value` is in the stream's unit, the times are epoch seconds.

    `sensor_time` is what the sensor's own clock said, if it has one; `event_time` is that, or Kafka's `received_at`
    where the first cannot be right. `is_error_code`: `value` is none.
    """

    stream: str
    sensor_id: str | None
    value: float
    event_time: float
    received_at: float
    sensor_time: float | None = None
    is_error_code: bool = False


class Step(NamedTuple):
    """What a call makes: the state (None: nothing to remember), when to look again (epoch seconds), the records."""

    state: str | None
    due: float | None
    records: list[Record]


class LifeCycle:
    """What the rules say of every entity. Its methods are pure: they take an entity's state and return the next one."""

    def __init__(self, rules: Rules, time_zone: str) -> None:
        """`time_zone`: of the times in the lines."""
        self.zone = ZoneInfo(time_zone)
        self.version = rules.version
        self.streams = watched_streams(rules, self.zone)
        self.limits = {limit.name: stream.name for stream in self.streams.values() for limit in stream.limits}
        self.saying = Saying({name: stream.words.stream for name, stream in self.streams.items()}, self.zone)

    def read(self, entity_id: str, state: str | None, readings: Iterable[Reading], now: float) -> Step:
        """Return what readings make of an entity; `now` is the clock (epoch seconds).

        They may come in any order: those that are not newer than what is known of their sensor are judged by no limit.
        Raises StateError before it has read any.
        """
        entity = _Entity(self, entity_id, state, now)
        rest = iter(readings)
        while arrived := sorted(islice(rest, SORTED_TOGETHER), key=lambda reading: reading.received_at):
            timed = [reading for reading in map(entity.timed, arrived) if reading is not None]
            # A clock may be found wrong by the last of them: then by it the others were judged wrongly, too.
            for reading in sorted(map(entity.corrected, timed), key=lambda reading: reading.event_time):
                entity.read(reading)
        return entity.step()

    def act(self, entity_id: str, state: str | None, action: Action, now: float) -> Step:
        """Return what a person's word makes of an entity, after all readings that came before it.

        Raises StateError, and ValueError of a word that lacks what it is about.
        """
        entity = _Entity(self, entity_id, state, now)
        entity.act(action)
        return entity.step()

    def pass_time(self, entity_id: str, state: str | None, now: float) -> Step:
        """Return what the time makes of an entity: silences, reminders, what is forgotten. Raises StateError.

        Call when all readings that came before `now` are read.
        """
        entity = _Entity(self, entity_id, state, now)
        fire(entity.timers(), now)
        return entity.step()


class _Entity:
    """One entity while it is worked on: its streams, each with its machines."""

    def __init__(self, life: LifeCycle, entity_id: str, state: str | None, now: float) -> None:
        self._life = life
        self._journal = Journal(entity_id, life.version, now)
        self._state = from_text(state)
        self._people = People(self._state, self._journal, life.saying, life.limits)
        for each in self._state.streams.values():
            each.settle(now)
        self._streams: dict[str, _Stream] = {}
        self._drop_what_has_no_rule()

    def step(self) -> Step:
        """Return the state as it is now."""
        return Step(to_text(self._state), next_due(self.timers()), self._journal.records)

    def timed(self, reading: Reading) -> Reading | None:
        """Return a reading with the time that it is judged by, None of one that is no news.

        Call it for all in the order in which they came.
        """
        if reading.sensor_time is None or (stream := self._stream_of(reading)) is None:
            return reading
        return stream.timed(reading, reading.sensor_time)

    def corrected(self, reading: Reading) -> Reading:
        """Return a reading that is timed by Kafka's time if its sensor's clock was found wrong behind it."""
        stream = self._streams.get(reading.stream)
        return reading if stream is None else stream.corrected(reading)

    def read(self, reading: Reading) -> None:
        """Hand a reading to its stream."""
        stream = self._stream_of(reading)
        if stream is not None:
            stream.read(reading)

    def act(self, action: Action) -> None:
        """Do what an action says. Raises ValueError."""
        if action["action"] == "expect":
            self._expect(action)
        elif action["action"] == "retire":
            self._retire(action)
        elif (incident := self._people.take(action)) is not None:
            self._close(incident, action)

    def _close(self, incident: Record, action: Action) -> None:
        """End the incident of a limit by a person's word."""
        stream = self._life.streams.get(incident["stream"] or "")
        if stream is None or stream.name not in self._state.streams:
            self._people.refuse(action, IS_OVER)
        else:
            self._stream(stream).close(incident["rule"], word_of(action))

    def _expect(self, action: Action) -> None:
        """Wait for a place that the rules name."""
        stream = self._life.streams.get(action.get("stream") or "")
        if stream is None or not stream.expects(self._journal.entity_id) or stream.name in self._state.streams:
            return
        self._state.streams[stream.name] = StreamState(action["at"], awaited_since=action["at"])

    def _retire(self, action: Action) -> None:
        """Wait no more for a sensor, or for all."""
        word, sensor_id = word_of(action), action.get("sensor_id")
        before = len(self._journal.records)
        for name in list(self._state.streams):
            if action.get("stream") in {None, name}:
                stream = self._stream(self._life.streams[name])
                stream.retire(sensor_id, word)
                if stream.is_forgettable:
                    self._forget(name)
        if len(self._journal.records) == before:
            self._journal.add(
                incident_id=f"{RETIREMENT}-{action['action_id']}", kind="action", state="retired", rule=RETIREMENT,
                severity="info", opened_at=action["at"], closed_at=action["at"], event_time=action["at"],
                sensor_id=sensor_id, message=nobody_waits(self._journal.entity_id, word),
            )  # fmt: skip

    def timers(self) -> Iterator[Timer]:
        """Yield what time does to each stream, when a stream is forgotten, and when a shelf ends."""
        yield from self._people.timers()
        for name in list(self._state.streams):
            stream = self._stream(self._life.streams[name])
            yield from stream.timers()
            if stream.is_forgettable:
                yield Timer(stream.forgotten_at, partial(self._forget, name))

    def _stream_of(self, reading: Reading) -> "_Stream | None":
        found = self._streams.get(reading.stream)
        if found is None:
            watched = self._life.streams.get(reading.stream)
            if watched is None:
                return None
            self._state.streams.setdefault(watched.name, StreamState(reading.received_at))
            found = self._stream(watched)
        return found

    def _stream(self, stream: WatchedStream) -> "_Stream":
        found = self._streams.get(stream.name)
        if found is None:
            found = self._streams[stream.name] = _Stream(
                stream.of_place(self._journal.entity_id), self._state, self._journal
            )
        return found

    def _forget(self, name: str) -> None:
        self._streams.pop(name).forget()
        del self._state.streams[name]

    def _drop_what_has_no_rule(self) -> None:
        """End what the rules knew before a restart and do not any more."""
        for name, state in list(self._state.streams.items()):
            stream = self._life.streams.get(name)
            if stream is None:
                del self._state.streams[name]
            elif stream.silence is None:
                for sensor, quiet in open_silences(state):
                    retire(stream, sensor, quiet, self._journal, WITHOUT_RULE, is_silent=True)
                state.quiet = state.awaited_since = None
                for each in state.sensors.values():
                    each.quiet = None
            elif state.awaited_since is not None and not stream.expects(self._journal.entity_id):
                self._stream(stream).retire(None, WITHOUT_RULE)
        for name in self._state.limits.keys() - self._life.limits.keys():
            limit = self._state.limits.pop(name)
            if limit.is_open:
                close_without_rule(name, limit, self._journal, self._life.zone)


class _Stream:
    """An entity's stream: its sensors, one machine of silences, if the rules ask for it, and one for each limit."""

    def __init__(self, stream: WatchedStream, state: EntityState, journal: Journal) -> None:
        self._stream = stream
        self._journal = journal
        self._state = state.streams[stream.name]
        self._silences = (
            SilenceMachine(stream.silence, stream, self._state, journal, self._carry_on) if stream.silence else None
        )
        self._faults = FaultMachine(stream, self._state, journal)
        self._limits = [LimitMachine(rule, stream, self._state, state.limits, journal) for rule in stream.limits]
        self._late = LateReadings(stream, self._state, self._limits, journal)
        self._found_wrong: dict[str, float] = {}

    def timed(self, reading: Reading, stamp: float) -> Reading | None:
        """Return a reading with the time that it is judged by; `stamp` is what its sensor's clock said.

        None: the reading is its sensor's last one again.
        """
        clocks, name = self._state.clocks, reading.sensor_id or ""
        if name not in clocks and len(clocks) >= MAX_SENSORS:
            return reading
        state = clocks.get(name)
        if state is None:
            state = clocks[name] = ClockState(stamp, None, reading.received_at, newest=float("-inf"))
        was_right = state.fault is None
        clock = SensorClock(name, state, self._stream, self._journal)
        at = clock.event_time(stamp, reading.value, reading.event_time, reading.received_at)
        if at is None:
            return None
        if was_right and state.fault is not None and at != stamp:
            self._found_wrong[name] = reading.received_at - stamp
            for limit in self._limits:
                limit.start_over(name)
        return reading if at == reading.event_time else reading._replace(event_time=at)

    def corrected(self, reading: Reading) -> Reading:
        """Return a reading by Kafka's time if its clock was found wrong since, and was so already.

        What a gateway had kept is not: it was behind by another time.
        """
        if not self._found_wrong or reading.sensor_time is None:
            return reading
        behind = self._found_wrong.get(reading.sensor_id or "")
        if behind is None or abs(reading.received_at - reading.sensor_time - behind) > CLOSE_SECONDS:
            return reading
        return reading._replace(event_time=reading.received_at)

    def read(self, reading: Reading) -> None:
        """Take a reading in.

        One from before its sensor's newest is a sign of life, and judged by no limit.
        """
        state, at = self._state, reading.event_time
        name = self._name(reading.sensor_id)
        if reading.sensor_id and (not name or state.crowded_since is not None):
            self._faults.read_crowd(reading.received_at, is_crowded=not name)
        sensor = state.sensors.get(name)
        if reading.is_error_code:
            self._read_error_code(name, sensor, reading)
            return
        if sensor is None:
            sensor = state.sensors[name] = _new_sensor(reading, reading.value)
            is_newer, is_after_gap = True, False
        else:
            seconds = at - sensor.newest
            is_newer, is_after_gap = seconds > 0, seconds > self._stream.sampling_of(name, sensor).silent_after
            sensor.is_known = sensor.is_known or seconds != 0
            sensor.seen = max(sensor.seen, reading.received_at)
            if is_newer:
                self._stream.learn(sensor, seconds)
        if self._silences is not None:
            self._silences.read(name, sensor, reading.received_at)
        state.seen = max(state.seen, reading.received_at)
        if not is_newer:
            self._late.read(name, sensor, reading.value, at)
        else:
            if is_after_gap:
                self._late.note_gap(name, sensor, at, reading.value)
            sensor.newest = at
            if self._faults.read(name, sensor, reading.value, at, is_after_gap=is_after_gap):
                sensor.value = reading.value
                for limit in self._limits:
                    limit.read(name, reading.value, at, is_after_gap=is_after_gap)

    def _read_error_code(self, name: str, sensor: SensorState | None, reading: Reading) -> None:
        """Take a value that is none: no limit judges it, and it is no sign of life."""
        if sensor is None:
            sensor = self._state.sensors[name] = _new_sensor(reading, None)
        elif reading.event_time <= sensor.newest:
            return
        sensor.newest = reading.event_time
        self._faults.read_code(name, sensor, reading.value, reading.event_time)

    def timers(self) -> Iterator[Timer]:
        """Yield what time does to its sensors and machines."""
        for name, sensor in list(self._state.sensors.items()):
            if not self._is_waited_for(sensor):
                yield Timer(sensor.seen + self._forget_after, partial(self._forget_sensor, name))
        if self._silences is not None:
            yield from self._silences.timers()
        yield from self._faults.timers()
        yield from self._late.timers()
        for limit in self._limits:
            yield from limit.timers()

    @property
    def is_forgettable(self) -> bool:
        """Whether nobody waits for it: no sensor is known, none expected, no incident open."""
        is_empty = not self._state.sensors and self._state.awaited_since is None
        return is_empty and not any(limit.is_open for limit in self._limits)

    @property
    def forgotten_at(self) -> float:
        """When it is forgotten (epoch seconds), if it is forgettable."""
        return self._state.seen + self._forget_after

    def forget(self) -> None:
        """Drop what is pending."""
        for limit in self._limits:
            limit.forget()

    def _name(self, sensor_id: str | None) -> str:
        sensors, name = self._state.sensors, sensor_id or ""
        return name if name in sensors or len(sensors) < MAX_SENSORS else ""

    def retire(self, sensor_id: str | None, word: PersonsWord) -> None:
        """Wait no more for a sensor, or for all."""
        sensors = self._state.sensors
        names = set(sensors) if sensor_id is None else {sensor_id} & sensors.keys()
        if sensor_id is None:
            names.add("")  # what a forgotten sensor left
        for limit in self._limits:
            limit.retire(names, word)
        if self._silences is not None and sensor_id is None and self._state.awaited_since is not None:
            self._silences.retire_expected(word)
        for name in sorted(names & sensors.keys()):
            self._drop_faults(name, self._stream.words.retired(self._journal.entity_id, name, None, word))
            sensor = sensors.pop(name)
            if self._silences is not None:
                self._silences.retire(name, sensor, word)

    def close(self, rule: str, word: PersonsWord) -> None:
        """End the incident of a limit by a person's word."""
        for limit in self._limits:
            if limit.name == rule:
                limit.retire(self._state.sensors.keys() | {""}, word)

    def _carry_on(self, old: str, new: str, message: str) -> None:
        """Let a new sensor carry on what an old one has begun."""
        self._drop_faults(old, message)
        for limit in self._limits:
            limit.hand_over(old, new)

    def _drop_faults(self, name: str, message: str) -> None:
        """End what is wrong with a sensor that is gone."""
        self._faults.retire(name, self._state.sensors[name], message)
        clock = self._state.clocks.pop(name, None)
        if clock is not None:
            SensorClock(name, clock, self._stream, self._journal).retire(message)

    def _is_waited_for(self, sensor: SensorState) -> bool:
        """Say whether a sensor's silence is reported: then time alone does not end it."""
        return self._stream.silence is not None and sensor.is_known

    @property
    def _forget_after(self) -> float:
        """After how many seconds is forgotten what nobody waits for; of a new sensor nobody knows how slow it is."""
        silence = self._stream.silence
        return FORGET_SECONDS if silence is None else max(silence.forget_after, 2 * LONGEST_INTERVAL)

    def _forget_sensor(self, name: str) -> None:
        # Else a fault of a sensor that never comes again would stay open.
        self._drop_faults(name, self._stream.words.retired(self._journal.entity_id, name, None, FORGOTTEN))
        del self._state.sensors[name]
        for limit in self._limits:
            limit.forget_sensor(name)


def _new_sensor(reading: Reading, value: float | None) -> SensorState:
    at, received_at = reading.event_time, reading.received_at
    before = [] if value is None else [Gap(-LAST_MOMENT, at, value, [])]
    return SensorState(at, value, received_at, came_at=received_at, unchanged_since=at, gaps=before)
