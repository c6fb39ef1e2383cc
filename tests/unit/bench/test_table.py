"""What of a run is shown, and which aims count as met."""

import json
from typing import Any

from bench.table import aims, table

RATES = ("300", "3000")
FIGURES: dict[str, Any] = {
    "title": "this monitor", "start_seconds": 9.0, "memory_mib": 800.0, "idle_cores": 0.04,
    "cores": dict.fromkeys(RATES, 0.25),
    "alerts_ms": {key: {"p50": 2.0, "p99": 9.0} for key in RATES},
    "statuses_ms": {key: {"p50": 4.0, "p99": 19.0} for key in RATES},
    "first_minute": {"latest": 4.0, "at_the_end": 0.1}, "drained_per_second": 50_000.0,
    "drain_cpu_micros_a_reading": 30.0, "overload": {"latest": 6.0, "live_again": 20.0},
}  # fmt: skip
PEER = FIGURES | {"title": "a peer", "drained_per_second": 20_000.0, "overload": {}}
RUN = {"ours": FIGURES, "bare": PEER, "quix": PEER, "flink": PEER}


def missed(contenders: dict[str, Any]) -> list[str]:
    return [row.split(" | ")[0].removeprefix("| ") for row in aims(contenders) if row.endswith("**no** |")]


def test_a_figure_that_was_not_measured_is_a_dash() -> None:
    shown = table({"contenders": RUN, "round_trip_ms": {rate: {"p50": 1.0, "p99": 2.0} for rate in RATES}})
    assert "| overload: latest, s | 6.0 | - | - | - |" in shown
    assert "| alerts at 300/s | 2.0 / 9.0 | 2.0 / 9.0 | 2.0 / 9.0 | 2.0 / 9.0 |" in shown


def test_each_aim_is_met_or_said_to_be_missed() -> None:
    assert missed(RUN) == []
    slower = json.loads(json.dumps(RUN))  # nothing is shared
    slower["ours"]["idle_cores"] = 0.06
    slower["quix"]["drained_per_second"] = 30_000.0
    slower["flink"]["alerts_ms"]["3000"]["p99"] = 8.0
    assert missed(slower) == [
        "alert p99 at 3000/s, warm, ms: the best peer's",
        "backlog, readings/s: 2 × Quix, the best peer",
        "cores at rest",
    ]


def test_without_all_sides_nothing_is_said_of_aims() -> None:
    assert aims({"ours": FIGURES}) == []
