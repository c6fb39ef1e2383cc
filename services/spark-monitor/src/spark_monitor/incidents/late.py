"""Readings that come late: a gateway's buffer behind the live reading, a file with the newest line first.

What is not newer than its sensor's newest is judged by no limit as it comes. Where the sensor was not heard, in a gap
or before its first reading, it is news all the same: such readings are gathered until no more come, put in order, and
judged as if they had come in time. What is sent again falls into no gap, so nothing is reported twice.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from spark_monitor.incidents.limits import LimitMachine
from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import Gap, SensorState, StreamState
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.watched import WatchedStream

SETTLE_SECONDS = 10
"""No late reading for so long, and those that came are judged."""

MOST_GATHERED = 5_000
"""Readings of a sensor; then those that came are judged at once."""

MOST_GAPS = 8
"""Of a sensor, the newest."""


class LateReadings:
    """What late readings make of the limits of a stream; gathered with its sensors."""

    def __init__(
        self, stream: WatchedStream, state: StreamState, limits: Sequence[LimitMachine], journal: Journal
    ) -> None:
        self._stream = stream
        self._state = state
        self._limits = limits
        self._journal = journal

    def note_gap(self, name: str, sensor: SensorState, until: float, value: float) -> None:
        """Note that a sensor was not heard between its newest reading and another one, with its value."""
        beyond = [limit.name for limit in self._limits if limit.is_beyond(name)]
        sensor.gaps.append(Gap(sensor.newest, until, value, beyond))
        del sensor.gaps[:-MOST_GAPS]

    def read(self, name: str, sensor: SensorState, value: float, at: float) -> None:
        """Gather a reading that came late, if it is news."""
        if any(gap.since < at < gap.until for gap in sensor.gaps):
            sensor.late.append((at, value))
            sensor.late_at = self._journal.now
            if len(sensor.late) >= MOST_GATHERED:
                self._judge(name, sensor)

    def timers(self) -> Iterator[Timer]:
        """Yield what time does: what was gathered is judged."""
        for name, sensor in list(self._state.sensors.items()):
            if sensor.late:
                yield Timer(sensor.late_at + SETTLE_SECONDS, partial(self._judge, name, sensor))

    def _judge(self, name: str, sensor: SensorState) -> None:
        readings = sorted(dict(sensor.late).items())
        sensor.late = []
        silent_after = self._stream.sampling_of(name, sensor).silent_after
        left: list[Gap] = []
        for gap in sensor.gaps:
            inside = [(at, value) for at, value in readings if gap.since < at < gap.until]
            if inside:
                for limit in self._limits:
                    if limit.name not in gap.beyond and not limit.covers(name, gap.since):
                        limit.judge_late(name, [*inside, (gap.until, gap.value)], silent_after)
            left += gap.without(inside, silent_after)
        sensor.gaps = left[-MOST_GAPS:]
