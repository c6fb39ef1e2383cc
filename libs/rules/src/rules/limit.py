"""An alert's limit at a place: what is beyond it, and when a value is back within it. Pure arithmetic."""

from dataclasses import dataclass
from typing import Self

from rules.model import Alert

ABOVE = frozenset({"above", "at_least"})
"""The comparisons for which more is worse."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An alert's limit for one entity, in the stream's unit, and how far back within it a value is cleared."""

    comparison: str
    threshold: float
    deadband: float = 0.0

    @classmethod
    def of(cls, alert: Alert, entity_id: str) -> Self:
        """Return the limit that holds for an entity."""
        deadband = alert.incident.deadband if alert.incident else 0.0
        return cls(alert.comparison, alert.overrides.get(entity_id, alert.threshold), deadband)

    def is_beyond(self, value: float) -> bool:
        """Say whether a value raises the alert."""
        return _compared(self.comparison, value, self.threshold)

    def is_cleared(self, value: float) -> bool:
        """Say whether a value is within the limit by the deadband; between the two it is neither."""
        back = -self.deadband if self.comparison in ABOVE else self.deadband
        return not _compared(self.comparison, value, self.threshold + back)

    def beyond(self, value: float) -> float:
        """Return how far a value is beyond the limit; 0 within it."""
        return max(0.0, value - self.threshold if self.comparison in ABOVE else self.threshold - value)

    def worse(self, one: float, other: float) -> float:
        """Return the worse of two values."""
        return max(one, other) if self.comparison in ABOVE else min(one, other)


def _compared(comparison: str, value: float, limit: float) -> bool:
    if comparison == "above":
        return value > limit
    if comparison == "at_least":
        return value >= limit
    if comparison == "below":
        return value < limit
    return value <= limit
