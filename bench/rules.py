"""The rules by which this monitor judges the bench's readings: as shipped, but for how often sensors report."""

from pathlib import Path

import yaml

SENSOR_INTERVAL = 120
"""Seconds in which each sensor reports, as the rules are told, so that none falls silent before its round is over.

By the shipped second nearly all of the bench's sensors would, and speak again, thousands of them each second.
"""


def for_these_sensors(root: Path, folder: Path) -> Path:
    """Write the rules of a checkout into a folder; return the file."""
    rules = yaml.safe_load((root / "services/spark-monitor/rules.yaml").read_text("utf-8"))
    for stream in rules["streams"].values():
        stream["silence"]["interval"] = SENSOR_INTERVAL
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(rules, allow_unicode=True, sort_keys=False), "utf-8")
    return file
