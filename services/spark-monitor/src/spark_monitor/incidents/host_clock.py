"""How far the clock that Spark's batches go by is ahead of Kafka's, as the canary's pulses show. No I/O, no Spark."""

import json
from collections.abc import Iterable

NEGLIGIBLE_SECONDS = 0.5
"""Below it the clocks count as one, so that a batch which is repeated tells the same times."""

MOST_APART_SECONDS = 100 * 365 * 86_400
"""No two clocks are further apart; a timer that is moved by more has no number."""


class HostClock:
    """How far the batches' clock is ahead, in seconds; of one process, for all entities."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def compare(self, pulses: Iterable[tuple[str, float]]) -> None:
        """Take pulses as they are in their topic, and when Kafka got each; the quickest shows most."""
        found = max((ahead for pulse, at in pulses if (ahead := _ahead(pulse, at)) is not None), default=None)
        if found is not None and abs(found - self.ahead) > NEGLIGIBLE_SECONDS:
            self.ahead = found if abs(found) > NEGLIGIBLE_SECONDS else 0.0


def _ahead(pulse: str, received_at: float) -> float | None:
    try:
        ahead = float(json.loads(pulse)["pulse"]) / 1000 - received_at
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None  # anybody may write to the topic
    return ahead if abs(ahead) <= MOST_APART_SECONDS else None
