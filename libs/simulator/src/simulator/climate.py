"""What a simulated sensor measures: uniform numbers, or a warehouse's climate with its nights, doors and faults."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Measure = Callable[[str, float], float | None]
"""An entity and a time (epoch seconds) -> the value, or None while the sensor is silent."""

DAY = 86_400
WARMEST = 8 * 3_600
"""15:00 in Jakarta, in seconds after midnight UTC."""

DRIFT_PERIODS = (20 * 60, 53 * 60, 140 * 60)
DOOR_EVERY = 15 * 60
DOOR_OPEN = (2 * 60, 6 * 60)
DOOR_RISE, DOOR_FALL = 60, 180
"""Time constants: the hall warms faster through an open door than it cools behind a closed one."""

SILENT_EVERY = 3_600
SILENT_FOR = (20, 90)

USUAL, DAILY, DRIFT, DOOR, NOISE = 0.25, 0.08, 0.05, 0.45, 0.004
"""Parts of the range: where the climate lies when nothing happens, and how far each influence moves it. By the
simulation's defaults the limit is the middle of the range, and an open door leads over it."""


def uniform(low: float, high: float, seed: int | None) -> Measure:
    """Return numbers that know nothing of each other, between `low` and `high`; the same series for the same seed."""
    randomness = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    return lambda _entity, _at: randomness.uniform(low, high)


@dataclass(frozen=True)
class Climate:
    """A quantity's course between `low` and `high`: a `Measure` that depends on nothing but its arguments.

    So it goes on over restarts, and can be asked about any time. Sensors and quantities with one seed see the same
    doors open; noise and drop-outs are each sensor's own.
    """

    low: float
    high: float
    seed: int
    quantity: str
    sensor_id: str

    def __call__(self, entity: str, at: float) -> float | None:
        """Return what the sensor measures of an entity at a time, or None while it is silent."""
        silences = self._events(f"silence {self.sensor_id} {entity}", at, SILENT_EVERY, SILENT_FOR)
        if any(begin <= at < end for begin, end in silences):
            return None
        doors = self._events(f"door {entity}", at, DOOR_EVERY, DOOR_OPEN)
        part = (
            USUAL
            + DAILY * math.cos(2 * math.pi * (at - WARMEST) / DAY)
            + DRIFT * self._drift(entity, at)
            + DOOR * max(_warmth(begin, end, at) for begin, end in doors)
            + NOISE * self._dice(f"noise {self.quantity} {self.sensor_id} {entity} {at}").gauss()
        )
        return self.low + (self.high - self.low) * min(max(part, 0.0), 1.0)

    def _drift(self, entity: str, at: float) -> float:
        dice = self._dice(f"drift {self.quantity} {entity}")
        waves = (math.sin(2 * math.pi * (at / period + dice.random())) for period in DRIFT_PERIODS)
        return sum(waves) / len(DRIFT_PERIODS)

    def _events(self, what: str, at: float, every: float, lasts: tuple[float, float]) -> Iterator[tuple[float, float]]:
        """Yield begin and end of the last events around a time: one in each `every` seconds, somewhere in them."""
        for number in (math.floor(at / every) - 1, math.floor(at / every)):
            dice = self._dice(f"{what} {number}")
            length = dice.uniform(*lasts)
            begin = number * every + dice.random() * (every - length)
            yield begin, begin + length

    def _dice(self, what: str) -> random.Random:
        return random.Random(f"{self.seed} {what}")  # noqa: S311 - a simulation, not a secret


def _warmth(begin: float, end: float, at: float) -> float:
    """Return how much of a door's full effect is felt, 0 to 1, if it is open from `begin` to `end`."""
    if at < begin:
        return 0.0
    risen = 1 - math.exp((begin - min(at, end)) / DOOR_RISE)
    return risen * math.exp(min(0.0, end - at) / DOOR_FALL)
