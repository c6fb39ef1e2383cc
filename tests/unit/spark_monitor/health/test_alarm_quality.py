"""The measures of the alarms, with both sides of every limit."""

from typing import Any

import pytest

from spark_monitor.health.alarm_quality import (
    AlarmQuality,
    Opening,
    chattering,
    load,
    most_within,
    stale,
    top_sources,
)
from spark_monitor.results.tail import MAX_INCIDENTS

NOW = 1_763_785_000.0
DAY = 86_400
NOTHING = {
    "alerts": 0,
    "incidents": 0,
    "load": "manageable",
    "chattering": [],
    "stale": [],
    "top_sources": {},
}


def record(number: int, state: str = "opened", entity: str = "G1", **more: Any) -> dict[str, Any]:
    return {
        "incident_id": f"suhu_tinggi-{entity}-{number}",
        "state": state,
        "entity_id": entity,
        "rule": "suhu_tinggi",
        "opened_at": NOW,
    } | more


def test_without_anything_it_is_quiet() -> None:
    assert AlarmQuality().figures(NOW) == NOTHING


def test_it_counts_the_last_ten_minutes() -> None:
    quality = AlarmQuality()
    for number, entity in enumerate(("G2", "G1", "G2")):
        quality.alert(NOW + number)
        quality.incident(record(number, entity=entity), NOW + 40 * number)
    assert quality.figures(NOW + 100) == NOTHING | {
        "alerts": 3,
        "incidents": 3,
        "load": "too many",
        "top_sources": {"G2": 2, "G1": 1},
    }


@pytest.mark.parametrize(("age", "counted"), [(599, 1), (600, 0), (601, 0)])
def test_what_is_ten_minutes_old_counts_no_more(age: float, counted: int) -> None:
    quality = AlarmQuality()
    quality.alert(NOW)
    quality.incident(record(1), NOW)
    figures = quality.figures(NOW + age)
    assert (figures["alerts"], figures["incidents"]) == (counted, counted)


def test_only_openings_count_and_each_once() -> None:
    quality = AlarmQuality()
    for state in ("opened", "reminder", "unknown", "closed", "opened", "closed"):
        quality.incident(record(1, state), NOW)
    assert quality.figures(NOW)["incidents"] == 1


def test_what_people_say_is_no_alarm() -> None:
    quality = AlarmQuality()
    quality.incident(record(1), NOW)
    for state in ("acknowledged", "commented", "refused", "shelved", "unshelved"):
        quality.incident(record(2, state, opened_at=NOW - 2 * DAY), NOW)
    figures = quality.figures(NOW)
    assert (figures["incidents"], figures["stale"]) == (1, [])


def test_what_nobody_is_told_of_is_no_alarm() -> None:
    quality = AlarmQuality()
    quality.incident(record(1, shelved_until=NOW + 600), NOW)
    assert quality.figures(NOW)["incidents"] == 0


@pytest.mark.parametrize(
    ("incidents", "said"), [(0, "manageable"), (1, "manageable"), (2, "too many"), (9, "too many"), (10, "flood")]
)
def test_one_in_ten_minutes_is_manageable_and_ten_are_a_flood(incidents: int, said: str) -> None:
    assert load(incidents) == said


def test_a_flood_is_said_once_with_its_sources() -> None:
    quality = AlarmQuality()
    for number, entity in enumerate(["G1"] * 4 + ["G2"] * 3 + ["G3"] * 2):
        quality.incident(record(number, entity=entity), NOW + number)
    assert quality.flood(NOW + 9) is None, "nine are none"
    quality.incident(record(9, entity="G4"), NOW + 9)
    assert quality.flood(NOW + 9) == "[Banjir Alarm] 10 insiden dalam 10 menit: G1 (4), G2 (3), G3 (2)"
    quality.incident(record(10, entity="G4"), NOW + 10)
    assert quality.flood(NOW + 10) is None


def test_a_flood_is_said_again_only_after_it_was_over() -> None:
    """Over is below five: ten, nine, ten is one flood."""
    quality = AlarmQuality()

    def more(number: int, at: float) -> None:
        for each in range(number):
            quality.incident(record(each, entity=f"{at}"), at)

    more(6, NOW)
    more(5, NOW + 300)
    assert quality.flood(NOW + 300)
    assert quality.flood(NOW + 600) is None, "five are left"
    more(5, NOW + 600)
    assert quality.flood(NOW + 600) is None, "ten again, but it was not over"
    assert quality.flood(NOW + 1200) is None, "over"
    more(10, NOW + 1201)
    assert quality.flood(NOW + 1201)


@pytest.mark.parametrize(("times", "is_so"), [((0, 30, 59.9), True), ((0, 30, 60), False), ((0, 59), False)])
def test_three_openings_within_a_minute_are_chattering(times: tuple[float, ...], is_so: bool) -> None:  # noqa: FBT001
    openings = [Opening(NOW + at, "G1", "suhu_tinggi") for at in times]
    assert chattering(openings) == (["suhu_tinggi G1"] if is_so else [])


def test_chattering_is_of_one_rule_at_one_place() -> None:
    of_others = [Opening(NOW, "G1", "suhu_tinggi"), Opening(NOW, "G2", "suhu_tinggi"), Opening(NOW, "G1", "diam")]
    assert chattering(of_others) == []


def test_the_log_names_what_chatters() -> None:
    quality = AlarmQuality()
    for number in range(3):
        quality.incident(record(number), NOW + 10 * number)
        quality.incident(record(number, "closed"), NOW + 10 * number + 5)
    assert quality.figures(NOW + 300)["chattering"] == ["suhu_tinggi G1"]


@pytest.mark.parametrize(("age", "is_so"), [(DAY, False), (DAY + 1, True)])
def test_open_for_more_than_a_day_is_stale(age: float, is_so: bool) -> None:  # noqa: FBT001
    assert stale({"a": NOW}, NOW + age) == (["a"] if is_so else [])


def test_a_reminder_tells_of_an_incident_from_before_the_start_and_a_closing_ends_it() -> None:
    quality = AlarmQuality()
    quality.incident(record(1, "reminder", opened_at=NOW - DAY - 60), NOW)
    assert quality.figures(NOW)["stale"] == ["suhu_tinggi-G1-1"]
    quality.incident(record(1, "closed", opened_at=NOW - DAY - 60), NOW)
    assert quality.figures(NOW)["stale"] == []


def test_the_top_sources_are_three_and_of_equals_the_first_in_the_alphabet() -> None:
    openings = [Opening(NOW, entity, "r") for entity in ("G4", "G3", "G2", "G1", "G3")]
    assert top_sources(openings) == [("G3", 2), ("G1", 1), ("G2", 1)]


@pytest.mark.parametrize(
    ("times", "most"), [([], 0), ([5], 1), ([0, 9.9], 2), ([0, 10], 1), ([30, 0, 1, 2, 11, 11.5], 3)]
)
def test_the_busiest_span_is_less_than_its_length(times: list[float], most: int) -> None:
    assert most_within(10, times) == most


def test_a_sender_that_invents_warehouses_fills_no_memory() -> None:
    quality = AlarmQuality()
    for number in range(MAX_INCIDENTS + 10):
        quality.incident(record(number), NOW)
    assert quality.figures(NOW)["incidents"] == MAX_INCIDENTS
