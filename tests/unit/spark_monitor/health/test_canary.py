"""What the monitor adds to the rules for itself."""

import json
from pathlib import Path

from messages.topics import CANARY
from rules import canary
from rules import file as rules_file

SHIPPED = rules_file.load(Path(__file__).parents[4] / "services/spark-monitor/rules.yaml")


def test_the_canary_is_read_and_alerted_of_but_part_of_no_status() -> None:
    topics_before = SHIPPED.topics
    rules = canary.with_canary(SHIPPED)
    assert rules.topics == (*topics_before, CANARY)
    assert set(rules.alerts_of("kenari")) == {"kenari"}
    assert rules.combined_topics == SHIPPED.combined_topics
    assert rules.statuses == SHIPPED.statuses


def test_the_rules_of_the_file_stay_without_it() -> None:
    canary.with_canary(SHIPPED)
    assert "kenari" not in SHIPPED.streams
    assert "kenari" not in SHIPPED.alerts


def test_a_pulse_is_a_reading_with_nothing_but_what_it_needs() -> None:
    assert json.loads(canary.pulse_message(1763785000123)) == {"monitor": "spark-monitor", "pulse": 1763785000123}
