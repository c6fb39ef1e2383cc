"""What goes out together, when, and in which order."""

from collections.abc import Iterable
from typing import Any

import pytest
from tests.unit.notifier.records import incident, life

from messages.records import IncidentReport
from notifier.grouping import Group, Groups, is_posted


def groups_with(*incidents: IncidentReport, at: float = 0, first_offset: int = 0) -> Groups:
    """Return groups with an interval of a minute; the records stand in partition 0."""
    groups = Groups(60)
    add(groups, incidents, at, first_offset)
    return groups


def add(groups: Groups, incidents: Iterable[IncidentReport], at: float, first_offset: int) -> None:
    for offset, each in enumerate(incidents, first_offset):
        groups.add(each, (0, offset), at)


def messages(group: Group | None) -> list[str]:
    assert group is not None
    return [each["message"] for each in group.incidents]


def test_the_first_record_of_a_quiet_warehouse_goes_out_after_a_second() -> None:
    groups = groups_with(incident(), at=100)
    assert groups.take(100.9) is None
    taken = groups.take(101)
    assert taken == Group("G1", (incident(),), ((0, 0),))
    assert groups.take(1000) is None, "taken twice"


def test_what_comes_within_the_second_goes_out_together() -> None:
    groups = groups_with(*life("a", "opened"), at=100)
    add(groups, life("b", "opened"), 100.9, 1)
    taken = groups.take(101)
    assert messages(taken) == ["a opened 0", "b opened 0"]
    assert taken is not None
    assert taken.record_offsets == ((0, 0), (0, 1))


def test_the_next_post_of_a_warehouse_is_due_a_minute_after_the_last() -> None:
    groups = groups_with(*life("a", "opened"), at=100)
    assert groups.take(101)
    groups.posted("G1", 110)
    add(groups, life("b", "opened"), 112, 1)
    add(groups, life("a", "closed"), 150, 2)
    assert groups.take(169.9) is None
    assert messages(groups.take(170)) == ["b opened 0", "a closed 0"]


def test_after_a_quiet_minute_the_next_is_urgent_again() -> None:
    groups = groups_with(*life("a", "opened"), at=100)
    assert groups.take(101)
    groups.posted("G1", 101)
    add(groups, life("b", "opened"), 200, 1)
    assert groups.take(201)


def test_warehouses_do_not_wait_for_each_other() -> None:
    groups = groups_with(*life("a", "opened"), at=100)
    assert groups.take(101)
    groups.posted("G1", 101)
    add(groups, [*life("b", "opened"), *life("c", "opened", entity="G2")], 102, 1)
    taken = groups.take(103)
    assert messages(taken) == ["c opened 0"]
    assert groups.take(103) is None


def test_what_has_been_due_longest_goes_first() -> None:
    groups = groups_with(*life("a", "opened", entity="G3"), at=5)
    add(groups, life("b", "opened", entity="G1"), 6, 1)
    add(groups, life("c", "opened", entity="G2"), 4, 2)
    taken = [groups.take(100) for _ in range(3)]
    assert [each.entity_id for each in taken if each] == ["G2", "G3", "G1"]


def test_a_whole_life_within_a_minute_stays_in_order() -> None:
    groups = groups_with(*life("a", "opened", "unknown", "reminder", "closed"))
    assert messages(groups.take(1)) == ["a opened 0", "a unknown 1", "a reminder 2", "a closed 3"]


@pytest.mark.parametrize(
    ("states", "left"),
    [
        (["reminder", "reminder", "reminder"], ["reminder 2"]),
        (["opened", "reminder", "unknown", "reminder"], ["opened 0", "unknown 2", "reminder 3"]),
        (["opened", "closed", "opened"], ["opened 0", "closed 1"]),
        (["opened", "closed", "opened", "closed"], ["opened 0", "closed 1"]),
        (["opened", "closed", "reminder"], ["opened 0", "closed 1"]),
        (["opened", "reminder", "opened"], ["opened 0", "reminder 1"]),
    ],
)
def test_what_says_nothing_new_is_left_out_but_done_with_the_rest(states: list[str], left: list[str]) -> None:
    taken = groups_with(*life("a", *states)).take(1)
    assert messages(taken) == [f"a {each}" for each in left]
    assert taken is not None
    assert sorted(taken.record_offsets) == [(0, offset) for offset in range(len(states))]


def test_the_end_of_one_incident_does_not_hide_another() -> None:
    groups = groups_with(*life("a", "opened", "closed"), *life("b", "opened"))
    assert messages(groups.take(1)) == ["a opened 0", "a closed 1", "b opened 0"]


def test_a_post_has_at_most_500_incidents_and_the_rest_comes_with_the_next() -> None:
    groups = groups_with(*(incident(incident_id=f"i{number}") for number in range(501)))
    taken = groups.take(1)
    assert taken is not None
    assert len(taken.incidents) == len(taken.record_offsets) == 500
    groups.posted("G1", 2)
    assert groups.take(61.9) is None
    rest = groups.take(62)
    assert rest is not None
    assert [each["incident_id"] for each in rest.incidents] == ["i500"]
    assert rest.record_offsets == ((0, 500),)


def test_what_another_reads_now_is_forgotten() -> None:
    groups = groups_with(*life("a", "opened"))
    groups.add(life("b", "opened")[0], (1, 7), 0)
    groups.add(life("c", "opened", entity="G2")[0], (0, 8), 0)
    groups.forget({0})
    assert groups.take(1) == Group("G1", (life("b", "opened")[0],), ((1, 7),))
    assert groups.take(1000) is None


def test_only_the_places_of_a_forgotten_partition_go() -> None:
    """The same record in two partitions: after their number was raised, and a repetition by the monitor."""
    groups = groups_with(*life("a", "opened"))
    groups.add(life("a", "opened")[0], (1, 7), 0)
    groups.forget({0})
    taken = groups.take(1)
    assert taken is not None
    assert taken.record_offsets == ((1, 7),)


@pytest.mark.parametrize(
    ("fields", "goes_out"),
    [
        ({}, True),
        ({"shelved_until": 2e9}, False),
        ({"shelved_until": 2e9, "state": "closed"}, True),
        ({"state": "acknowledged"}, True),
        ({"state": "refused", "kind": "action"}, False),
        ({"state": "shelved", "kind": "shelf", "shelved_until": 2e9}, False),
    ],
)
def test_what_nobody_is_to_hear_of_is_not_posted(fields: dict[str, Any], goes_out: bool) -> None:  # noqa: FBT001
    assert is_posted(incident(**fields)) is goes_out
