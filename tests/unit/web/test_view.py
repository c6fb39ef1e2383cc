"""Words, numbers, levels, bars and the order of the rooms."""

import dataclasses
import re
import string
from pathlib import Path

import pytest
from tests.unit.web.site_examples import NOW, heartbeat, incident, rules, setting, site, status

from messages.records import LAST_MOMENT
from web.live.site import Site
from web.view import numbers
from web.view.cases import detail
from web.view.groups import beginning, groups, matching
from web.view.levels import Level
from web.view.numbers import Language
from web.view.overview import MANY, Overview, canary, natural, overview, room
from web.view.scale import Scale, bar_of, scale_of
from web.view.words import WORDS


@pytest.mark.parametrize(
    ("value", "decimals", "language", "text"),
    [
        (84.31, 1, "id", "84,3"),
        (84.31, 1, "en", "84.3"),
        (1234567.5, 1, "id", "1.234.567,5"),
        (-4.25, 2, "id", "−4,25"),
        (-0.04, 1, "id", "0,0"),
    ],
)
def test_a_number_is_written_as_its_language_does(value: float, decimals: int, language: Language, text: str) -> None:
    assert numbers.number(value, decimals, language) == text


@pytest.mark.parametrize(
    ("value", "limits", "decimals"),
    [(84.31, [80], 1), (80.04, [80], 2), (80.004, [80], 3), (80.0, [80], 1), (80, [], 1)],
)
def test_a_value_is_never_shown_on_the_other_side_of_its_limit(
    value: float, limits: list[float], decimals: int
) -> None:
    assert numbers.decimals_of(value, limits, 1) == decimals


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 detik"), (59.9, "59 detik"), (60, "1 menit"), (7300, "2 jam"), (90000, "1 hari")]
)
def test_a_duration_has_one_unit(seconds: float, text: str) -> None:
    assert numbers.duration(seconds, "id") == text


def test_english_knows_one_and_many() -> None:
    assert (numbers.duration(60, "en"), numbers.duration(120, "en")) == ("1 minute", "2 minutes")
    assert numbers.duration_in_full(3720, "en") == "1 hour 2 minutes"


def test_a_moment_is_as_short_as_it_is_clear() -> None:
    zone = setting().zone
    said = [numbers.moment(NOW - ago, NOW, zone, "id") for ago in (60, 86400, 3 * 86400, 400 * 86400)]
    assert said == ["11:29", "kemarin 11:30", "19 Nov 11:30", "18 Okt 2025 11:30"]


WEB = Path(__file__).parents[3] / "services/web/src/web"


def places(text: str) -> set[str]:
    """Return what is filled in."""
    return {place for _, place, _, _ in string.Formatter().parse(text) if place}


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    assert WORDS["id"].keys() == WORDS["en"].keys()
    assert [name for name, text in WORDS["id"].items() if places(text) != places(WORDS["en"][name])] == []


@pytest.mark.parametrize(
    ("suhu", "kelembaban", "level"),
    [
        (79.0, 69.0, Level.WELL),
        (80.0, 70.0, Level.WELL),
        (80.01, 60.0, Level.CRITICAL),
        (75.0, 70.01, Level.WARNING),
        (75.0, None, Level.UNKNOWN),
        (81.0, None, Level.CRITICAL),
    ],
)
def test_a_place_is_as_bad_as_its_worst_value(suhu: float | None, kelembaban: float | None, level: Level) -> None:
    place = site(status("G1", suhu, kelembaban)).places["G1"]
    assert room(place, setting(), NOW).level is level


def test_an_open_incident_keeps_a_place_bad_when_its_value_is_back() -> None:
    found = site(status("G1", 75.0, 60.0))
    found.take_incident(incident("G1"))
    assert room(found.places["G1"], setting(), NOW).level is Level.CRITICAL


def test_a_value_that_is_too_old_is_unknown_and_never_well() -> None:
    found = site(status("G1", 75.0, 60.0, NOW - 20))
    shown = room(found.places["G1"], setting(), NOW)
    assert (shown.level, shown.measures[0].text) == (Level.UNKNOWN, "–")
    assert shown.status == "Data tidak lengkap (tidak ada data sejak 20 detik)"


def test_a_sensor_s_clock_that_is_a_little_behind_makes_no_value_unknown() -> None:
    """Kafka got it just now; what was kept on the way for long is old all the same."""
    behind = status("G1", 75.0, 60.0, NOW - 40, received_at=NOW)
    assert room(site(behind).places["G1"], setting(), NOW).level is Level.WELL
    kept = status("G1", 75.0, 60.0, NOW - 1200, received_at=NOW)
    assert room(site(kept).places["G1"], setting(), NOW).level is Level.UNKNOWN


def test_what_kafka_got_long_ago_is_unknown_though_it_is_read_only_now() -> None:
    backlog = status("G1", 75.0, 60.0, NOW - 60)
    found = Site(rules())
    found.take_status(backlog, NOW)
    assert room(found.places["G1"], setting(), NOW).level is Level.UNKNOWN


def test_a_limit_of_its_own_counts() -> None:
    own = rules()
    alerts = own.alerts | {"suhu_tinggi": own.alerts["suhu_tinggi"].model_copy(update={"overrides": {"G1": 8.0}})}  # type: ignore[operator]
    own = own.model_copy(update={"alerts": alerts})
    shown = room(site(status("G1", 9.0, 60.0)).places["G1"], dataclasses.replace(setting(), rules=own), NOW)
    assert shown.level is Level.CRITICAL


def test_the_worst_comes_first_then_the_oldest_then_by_number() -> None:
    found = site(
        status("G10", 75.0, 60.0), status("G2", 75.0, 60.0), status("G3", 75.0, None), status("G4", 75.0, 71.0),
        status("G5", 85.0, 60.0), status("G6", 85.0, 60.0),
    )  # fmt: skip
    found.take_incident(incident("G6"))
    assert [each.entity_id for each in overview(found, setting(), NOW).rooms] == ["G6", "G5", "G4", "G3", "G2", "G10"]
    assert sorted(["G10", "G2", "gudang 1"], key=natural) == ["G2", "G10", "gudang 1"]


def test_the_verdict_says_how_many_and_which_is_the_worst() -> None:
    found = site(status("G1", 84.31, 60.0), status("G2", 75.0, None), status("G3", 75.0, 60.0))
    found.take_incident(incident("G1"))
    verdict = overview(found, setting(), NOW).verdict
    assert verdict.head == "1 dari 3 gudang bermasalah, 1 datanya tidak lengkap"
    assert verdict.lead == "G1: suhu 84,3 °C sejak 12 menit."
    assert verdict.title == "(2) Gudang: 1 bermasalah, 1 tidak lengkap"


def test_all_well_is_said_only_while_the_chain_is_known_to_work() -> None:
    well = status("G1", 75.0, 60.0)
    assert overview(site(well), setting(), NOW).verdict.head == "Semua aman"
    lost = overview(site(well, tested_ago=40), setting(), NOW).verdict
    assert (lost.head, lost.level, lost.is_known) == ("Keadaan sekarang tidak diketahui", "unknown", False)
    assert "40 detik" in lost.more
    assert not overview(Site(rules()), setting(), NOW).verdict.is_known


def test_english_is_whole_too() -> None:
    shown = overview(site(status("G1", 84.31, 60.0), status("G2", 75.0, 60.0)), setting("en"), NOW)
    assert shown.verdict.head == "1 of 2 warehouses in trouble"
    assert shown.verdict.lead == "G1: suhu 84.3 °C."


def test_a_silent_sensor_and_a_wrong_clock_are_remarks() -> None:
    found = site(status("G1", 75.0, 60.0))
    for kind, sensor in (("silence", "s-1"), ("silence", "s-2"), ("clock", "s-3"), ("fault", None)):
        found.take_incident(incident("G1", kind=kind, sensor_id=sensor, incident_id=f"{kind}-{sensor}"))
    shown = room(found.places["G1"], setting(), NOW)
    assert [(each.mark, each.text) for each in shown.remarks] == [
        ("silent", "Sensor diam: s-1, s-2"),
        ("clock", "Jam salah: s-3"),
        ("stuck", "Sensor rusak atau macet: semua (suhu)"),
    ]


def test_a_test_that_did_not_come_back_is_a_hole() -> None:
    found = site()
    whole = canary(found.pulses, setting(), NOW)
    assert (whole.mark, whole.path.count("M"), whole.described) == ("acknowledged", 3, "3 uji terakhir, semua kembali")
    assert "3 detik lalu, kembali dalam 9 ms" in whole.text
    del found.pulses[1]
    assert canary(found.pulses, setting(), NOW).described == "3 uji terakhir, 1 tidak kembali"
    assert canary(found.pulses, setting(), NOW + 10).mark == "silent"


def test_a_bar_has_room_beside_its_limits_and_shows_what_is_beyond() -> None:
    scale = scale_of([8.0], [2.0], (-90, 200))
    assert (scale.low, scale.high) == (-3.0, 13.0)
    assert bar_of(scale, [8.0], [2.0], 10.0).over == (68.8, 81.2)
    assert bar_of(scale, [8.0], [2.0], 1.0).over == (25.0, 31.2)
    assert bar_of(scale, [8.0], [2.0], 5.0).over is None
    assert bar_of(scale, [8.0], [2.0], 500.0).now == 100.0
    assert scale_of([], [], (-5, 105)) == Scale(-5, 105)


def test_a_machine_is_shown_while_something_is_wrong_with_it() -> None:
    found = site(status("G1", 75.0, 60.0))
    of_a_machine = incident(
        "S1", rule="suhu_mesin_tinggi", stream="mesin", message="[Insiden Dibuka] Sensor S1: Suhu 91 > 80"
    )
    found.take_incident(of_a_machine)
    shown = overview(found, setting(), NOW)
    assert [(each.entity_id, each.level, each.status) for each in shown.loud] == [
        ("S1", Level.CRITICAL, "Sensor S1: Suhu 91 > 80")
    ]
    found.take_incident(of_a_machine | {"state": "closed"})
    assert [each.entity_id for each in overview(found, setting(), NOW).rooms] == ["G1"]


@pytest.mark.parametrize("at", [-LAST_MOMENT, 0.0, LAST_MOMENT])
@pytest.mark.parametrize("language", ["id", "en"])
def test_no_record_of_others_keeps_a_page_from_being_shown(at: float, language: Language) -> None:
    found = site(status("G1", 1e308, -1e308, at), status("G2", 75.0, 60.0))
    for kind in ("threshold", "silence", "clock", "fault", "action"):
        found.take_incident(
            incident("G1", at=at, kind=kind, incident_id=kind, peak=-1e308, emitted_at=at, threshold=0.0)
        )
    found.take_incident(incident("t", at=at, kind="silence", stream=None, emitted_at=at))
    found.take_incident(incident("G2", "closed", at, closed_at=at, emitted_at=at))
    found.take_heartbeat(heartbeat(1e12), at)
    shown = overview(found, setting(language), NOW)
    assert {each.entity_id for each in shown.rooms} == {"G1", "G2"}
    for each in found.places["G1"].incidents.values():
        assert detail(each, [each], setting(language), NOW).life


def test_no_word_is_there_that_nobody_says() -> None:
    sources = [
        each.read_text("utf-8")
        for folder in ("view", "templates", "people")
        for each in (WEB / folder).iterdir()
        if each.is_file()
    ]
    sources += [each.read_text("utf-8") for each in WEB.glob("*.py")]
    said = set(re.findall(r"""[a-z]+(?:_[a-z]+)*""", "\n".join(sources)))
    composed = {name for name in WORDS["id"] if name.startswith(("state_", "kind_", "gap_"))}
    assert WORDS["id"].keys() - said - composed == set()


def many(count: int, wrong: int = 1) -> Overview:
    statuses = [status(f"{'JKT-G' if n % 2 else 'G'}{n}", 85.0 if n < wrong else 75.0, 60.0) for n in range(count)]
    return overview(site(*statuses), setting(), NOW)


def test_of_many_places_only_those_with_something_wrong_are_drawn() -> None:
    few, shown = many(MANY), many(1000, wrong=3)
    assert ([len(each) for each in few.drawn], few.is_many) == ([1, MANY - 1], False)
    assert ([len(each) for each in shown.drawn], shown.is_many) == ([3, 0], True)
    assert [len(each) for each in many(200, wrong=150).drawn] == [MANY, 0]


def test_many_places_are_squares_in_groups_by_their_names() -> None:
    first, second = groups(many(100, wrong=1), setting())
    assert (first.name, first.text) == ("G", "50 gudang, 1 perlu dilihat")
    assert (second.name, second.text) == ("JKT-G", "50 gudang, semua aman")
    assert dict(first.cells)["critical"] == "M0 8h4v8h-4z"
    assert dict(second.cells)["well"].count("M") == 50


@pytest.mark.parametrize(
    ("name", "begins"), [("G12", "G"), ("JKT-12", "JKT"), ("12", "12"), ("Gudang Obat 3", "Gudang Obat"), ("", "")]
)
def test_a_group_is_what_stands_before_the_number(name: str, begins: str) -> None:
    assert beginning(name) == begins


def test_places_are_found_by_a_part_of_their_names() -> None:
    assert [room.entity_id for room in matching(many(100).rooms, " jkt-g1 ")][:2] == ["JKT-G1", "JKT-G11"]
