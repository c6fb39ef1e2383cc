"""An hour of a warehouse's realistic readings, and what pandas makes of their incidents: another way to compute them.

Nothing here is shared with the monitor's own life cycle: runs of readings are found by grouping, figures by NumPy.
"""

import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulator.climate import Climate

START = 1795321758.0
GAP_SECONDS, INTERVAL_SECONDS = 5.0, 1.0
ON_DELAY, OFF_DELAY, DEADBAND = 30.0, 30.0, 1.0
LIMITS = {"suhu": 80.0, "kelembaban": 70.0}
RANGES = {"suhu": (70.0, 90.0), "kelembaban": (60.0, 80.0)}
WAREHOUSES = ("G1", "G2", "G3")


class Measured(NamedTuple):
    """A reading as a producer sends it."""

    entity_id: str
    stream: str
    sensor_id: str
    value: float
    event_time: float


@cache
def readings(seed: int = 8, seconds: int = 3600) -> tuple[Measured, ...]:
    """Return the readings by time: as the producers of the demonstration send them."""
    jitter = random.Random(seed)
    rows = []
    for stream, (low, high) in RANGES.items():
        sensor = f"{stream}-7f3a"
        measure = Climate(low, high, seed, stream, sensor)
        for entity in WAREHOUSES:
            for second in range(seconds):
                at = START + second + jitter.uniform(0, 0.2)
                value = measure(entity, at)
                if value is not None:
                    rows.append(Measured(entity, stream, sensor, round(value, 2), at))
    return tuple(sorted(rows, key=lambda row: row.event_time))


def incidents(rows: Iterable[Measured]) -> pd.DataFrame:
    """Return the incidents of readings: entity, stream, opened_at, closed_at (NaN while open), and the figures."""
    frame = pd.DataFrame(rows, columns=list(Measured._fields))
    found = []
    for entity in WAREHOUSES:
        for stream, limit in LIMITS.items():
            own = frame[(frame["entity_id"] == entity) & (frame["stream"] == stream)].sort_values("event_time")
            found += [{"entity_id": entity, "stream": stream, **incident} for incident in _of_one(own, limit)]
    return pd.DataFrame(found).sort_values(["opened_at", "entity_id", "stream"], ignore_index=True)


def _of_one(own: pd.DataFrame, limit: float) -> Iterator[dict[str, float]]:
    at, value = own["event_time"].to_numpy(), own["value"].to_numpy()
    beyond = _held(at, value > limit, value <= limit - DEADBAND)
    cleared = _runs(at, value <= limit - DEADBAND, OFF_DELAY)
    free_from = -np.inf
    for opened_at in beyond["first"]:
        if opened_at <= free_from:
            continue
        ends = cleared.loc[cleared["first"] > opened_at, "first"]
        closed_at = ends.iloc[0] if len(ends) else np.nan
        yield {"opened_at": opened_at, "closed_at": closed_at, **_figures(at, value, limit, opened_at, closed_at)}
        free_from = np.inf if np.isnan(closed_at) else closed_at


def _held(at: np.ndarray, is_beyond: np.ndarray, is_cleared: np.ndarray) -> pd.DataFrame:
    """Return first and last reading beyond the limit of each time that lasted for `ON_DELAY`.

    A cleared reading ends it, and so do `OFF_DELAY` between limit and deadband. A gap does not.
    """
    between = ~is_beyond & ~is_cleared
    runs = pd.Series(np.cumsum(np.diff(between.astype(int), prepend=0) != 0))
    since = pd.Series(at).groupby(runs).transform("min").to_numpy()
    ends = is_cleared | (between & (at >= since + OFF_DELAY))
    grouped = pd.DataFrame({"at": at, "part": np.cumsum(ends)})[is_beyond].groupby("part")["at"]
    held = pd.DataFrame({"first": grouped.min(), "last": grouped.max()})
    return held[held["last"] >= held["first"] + ON_DELAY]


def _runs(at: np.ndarray, is_in: np.ndarray, least: float) -> pd.DataFrame:
    """Return first and last time of the runs of readings without a gap that are `is_in` for at least so long."""
    starts = np.diff(is_in.astype(int), prepend=0) != 0
    starts |= np.diff(at, prepend=at[0]) > GAP_SECONDS
    table = pd.DataFrame({"at": at, "run": starts.cumsum(), "is_in": is_in})
    grouped = table[table["is_in"]].groupby("run")["at"]
    runs = pd.DataFrame({"first": grouped.min(), "last": grouped.max()})
    return runs[runs["last"] >= runs["first"] + least]


def _figures(at: np.ndarray, value: np.ndarray, limit: float, opened_at: float, closed_at: float) -> dict[str, float]:
    end = at[-1] if np.isnan(closed_at) else closed_at
    inside = (at >= opened_at) & (at < end)
    held = np.diff(at, append=at[-1])[inside]
    gaps = np.where(held > GAP_SECONDS, held - INTERVAL_SECONDS, 0.0)
    weight, kelvin = held - gaps, value[inside] + 273.15
    return {
        "peak": value[inside].max(),
        "mean": np.average(value[inside], weights=weight),
        "duration_seconds": end - opened_at,
        "degree_minutes": (np.clip(value[inside] - limit, 0, None) * weight).sum() / 60,
        "readings": inside.sum(),
        "coverage": min(1.0, inside.sum() / ((end - opened_at) / INTERVAL_SECONDS)),
        "gap_seconds": gaps.sum(),
        "mkt": -10_000.0 / np.log(np.average(np.exp(-10_000.0 / kelvin), weights=weight)) - 273.15,
    }
