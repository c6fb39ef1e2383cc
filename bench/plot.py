"""Draws bench/out/results.json: how long an alert and a status take with each contender, on a logarithmic scale.

Runs in an environment of its own (bench/requirements/plot.txt).
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

KINDS = {"alerts_ms": "Alert (stateless)", "statuses_ms": "Combined status (stateful)"}

LARGE = 100
"""From here on a millisecond's parts say nothing."""


def main(results: Path, picture: Path) -> None:
    """Draw p50 as a bar and up to p99 as a line, one panel for each kind of result and rate."""
    read = json.loads(results.read_text())
    contenders = read["contenders"]
    rates = list(next(iter(contenders.values()))["alerts_ms"])
    figure, panels = plt.subplots(
        len(KINDS), len(rates), figsize=(4 * len(rates) + 2, 6), sharex=True, sharey=True, squeeze=False
    )
    for panels_of_kind, (kind, title) in zip(panels, KINDS.items(), strict=True):
        for panel, rate in zip(panels_of_kind, rates, strict=True):
            titles = [each["title"] for each in contenders.values()][::-1]
            p50 = [each[kind][rate]["p50"] for each in contenders.values()][::-1]
            p99 = [each[kind][rate]["p99"] for each in contenders.values()][::-1]
            panel.barh(titles, p50, color=["#c0392b" if each == "this monitor" else "#7f8c8d" for each in titles])
            panel.hlines(titles, p50, p99, color="#2c3e50", linewidth=1)
            for title_, value in zip(titles, p50, strict=True):
                panel.annotate(
                    f" {value:,.0f}" if value >= LARGE else f" {value:,.1f}", (value, title_), va="bottom", fontsize=7
                )
            panel.axvline(read["round_trip_ms"][rate]["p50"], color="#2980b9", linewidth=1, linestyle=":")
            panel.set_xscale("log")
            panel.margins(x=0.12)  # room for the figure behind the longest bar
            panel.set_title(f"{title}, {int(rate):,} readings/s", fontsize=9)
    for panel in panels[-1]:
        panel.set_xlabel("ms: bar p50, line to p99; dotted: Kafka alone")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
