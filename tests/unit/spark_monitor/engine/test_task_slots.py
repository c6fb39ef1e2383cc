"""One task slot for each partition of each query, and for each partition of the status's state."""

import pytest

from spark_monitor.engine.task_slots import needed, shortage


@pytest.mark.parametrize(
    ("alert_partitions", "status_partitions", "state_partitions", "slots"),
    [(3, 2, 2, 3 + 2 + 2), (12, 8, 2, 12 + 8 + 2), (37, 24, 12, 37 + 24 + 12), (1, 0, 2, 1)],
)
def test_slots_are_both_queries_sources_and_the_state(
    alert_partitions: int, status_partitions: int, state_partitions: int, slots: int
) -> None:
    assert needed(alert_partitions, status_partitions, state_partitions) == slots


def test_rules_without_a_status_need_slots_for_the_alerts_alone() -> None:
    assert needed(3, 0, 2) == 3


def test_a_cluster_that_is_too_small_is_told_what_is_missing() -> None:
    assert shortage(64, 36) == "64 task slots are needed, the workers offer 36: 28 are missing"
    assert shortage(64, 0) == "64 task slots are needed, the workers offer 0: 64 are missing"


@pytest.mark.parametrize("found", [64, 108])
def test_a_cluster_that_is_large_enough_is_short_of_nothing(found: int) -> None:
    assert shortage(64, found) is None
