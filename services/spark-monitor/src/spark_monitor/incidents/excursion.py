"""What an excursion beyond a limit amounts to, added up reading by reading. Pure arithmetic, no rules' words.

A reading's value holds until the next one. After a gap nobody knows how long it did, so it counts for one interval of
the sensor, and the rest of the time is noted as a gap.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from history.kinetic import ACTIVATION_KELVIN, ZERO_CELSIUS_KELVIN, rate
from rules.limit import Limit
from rules.model import Stream


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a stream is measured: its sensors' interval and what counts as a gap, both in seconds, and whether in °C.

    Without a known interval nothing is a gap.
    """

    interval: float | None
    silent_after: float
    is_celsius: bool

    @classmethod
    def of(cls, stream: Stream) -> Self:
        """Return how a stream of the rules is measured."""
        if stream.silence is None:
            return cls(None, math.inf, stream.is_celsius)
        return cls(stream.silence.interval, stream.silence.silent_after, stream.is_celsius)


@dataclass(slots=True)
class Excursion:
    """Sums from the first reading to the newest. Times are epoch seconds, values are in the stream's unit.

    `weight` is the time that is accounted for, `weighted` the integral of the value over it, `beyond` that of what is
    beyond the limit, `heat` that of exp(-ΔH/RT), `gaps` the time that is not accounted for. The newest reading, `value`
    at `at`, is in `peak` and `readings`, and in the sums when it is known how long it held.

    A sum that has become too large is infinite, or no number, and stays so. A `heat` of 0 beside a `weight` is one
    that is not known: a part of the time was not in °C, or at no temperature that there is.
    """

    begun: float
    at: float
    value: float
    peak: float
    readings: int = 1
    weight: float = 0.0
    weighted: float = 0.0
    beyond: float = 0.0
    heat: float = 0.0
    gaps: float = 0.0

    @classmethod
    def begin(cls, at: float, value: float) -> Self:
        """Return what one reading makes."""
        return cls(at, at, value, value)

    @classmethod
    def from_list(cls, numbers: Sequence[float | None]) -> Self:
        """Return what `as_list` has written."""
        return cls(*(math.nan if each is None else each for each in numbers))  # type: ignore[arg-type]

    def as_list(self) -> list[float | None]:
        """Return all of it for JSON, which has no number for a sum that has become too large."""
        numbers = [
            self.begun, self.at, self.value, self.peak, self.readings,
            self.weight, self.weighted, self.beyond, self.heat, self.gaps,
        ]  # fmt: skip
        return [each if math.isfinite(each) else None for each in numbers]

    def copy(self) -> Self:
        """Return the same, to be kept while this one goes on."""
        return replace(self)

    def hold_until(self, at: float, limit: Limit, sampling: Sampling) -> None:
        """Account for the newest reading, which held until `at`; of a sensor that carries on, `at` may be before it."""
        seconds = max(0.0, at - self.at)
        if sampling.interval is not None and seconds > sampling.silent_after:
            self.gaps += seconds - sampling.interval
            seconds = sampling.interval
        self.at = max(self.at, at)
        is_known = sampling.is_celsius and self.value > -ZERO_CELSIUS_KELVIN and (self.heat > 0 or self.weight == 0)
        self.heat = self.heat + seconds * rate(self.value) if is_known else 0.0
        self.weight += seconds
        self.weighted += seconds * self.value
        self.beyond += seconds * limit.beyond(self.value)

    def take(self, value: float, limit: Limit) -> None:
        """Add a reading at the time that all is accounted for."""
        self.value = value
        self.peak = limit.worse(self.peak, value)
        self.readings += 1

    def figures(self, sampling: Sampling) -> Mapping[str, Any]:
        """Return what the excursion amounts to until `at`: the fields of a record, None where it can't be computed."""
        duration = self.at - self.begun
        no_time_yet = self.weight == 0
        interval = sampling.interval
        return {
            "peak": _computed(lambda: self.peak),
            "mean": _computed(lambda: self.value if no_time_yet else self.weighted / self.weight),
            "duration_seconds": _computed(lambda: duration),
            "degree_minutes": _computed(lambda: self.beyond / 60),
            "readings": self.readings,
            "coverage": None
            if interval is None
            else _computed(lambda: 1.0 if no_time_yet else min(1.0, self.readings / (duration / interval))),
            "gap_seconds": _computed(lambda: self.gaps),
            "mkt": _computed(self._mean_kinetic) if sampling.is_celsius else None,
        }

    def _mean_kinetic(self) -> float:
        """Return the constant temperature (°C) that would have done the same to the goods. Raises ArithmeticError."""
        if self.value <= -ZERO_CELSIUS_KELVIN:
            raise ArithmeticError("no temperature that there is")
        if self.weight == 0:
            return self.value
        mean = self.heat / self.weight
        if mean >= 1:
            raise ArithmeticError("an endless temperature")
        return ACTIVATION_KELVIN / -math.log(mean) - ZERO_CELSIUS_KELVIN


def _computed(figure: Callable[[], float]) -> float | None:
    try:
        number = figure()
    except (ArithmeticError, ValueError):
        return None
    return number if math.isfinite(number) else None
