"""What the rules say of a stream that is watched for incidents and silence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from rules.model import SILENT_INTERVALS, Alert, Incident, Rules, Silence
from spark_monitor.incidents.excursion import Sampling
from spark_monitor.incidents.state import SensorState
from spark_monitor.incidents.wording import Words

SLOWER = 1.5
"""From how many times the rules' interval on a sensor is one of another interval, and not only a little late."""

LONGEST_INTERVAL = 2 * 3_600
"""No sensor is believed to be slower, in seconds: who reports each hour may be late."""

REMIND_SECONDS = 900

LEARNED_FROM = 5
"""Intervals. Their lower median is not misled by an outage."""


@dataclass(frozen=True)
class LimitRule:
    """An alert that has an `incident`."""

    name: str
    alert: Alert
    incident: Incident


@dataclass(frozen=True)
class WatchedStream:
    """A stream with its words, how it is measured, when it counts as silent, and its limits."""

    name: str
    topic: str
    unit: str
    words: Words
    sampling: Sampling
    late_after: float
    max_step: float
    stuck_after: float
    silence: Silence | None
    limits: tuple[LimitRule, ...]

    @property
    def fault_remind_every(self) -> float:
        """After how many seconds a fault of a sensor is reminded of first."""
        return REMIND_SECONDS if self.silence is None else self.silence.remind_every

    def expects(self, entity_id: str) -> bool:
        """Say whether the rules name a place as one that must send."""
        return self.silence is not None and entity_id in self.silence.expected

    def of_place(self, entity_id: str) -> Self:
        """Return the stream as it is measured at a place."""
        interval = self._interval_of(entity_id)
        return self if interval is None else replace(self, sampling=_sampled(self.sampling, interval))

    def sampling_of(self, name: str, sensor: SensorState | None) -> Sampling:
        """Return how a sensor measures: as the rules say, or at its usual interval if that is clearly longer."""
        interval = self._interval_of(name)
        if interval is not None:
            return _sampled(self.sampling, interval)
        if sensor is None or not any(sensor.intervals):
            return self.sampling
        # The lower median.
        usual = min(sorted(sensor.intervals)[(len(sensor.intervals) - 1) // 2], LONGEST_INTERVAL)
        if not usual:
            return self.sampling
        return _sampled(self.sampling, usual)

    def _interval_of(self, name: str) -> float | None:
        """Return the interval that the rules give to a place or a sensor."""
        return None if self.silence is None else self.silence.intervals.get(name)

    def learn(self, sensor: SensorState, interval: float) -> None:
        """Note the time (seconds) between a sensor's newest two readings; 0 for what the rules say."""
        own = self.sampling.interval
        sensor.intervals.append(0 if own is None or interval < SLOWER * own else interval)
        del sensor.intervals[:-LEARNED_FROM]


@lru_cache(1024)
def _sampled(sampling: Sampling, interval: float) -> Sampling:
    """Return how a sensor of another interval measures: the same one for each of its readings."""
    return replace(sampling, interval=interval, silent_after=max(sampling.silent_after, SILENT_INTERVALS * interval))


def watched_streams(rules: Rules, zone: ZoneInfo) -> Mapping[str, WatchedStream]:
    """Return the watched streams by name; `zone` is that of the times in the lines."""
    return {
        name: WatchedStream(
            name,
            stream.topic,
            stream.unit,
            Words(stream, zone),
            Sampling.of(stream),
            stream.late_after,
            math.inf if stream.max_step is None else stream.max_step,
            math.inf if stream.stuck_after is None else stream.stuck_after,
            stream.silence,
            tuple(
                LimitRule(rule, alert, alert.incident)
                for rule, alert in rules.alerts_of(name).items()
                if alert.incident is not None
            ),
        )
        for name, stream in rules.streams.items()
        if name in rules.watched_streams
    }
