"""One task slot for each partition of each query, and for each partition of each stateful step."""

import re
from importlib import resources

import pytest

from spark_monitor.engine.task_slots import STATEFUL_STEPS, needed, shortage


@pytest.mark.parametrize(
    ("alert_partitions", "status_partitions", "state_partitions", "slots"),
    [(3, 2, 2, 3 + 2 + 4), (12, 8, 2, 12 + 8 + 4), (37, 24, 12, 37 + 24 + 24), (1, 0, 2, 1)],
)
def test_slots_are_both_queries_sources_and_the_state(
    alert_partitions: int, status_partitions: int, state_partitions: int, slots: int
) -> None:
    assert needed(alert_partitions, status_partitions, state_partitions) == slots


def test_the_stateful_steps_are_as_many_as_the_status_query_has() -> None:
    """One slot too few and the query would never start."""
    source = resources.files("spark_monitor").joinpath("detection/status.py").read_text("utf-8")
    assert len(re.findall(r"\.groupBy\(", source)) == STATEFUL_STEPS


def test_rules_without_a_status_need_slots_for_the_alerts_alone() -> None:
    assert needed(3, 0, 2) == 3


def test_a_cluster_that_is_too_small_is_told_what_is_missing() -> None:
    assert shortage(66, 36) == "66 task slots are needed, the workers offer 36: 30 are missing"
    assert shortage(66, 0) == "66 task slots are needed, the workers offer 0: 66 are missing"


@pytest.mark.parametrize("found", [66, 108])
def test_a_cluster_that_is_large_enough_is_short_of_nothing(found: int) -> None:
    assert shortage(66, found) is None
