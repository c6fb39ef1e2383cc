"""Draws bench/out/growth.json: latency, cores and memory against the rate, the warehouses and the partitions.

Runs in an environment of its own (bench/requirements/plot.txt).
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

GROWS = {"rate": "readings a second", "warehouses": "warehouses", "partitions": "partitions of each topic"}
LINES = {
    ("alerts_ms", "p50"): ("alert p50", "#c0392b", "-"),
    ("alerts_ms", "p99"): ("alert p99", "#c0392b", ":"),
    ("statuses_ms", "p50"): ("status p50", "#2980b9", "-"),
    ("statuses_ms", "p99"): ("status p99", "#2980b9", ":"),
}
COSTS = {"cores": "cores", "memory_mib": "MiB"}


def main(growth: Path, picture: Path) -> None:
    """Draw one column for each thing that grows."""
    points: list[dict[str, Any]] = json.loads(growth.read_text())
    figure, panels = plt.subplots(1 + len(COSTS), len(GROWS), figsize=(13, 8), sharex="col", sharey="row")
    for column, (name, label) in zip(panels.T, GROWS.items(), strict=True):
        of = [point for point in points if point["grows"] == name]
        at = [point[name] for point in of]
        latency, *costs = column
        for (kind, percentile), (title, colour, style) in LINES.items():
            values = [point[kind][percentile] for point in of]
            latency.plot(at, values, style, color=colour, marker="o", markersize=3, label=title)
        latency.set_yscale("log")
        for panel, cost in zip(costs, COSTS, strict=True):
            panel.plot(at, [point[cost] for point in of], color="#2c3e50", marker="o", markersize=3)
        costs[-1].set_xscale("log")
        costs[-1].set_xlabel(label)
    for panel, label in zip(panels[:, 0], ["ms", *COSTS.values()], strict=True):
        panel.set_ylabel(label)
    for row in panels[1:]:
        row[0].set_ylim(bottom=0)  # behind all columns, which share it: before, it would keep the first one's top
    panels[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
