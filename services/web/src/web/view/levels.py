"""How bad something is: limits with their levels, and what is too old to be judged. Pure. Times are epoch seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from rules.limit import ABOVE, Limit
from rules.model import SILENT_INTERVALS, Rules
from web.live.site import Place

SHORTEST_STALE_SECONDS = 15
"""What came longer ago than that is no news, however often its sensor reports."""

CLOCK_SECONDS = 300
"""So much may a sensor's clock be behind Kafka's; what is older was kept somewhere on the way."""


class Level(IntEnum):
    """The worst is the greatest."""

    WELL = 0
    UNKNOWN = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """The class of the page's styles, and the name of its mark and its word."""
        return self.name.lower()


def of_severity(severity: str) -> Level:
    """Return the level of a rule's severity."""
    return Level.CRITICAL if severity == "critical" else Level.WARNING


@dataclass(frozen=True)
class Limits:
    """What bounds a stream's values at a place: each limit, and how bad it is to be beyond it."""

    known: tuple[tuple[Limit, Level], ...]

    @classmethod
    def of(cls, rules: Rules, stream: str, entity_id: str) -> Self:
        """Return the limits that hold for a place."""
        return cls(
            tuple(
                (Limit.of(alert, entity_id), of_severity(alert.incident.severity if alert.incident else "warning"))
                for alert in rules.alerts_of(stream).values()
            )
        )

    @property
    def uppers(self) -> list[float]:
        """The limits above which it is bad, the strictest first."""
        return sorted(limit.threshold for limit, _ in self.known if limit.comparison in ABOVE)

    @property
    def lowers(self) -> list[float]:
        """The limits below which it is bad, the strictest first."""
        return sorted((limit.threshold for limit, _ in self.known if limit.comparison not in ABOVE), reverse=True)

    @property
    def worst(self) -> Level:
        """How bad it can be."""
        return max((level for _, level in self.known), default=Level.WELL)

    def level(self, value: float) -> Level:
        """Return how bad a value is."""
        return max((level for limit, level in self.known if limit.is_beyond(value)), default=Level.WELL)


def is_stale(rules: Rules, stream: str, place: Place, now: float) -> bool:
    """Return whether a stream's value of a place is too old to say how it is now.

    What Kafka got lately is new, though its sensor's clock is some minutes behind.
    """
    side = place.sides.get(stream)
    if side is None or side.at is None:
        return True
    silence = rules.streams[stream].silence
    interval = silence.intervals.get(place.entity_id, silence.interval) if silence else 0.0
    allowed = max(SHORTEST_STALE_SECONDS, SILENT_INTERVALS * interval)
    return now - side.received_at > allowed or now - side.at > allowed + CLOCK_SECONDS


def streams_of(rules: Rules, place: Place) -> Sequence[str]:
    """Return the streams that tell how a place is, in the order of the rules."""
    if not place.is_combined:
        return ()
    return tuple(stream for stream in rules.combined_streams if stream in place.sides) or rules.combined_streams
