"""A value in its range: where on a bar it stands, in percent. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MARGIN = 0.6
"""How far the bar reaches beyond two limits, as a share of what is between them."""

INSIDE, OUTSIDE = 0.5, 0.25
"""How far it reaches on both sides of a lone limit, as a share of that."""

LEAST = 5.0
"""As far it reaches in any case, in the stream's unit."""


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`; what is beyond stands at the end."""

    low: float
    high: float

    def percent(self, value: float) -> float:
        """Return where a value stands: 0 to 100, with one decimal."""
        share = (value - self.low) / (self.high - self.low)
        return round(min(1.0, max(0.0, share)) * 100, 1)


@dataclass(frozen=True)
class Bar:
    """What is drawn, in percent: the allowed range, the limits, the value, and how far it is beyond."""

    allowed: tuple[float, float]
    limits: tuple[float, ...]
    now: float | None
    over: tuple[float, float] | None


def scale_of(uppers: Sequence[float], lowers: Sequence[float], plausible: tuple[float, float]) -> Scale:
    """Return a scale on which the limits have room on both sides; without any the plausible range."""
    if not uppers and not lowers:
        return Scale(*plausible)
    least, most = min((*uppers, *lowers)), max((*uppers, *lowers))
    if uppers and lowers:
        below = above = MARGIN * (most - least)
    else:
        below, above = (share * abs(most) for share in ((INSIDE, OUTSIDE) if uppers else (OUTSIDE, INSIDE)))
    low, high = max(plausible[0], least - max(LEAST, below)), min(plausible[1], most + max(LEAST, above))
    return Scale(low, high) if low < high else Scale(*plausible)


def bar_of(scale: Scale, uppers: Sequence[float], lowers: Sequence[float], value: float | None) -> Bar:
    """Return the bar of a value; the strictest limits bound what is allowed."""
    upper, lower = min(uppers, default=scale.high), max(lowers, default=scale.low)
    over = None
    if value is not None and uppers and value > upper:
        over = (scale.percent(upper), scale.percent(value))
    elif value is not None and lowers and value < lower:
        over = (scale.percent(value), scale.percent(lower))
    return Bar(
        allowed=(scale.percent(lower), scale.percent(upper)),
        limits=tuple(scale.percent(limit) for limit in _in_order((*lowers, *uppers))),
        now=None if value is None else scale.percent(value),
        over=over,
    )


def _in_order(limits: Iterable[float]) -> list[float]:
    return sorted(set(limits))
