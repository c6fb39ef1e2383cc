"""How bad something is: the level of a value, of a place. Pure. Times are epoch seconds, at the clock `now`."""

import operator
from collections.abc import Sequence
from enum import IntEnum

from rules.model import SILENT_INTERVALS, Alert, Rules
from web.live.site import Place, Side

SHORTEST_STALE_SECONDS = 15
"""What came later than that is no news, however often its sensor reports."""

COMPARE = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}


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


def limits_of(rules: Rules, stream: str, entity_id: str) -> list[tuple[Alert, float]]:
    """Return the alerts on a stream with the limits that they have for a place."""
    return [(alert, alert.overrides.get(entity_id, alert.threshold)) for alert in rules.alerts_of(stream).values()]


def is_beyond(alert: Alert, limit: float, value: float) -> bool:
    """Return whether a value is beyond a limit."""
    return bool(COMPARE[alert.comparison](value, limit))


def is_stale(rules: Rules, stream: str, place: Place, now: float) -> bool:
    """Return whether a stream's value of a place is too old to say how it is now."""
    at = place.sides.get(stream, Side()).at
    if at is None:
        return True
    silence = rules.streams[stream].silence
    interval = silence.intervals.get(place.entity_id, silence.interval) if silence else 0.0
    return now - at > max(SHORTEST_STALE_SECONDS, SILENT_INTERVALS * interval)


def of_value(rules: Rules, stream: str, place: Place, now: float) -> Level:
    """Return the level of a stream's value."""
    value = place.sides.get(stream, Side()).value
    if value is None or is_stale(rules, stream, place, now):
        return Level.UNKNOWN
    return max(
        (
            of_severity(alert.incident.severity if alert.incident else "warning")
            for alert, limit in limits_of(rules, stream, place.entity_id)
            if is_beyond(alert, limit, value)
        ),
        default=Level.WELL,
    )


def of_place(rules: Rules, place: Place, now: float) -> Level:
    """Return the level of a place: the worst of its values and of its open incidents."""
    incidents = (of_severity(each["severity"]) for each in place.incidents.values() if each["kind"] == "threshold")
    values = (of_value(rules, stream, place, now) for stream in streams_of(rules, place))
    return max((*values, *incidents), default=Level.WELL)


def streams_of(rules: Rules, place: Place) -> Sequence[str]:
    """Return the streams that tell how a place is, in the order of the rules."""
    if not place.is_combined:
        return ()
    return tuple(stream for stream in rules.combined_streams if stream in place.sides) or rules.combined_streams
