"""What a simulated sensor measured, as it is in its topic."""

import itertools

from devstack.compose_project import Stack
from messages.topics import SUHU


def times_of(stack: Stack, sensor: str, since: float) -> list[float]:
    """Return when a sensor measured in G1 since an epoch second, as epoch seconds."""
    readings = stack.read(SUHU, since)
    return sorted(r["timestamp"] for r in readings if r.get("sensor_id") == sensor and r["gudang_id"] == "G1")


def missed_seconds(times: list[float]) -> int:
    """Return of how many seconds between the first and the last there is no reading.

    One that was taken late is there all the same: how late it is depends on what else keeps the machine busy.
    """
    return round(times[-1] - times[0]) + 1 - len(set(times))


def largest_gap(times: list[float]) -> float:
    """Return the longest time between two neighbours, in seconds."""
    return max(later - earlier for earlier, later in itertools.pairwise(times))
