"""What the rules say of a stream that is watched for incidents and silence."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from spark_monitor.incidents.excursion import Sampling
from spark_monitor.incidents.wording import Words
from spark_monitor.rules.model import Alert, Incident, Rules, Silence


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
    silence: Silence | None
    limits: tuple[LimitRule, ...]


def watched_streams(rules: Rules, zone: ZoneInfo) -> Mapping[str, WatchedStream]:
    """Return the watched streams by name; `zone` is that of the times in the lines."""
    return {
        name: WatchedStream(
            name,
            stream.topic,
            stream.unit,
            Words(stream, zone),
            Sampling.of(stream),
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
