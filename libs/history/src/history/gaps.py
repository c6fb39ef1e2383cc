"""When a sensor did not report. A gap is no value: no line may be drawn across it.

What is a gap depends on how often the sensor reports, which its readings tell. Within a minute nothing is seen of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

from history.period import Period

INTERVALS = 3
"""So many of its intervals may pass without a reading."""

SHORTEST_SECONDS = 120
"""A gap that is shorter may be within a minute, or between the last of one and the first of the next."""

Kind = Literal["sensor", "system"]


@dataclass(frozen=True)
class Gap:
    """No reading between two moments. `system`: the monitor's own readings, the canary's, were not there either."""

    start: datetime
    end: datetime
    kind: Kind

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Reported:
    """When the first and the last of `n` readings were."""

    first_at: datetime
    last_at: datetime
    n: int


def interval_of(reported: Sequence[Reported]) -> float | None:
    """Return the usual seconds between two readings; None of less than two readings."""
    within = [(each.last_at - each.first_at).total_seconds() / (each.n - 1) for each in reported if each.n > 1]
    between = [(later.first_at - earlier.last_at).total_seconds() for earlier, later in pairwise(reported)]
    # Where readings come minutes apart there is one in each minute, and the time between is all that is known.
    found = within if len(within) > len(between) / 2 else between
    return median(found) if found else None


def allowed_seconds(interval: float | None) -> float:
    """Return how long a sensor with such an interval may be silent."""
    return max(SHORTEST_SECONDS, INTERVALS * (interval or 0))


def gaps(reported: Sequence[Reported], period: Period, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the gaps in a period, in order; what is yet to come is none. `reported` is in order, too."""
    end = min(period.end, now)
    allowed = timedelta(seconds=allowed_seconds(interval_of(reported)))
    edges = [period.start, *(moment for each in reported for moment in (each.first_at, each.last_at)), end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(max(one, period.start), min(other, end)) for one, other in pairs if other - one > allowed]


def kind_of(gap: tuple[datetime, datetime], watched: Sequence[Reported]) -> Kind:
    """Say whether the system itself was away for most of a gap; `watched` is when the canary reported.

    Without any report of the canary nothing is known of the system, and the gap is the sensor's.
    """
    start, end = gap
    if not watched:
        return "sensor"
    seen = sum(
        (min(each.last_at, end) - max(each.first_at, start)).total_seconds()
        for each in watched
        if each.last_at > start and each.first_at < end
    )
    return "system" if seen < (end - start).total_seconds() / 2 else "sensor"
