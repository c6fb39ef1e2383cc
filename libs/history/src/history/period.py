"""A period of time, cut by the site's clock, and in which table its figures are."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Period:
    """From `start` until before `end`, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Put it into UTC. Raises ValueError of what is no period."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"expected moments, both with a time zone: {self.start} to {self.end}")
        # In UTC: Python's differences within a zone are those of its clock on the wall, also where that is changed.
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.start >= self.end:
            raise ValueError(f"expected a start before the end: {self.start} to {self.end}")

    @classmethod
    def of_day(cls, day: date, zone: ZoneInfo, days: int = 1) -> Self:
        """Return a day of the site's calendar, or several: with a change of the clocks it has 23 or 25 hours."""
        begin, end = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=days)))
        return cls(begin, end)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()
