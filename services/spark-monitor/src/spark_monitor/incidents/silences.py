"""The silence of one entity's stream: of single sensors, and of all of them together.

Silence is judged by the clock, beside the time at which Kafka got a reading.
"""

from collections.abc import Iterator
from functools import partial

from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import Quiet, SensorState, StreamState
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.watched import WatchedStream
from spark_monitor.rules.model import Silence

SILENCE = "diam"
"""The `rule` of a silence."""

ALL_SENSORS = "semua"
"""In a silence's id, the whole stream of an entity."""


class SilenceMachine:
    """What readings and time make of a stream's silences, kept in `state`."""

    def __init__(self, silence: Silence, stream: WatchedStream, state: StreamState, journal: Journal) -> None:
        self._silence = silence
        self._stream = stream
        self._state = state
        self._journal = journal

    def read(self, name: str, sensor: SensorState, received_at: float) -> None:
        """End the silences that there were: a sensor speaks."""
        state = self._state
        if state.quiet is not None and received_at > state.quiet.since:
            self._end(None, state.quiet, received_at)
            state.quiet, state.back_at = None, received_at
        if sensor.quiet is not None and received_at > sensor.quiet.since:
            self._end(name, sensor.quiet, received_at)
            sensor.quiet = None

    def forget(self, name: str, sensor: SensorState) -> None:
        """Close the silence of a sensor that nobody waits for any more; with the last one's that of all ends, too."""
        if sensor.quiet is not None:
            close_forgotten(self._stream, name, sensor.quiet, self._journal)
        if self._state.quiet is not None and not self._state.sensors:
            close_forgotten(self._stream, None, self._state.quiet, self._journal)
            self._state.quiet = None

    def timers(self) -> Iterator[Timer]:
        """Yield what time does: silences begin and are reminded of."""
        state = self._state
        if self._waits_for_all():
            yield Timer(self._all_silent_at(), self._begin_of_all)
        for name, sensor in state.sensors.items():
            if self._is_followed(name, sensor):
                yield Timer(self._silent_at(sensor), partial(self._begin_of_one, name, sensor))
        for name_or_all, quiet in self._reminded():
            yield Timer(quiet.said + self._silence.remind_every, partial(self._remind, name_or_all, quiet))

    def _is_followed(self, name: str, sensor: SensorState) -> bool:
        """Say whether a sensor's own silence may begin; readings without a name are only followed all together."""
        return bool(name) and sensor.is_known and sensor.quiet is None and self._state.quiet is None

    def _waits_for_all(self) -> bool:
        """Say whether a silence of the whole stream may begin: not again, and not for a lone sensor that is silent."""
        known = [sensor for sensor in self._state.sensors.values() if sensor.is_known]
        return self._state.quiet is None and bool(known) and not (len(known) == 1 and known[0].quiet is not None)

    def _silent_at(self, sensor: SensorState) -> float:
        """Return when a sensor counts as silent; after a silence of all, each has the time again to speak again."""
        return max(sensor.seen, self._state.back_at) + self._stream.sampling_of(sensor).silent_after

    def _all_silent_at(self) -> float:
        """Return when the slowest of the known sensors counts as silent, and the last reading is long ago."""
        known = (sensor for sensor in self._state.sensors.values() if sensor.is_known)
        own = (sensor.seen + self._stream.sampling_of(sensor).silent_after for sensor in known)
        return max(self._state.seen + self._silence.silent_after, *own)

    def _begin_of_all(self) -> None:
        """Begin the silence of the stream; of a lone sensor it is the sensor's own."""
        quiet = Quiet(self._state.seen, self._journal.now)
        known = {name: sensor for name, sensor in self._state.sensors.items() if sensor.is_known}
        alone = next(iter(known)) if len(known) == 1 else ""
        if alone:
            known[alone].quiet = quiet
        else:
            self._state.quiet = quiet
        self._tell_silent("opened", alone or None, quiet)

    def _begin_of_one(self, name: str, sensor: SensorState) -> None:
        sensor.quiet = Quiet(sensor.seen, self._journal.now)
        self._tell_silent("opened", name, sensor.quiet)

    def _remind(self, sensor: str | None, quiet: Quiet) -> None:
        quiet.said = self._journal.now
        self._tell_silent("reminder", sensor, quiet)

    def _reminded(self) -> list[tuple[str | None, Quiet]]:
        """Return the silences that are reminded of: while all are silent, that once."""
        return [(None, self._state.quiet)] if self._state.quiet is not None else open_silences(self._state)

    def _end(self, sensor: str | None, quiet: Quiet, at: float) -> None:
        message = self._stream.words.back(self._journal.entity_id, sensor, at - quiet.since)
        _record(self._stream, sensor, "closed", quiet, self._journal, message=message, closed_at=at)

    def _tell_silent(self, word: str, sensor: str | None, quiet: Quiet) -> None:
        seconds = self._journal.now - quiet.since
        message = self._stream.words.silent(self._journal.entity_id, sensor, seconds)
        _record(self._stream, sensor, word, quiet, self._journal, message=message)


def open_silences(state: StreamState) -> list[tuple[str | None, Quiet]]:
    """Return the open silences of a stream, by sensor; None is all of them together."""
    own: list[tuple[str | None, Quiet]] = [
        (name, sensor.quiet) for name, sensor in state.sensors.items() if sensor.quiet is not None
    ]
    return own if state.quiet is None else [(None, state.quiet), *own]


def close_forgotten(stream: WatchedStream, sensor: str | None, quiet: Quiet, journal: Journal) -> None:
    """Close the silence of what nobody waits for any more."""
    message = stream.words.forgotten(journal.entity_id, sensor, journal.now - quiet.since)
    _record(stream, sensor, "closed", quiet, journal, message=message, closed_at=journal.now)


def _record(
    stream: WatchedStream, sensor: str | None, state: str, quiet: Quiet, journal: Journal, *,
    message: str, closed_at: float | None = None,
) -> None:  # fmt: skip
    until = journal.now if closed_at is None else closed_at
    journal.add(
        incident_id=journal.incident_id(f"{SILENCE}-{stream.name}", quiet.since, sensor or ALL_SENSORS),
        kind="silence", state=state, rule=SILENCE, severity=stream.silence.severity if stream.silence else "info",
        opened_at=quiet.since, closed_at=closed_at, message=message, stream=stream.name, topic=stream.topic,
        sensor_id=sensor or None, event_time=until, duration_seconds=until - quiet.since,
    )  # fmt: skip
