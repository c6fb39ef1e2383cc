"""The last day's alarms and refusals, as /sistem shows them."""

from datetime import UTC, datetime, timedelta

from tests.unit.web.site_examples import setting

from history.quality import Opening, Refused
from web.view.quality import quality, reasons

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


def opening(minutes_ago: float, entity: str = "G1", *, is_over: bool = True) -> Opening:
    return Opening(NOW - timedelta(minutes=minutes_ago), entity, "suhu_tinggi", is_over)


def facts(*openings: Opening) -> dict[str, tuple[str, str]]:
    return {name: (value, more) for name, value, more in quality(openings, setting(), NOW).facts}


def test_a_quiet_day_is_manageable() -> None:
    found = quality([], setting(), NOW)
    assert (found.within, found.beyond, found.manageable) == ("", "", 50.0)
    assert facts()["10 menit terpadat"] == ("0", "masih tertangani")
    assert facts()["Terbanyak"] == ("tidak ada", "")


def test_incidents_are_counted_by_ten_minutes() -> None:
    day = [opening(15), opening(16, "G2"), opening(17), opening(700)]
    found = quality(day, setting(), NOW)
    # Three within a window: one is manageable, two are beyond it.
    assert found.within == "M592 300v-100h6v100zM1136 300v-100h6v100z"
    assert found.beyond == "M1136 200v-200h6v200z"
    said = facts(*day)
    assert said["Insiden"] == ("4", "0,03 per 10 menit")
    assert said["10 menit terpadat"] == ("3", "terlalu banyak")
    assert said["Terbanyak"] == ("G1", "G1: 3; G2: 1")


def test_ten_within_ten_minutes_are_a_flood() -> None:
    found = quality([opening(5, f"G{n}") for n in range(10)], setting(), NOW)
    assert {name: more for name, _, more in found.facts}["10 menit terpadat"] == "banjir"


def test_what_is_open_for_more_than_a_day_is_named() -> None:
    said = facts(opening(2000, "G7", is_over=False), opening(2000, "G8"), opening(5))
    assert said["Terbuka lebih dari 24 jam"] == ("1", "G7")
    assert said["Insiden"][0] == "1"


def test_refusals_are_ranked_by_their_number() -> None:
    found = reasons([Refused("t", "InvalidValue", 1000), Refused("t", "InvalidJson", 250)], setting())
    assert [(each.reason, each.n, each.width) for each in found] == [
        ("InvalidValue", "1.000", 100.0),
        ("InvalidJson", "250", 25.0),
    ]
