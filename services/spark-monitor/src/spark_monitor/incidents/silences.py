"""The silence of one entity's stream: of single sensors, and of all of them together.

Silence is judged by the clock, beside the time at which Kafka got a reading. It ends when data comes, or by a person's
word; time ends none. A sensor that is new since the only one of a place fell silent takes its place: a device that was
exchanged, a container that was made again.
"""

from collections.abc import Callable, Iterator
from functools import partial

from rules.model import Silence
from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import STEP_SECONDS, Quiet, SensorState, StreamState
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.watched import WatchedStream
from spark_monitor.incidents.wording import PersonsWord

SILENCE = "diam"
"""The `rule` of a silence."""

ALL_SENSORS = "semua"
"""In a silence's id, the whole stream of an entity."""

DAY = 86_400
EXPECTED_SECONDS = 60
"""For so long an expected place that never spoke may be silent."""


def next_reminder(since: float, said: float, remind_every: float) -> float:
    """Return when a silence is to be reminded of: at intervals that grow with it, up to a day."""
    return said + min(max(remind_every, said - since), DAY)


class SilenceMachine:
    """What readings and time make of a stream's silences, kept in `state`."""

    def __init__(
        self,
        silence: Silence,
        stream: WatchedStream,
        state: StreamState,
        journal: Journal,
        carry_on: Callable[[str, str, str], None],
    ) -> None:
        """`carry_on(old, new, message)` is called when a sensor has taken another one's place."""
        self._carry_on = carry_on
        self._silence = silence
        self._stream = stream
        self._state = state
        self._journal = journal

    def read(self, name: str, sensor: SensorState, received_at: float) -> None:
        """End the silences that there were: a sensor speaks."""
        state = self._state
        if state.quiet is not None and self._is_later(received_at, state.quiet):
            self._end(None, state.quiet, received_at)
            state.quiet, state.back_at = None, received_at
        state.awaited_since = None
        if sensor.quiet is not None and self._is_later(received_at, sensor.quiet):
            self._end(name, sensor.quiet, received_at)
            sensor.quiet = None
        silent = next((each for each, old in state.sensors.items() if old.quiet is not None), None)
        if silent is not None and self._successor(silent) == name:
            self._replace(silent, name)

    def _is_later(self, received_at: float, quiet: Quiet) -> bool:
        """Say whether a reading came after the last one before a silence, even if Kafka's clock was set back since."""
        return received_at > quiet.since or quiet.since > self._journal.now + STEP_SECONDS

    def retire(self, name: str, sensor: SensorState, word: PersonsWord) -> None:
        """Report that nobody waits for a sensor any more; with the last one ends the silence of all."""
        state = self._state
        quiet = sensor.quiet or Quiet(sensor.seen, self._journal.now)
        retire(self._stream, name, quiet, self._journal, word, is_silent=sensor.quiet is not None)
        if state.quiet is not None and not state.sensors:
            retire(self._stream, None, state.quiet, self._journal, word, is_silent=True)
            state.quiet = None

    def retire_expected(self, word: PersonsWord) -> None:
        """Report that nobody waits for a place any more that never spoke."""
        state = self._state
        if state.quiet is not None:
            retire(self._stream, None, state.quiet, self._journal, word, is_silent=True)
        state.quiet = state.awaited_since = None

    def timers(self) -> Iterator[Timer]:
        """Yield what time does: silences begin and are reminded of."""
        state = self._state
        if self._waits_for_all():
            yield Timer(self._all_silent_at(), self._begin_of_all)
        for name, sensor in list(state.sensors.items()):
            if name in state.sensors and self._is_followed(name, sensor):
                yield Timer(self._silent_at(name, sensor), partial(self._begin_of_one, name, sensor))
        for name_or_all, quiet in self._reminded():
            at = next_reminder(quiet.since, quiet.said, self._silence.remind_every)
            yield Timer(at, partial(self._remind, name_or_all, quiet))

    def _is_followed(self, name: str, sensor: SensorState) -> bool:
        """Say whether a sensor's own silence may begin; readings without a name are only followed all together."""
        return bool(name) and sensor.is_waited_for and sensor.quiet is None and self._state.quiet is None

    def _waits_for_all(self) -> bool:
        """Say whether a silence of the whole stream may begin: not again, and not for a lone sensor that is silent."""
        known = [sensor for sensor in self._state.sensors.values() if sensor.is_waited_for]
        if self._state.quiet is not None or (len(known) == 1 and known[0].quiet is not None):
            return False
        return bool(known) or self._state.awaited_since is not None

    def _silent_at(self, name: str, sensor: SensorState) -> float:
        """Return when a sensor counts as silent; after a silence of all, each has the time again to speak again."""
        return max(sensor.seen, self._state.back_at) + self._stream.sampling_of(name, sensor).silent_after

    def _all_silent_at(self) -> float:
        """Return when the slowest of the known sensors counts as silent, and the last reading is long ago."""
        known = ((name, sensor) for name, sensor in self._state.sensors.items() if sensor.is_waited_for)
        own = (sensor.seen + self._stream.sampling_of(name, sensor).silent_after for name, sensor in known)
        if self._state.awaited_since is not None:
            return self._state.awaited_since + max(EXPECTED_SECONDS, self._silence.silent_after)
        return max(self._state.seen + self._silence.silent_after, *own)

    def _begin_of_all(self) -> None:
        """Begin the silence of the stream; of a lone sensor it is the sensor's own."""
        quiet = Quiet(self._state.seen, self._journal.now)
        known = {name: sensor for name, sensor in self._state.sensors.items() if sensor.is_waited_for}
        alone = next(iter(known)) if len(known) == 1 else ""
        if alone:
            known[alone].quiet = quiet
        else:
            self._state.quiet = quiet
        self._tell_silent("opened", alone or None, quiet)

    def _begin_of_one(self, name: str, sensor: SensorState) -> None:
        successor = self._successor(name)
        if successor is not None:
            self._replace(name, successor)
            return
        sensor.quiet = Quiet(sensor.seen, self._journal.now)
        self._tell_silent("opened", name, sensor.quiet)

    def _successor(self, name: str) -> str | None:
        """Return the sensor that has taken the place of a silent one: the only other one, and new since then.

        In a room of several sensors nobody knows which of them an additional one replaces.
        """
        others = [each for each, sensor in self._state.sensors.items() if each != name and sensor.is_known]
        if len(others) != 1 or not others[0] or not name:
            return None
        came_at = self._state.sensors[others[0]].came_at
        return others[0] if came_at is not None and came_at > self._state.sensors[name].seen else None

    def _replace(self, old: str, new: str) -> None:
        """Let a new sensor take a silent one's place."""
        sensors = self._state.sensors
        sensor = sensors[old]
        sensors[new].came_at = None
        quiet = sensor.quiet or Quiet(sensor.seen, self._journal.now)
        message = self._stream.words.replaced(self._journal.entity_id, old, new)
        _record(self._stream, old, "retired", quiet, self._journal, message=message, closed_at=self._journal.now)
        self._carry_on(old, new, message)
        del sensors[old]

    def _remind(self, sensor: str | None, quiet: Quiet) -> None:
        quiet.said = self._journal.now
        if not self._journal.needs_no_reminder(_id(self._stream, sensor, quiet, self._journal)):
            self._tell_silent("reminder", sensor, quiet)

    def _reminded(self) -> list[tuple[str | None, Quiet]]:
        """Return the silences that are reminded of: while all are silent, that once."""
        return [(None, self._state.quiet)] if self._state.quiet is not None else open_silences(self._state)

    def _end(self, sensor: str | None, quiet: Quiet, at: float) -> None:
        message = self._stream.words.back(self._journal.entity_id, sensor, at - quiet.since)
        _record(self._stream, sensor, "recovered", quiet, self._journal, message=message, closed_at=at)

    def _tell_silent(self, word: str, sensor: str | None, quiet: Quiet) -> None:
        seconds = self._journal.now - quiet.since
        words, entity = self._stream.words, self._journal.entity_id
        never_spoke = self._state.awaited_since is not None
        message = words.never_heard(entity, seconds) if never_spoke else words.silent(entity, sensor, seconds)
        _record(self._stream, sensor, word, quiet, self._journal, message=message, readings=0 if never_spoke else None)


def open_silences(state: StreamState) -> list[tuple[str | None, Quiet]]:
    """Return the open silences of a stream, by sensor; None is all of them together."""
    own: list[tuple[str | None, Quiet]] = [
        (name, sensor.quiet) for name, sensor in state.sensors.items() if sensor.quiet is not None
    ]
    return own if state.quiet is None else [(None, state.quiet), *own]


def retire(
    stream: WatchedStream, sensor: str | None, quiet: Quiet, journal: Journal, word: PersonsWord, *, is_silent: bool
) -> None:
    """Report that nobody waits for a sensor any more, or for all of them."""
    seconds = journal.now - quiet.since if is_silent else None
    message = stream.words.retired(journal.entity_id, sensor, seconds, word)
    _record(stream, sensor, "retired", quiet, journal, message=message, closed_at=journal.now)


def _id(stream: WatchedStream, sensor: str | None, quiet: Quiet, journal: Journal) -> str:
    return journal.incident_id(f"{SILENCE}-{stream.name}", quiet.since, sensor or ALL_SENSORS)


def _record(
    stream: WatchedStream, sensor: str | None, state: str, quiet: Quiet, journal: Journal, *,
    message: str, closed_at: float | None = None, readings: int | None = None,
) -> None:  # fmt: skip
    until = journal.now if closed_at is None else closed_at
    journal.add(
        incident_id=_id(stream, sensor, quiet, journal),
        kind="silence", state=state, rule=SILENCE, severity=stream.silence.severity if stream.silence else "info",
        opened_at=quiet.since, closed_at=closed_at, message=message, stream=stream.name, topic=stream.topic,
        sensor_id=sensor or None, readings=readings, event_time=until, duration_seconds=until - quiet.since,
    )  # fmt: skip
