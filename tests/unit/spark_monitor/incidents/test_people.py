"""What people say of incidents: acknowledged, commented, closed, shelved."""

import itertools
import json
from typing import Any, cast

import pytest
from tests.unit.spark_monitor.incidents.test_life_cycle import START, Warehouse, changed, said, states

from messages.records import Action, incident_report, is_withheld
from spark_monitor.incidents.life_cycle import Reading
from spark_monitor.incidents.people import LONGEST_SHELF_SECONDS
from spark_monitor.incidents.records import Record, to_json

NUMBERS = itertools.count()
RULES = changed({"on_delay": 5, "off_delay": 10, "remind_every": 60, "severity": "critical"})
HOUR = 3600
WHOLE = ("incident_id", "opened_at", "peak", "threshold", "sensors")


class Place(Warehouse):
    """A warehouse with people."""

    def hot(self, begin: int = 0, end: int = 6) -> Record:
        """Open an incident; return its record."""
        (opened,) = self.steady(begin, end, 85)
        return opened

    def act(self, action: str, now: float, by: str = "Siti", reason: str = "", **fields: Any) -> list[Record]:
        """Let somebody do something; return the records."""
        given = {"action_id": f"click {next(NUMBERS)}", "action": action, "entity_id": "G1", "by": by, "reason": reason}
        word = cast(Action, {**given, "at": START + now, **fields})
        step = self.life.act("G1", self.state, word, START + now)
        return self.went(step.state, step.due, step.records)


@pytest.fixture
def place() -> Place:
    return Place(RULES)


def test_an_acknowledged_incident_names_who_did_it_until_its_end(place: Place) -> None:
    opened = place.hot()
    (word,) = place.act("acknowledge", 7, incident_id=opened["incident_id"], reason="pendingin dicek")
    assert word["message"] == "[Insiden Dikonfirmasi] Gudang G1: Suhu, oleh Siti: pendingin dicek"
    assert (word["state"], word["by"], word["reason"]) == ("acknowledged", "Siti", "pendingin dicek")
    # It is a whole record: what was known before stands in it.
    assert [word[name] for name in WHOLE] == [opened[name] for name in WHOLE]
    closed = place.steady(8, 22, 70)[-1]
    assert (closed["state"], closed["acknowledged_by"], closed["by"]) == ("closed", "Siti", None)
    assert closed["acknowledged_at"] == START + 7


def test_an_acknowledged_incident_is_not_reminded_of(place: Place) -> None:
    opened = place.hot()
    assert states(place.steady(7, 70, 85)) == []
    assert states(place.look(70)) == [("suhu_tinggi", "reminder")]
    place.act("acknowledge", 71, incident_id=opened["incident_id"])
    assert place.steady(72, 200, 85) + place.look(200) == []


def test_that_an_acknowledged_incident_is_unknown_and_seen_again_is_told(place: Place) -> None:
    opened = place.hot()
    place.act("acknowledge", 7, incident_id=opened["incident_id"])
    told = [state for rule, state in states(place.look(400)) if rule == "suhu_tinggi"]
    assert told == ["unknown"]
    told = [state for rule, state in states(place.suhu({401: 85, 402: 85})) if rule == "suhu_tinggi"]
    assert told == ["reminder"]


def test_a_new_episode_is_a_new_incident_that_nobody_has_acknowledged(place: Place) -> None:
    first = place.hot()
    place.act("acknowledge", 7, incident_id=first["incident_id"])
    place.steady(8, 22, 70)
    second = place.hot(30, 36)
    assert second["incident_id"] != first["incident_id"]
    assert second["acknowledged_by"] is None


def test_of_two_people_at_once_the_first_has_acknowledged(place: Place) -> None:
    opened = place.hot()
    place.act("acknowledge", 7, incident_id=opened["incident_id"])
    (second,) = place.act("acknowledge", 7, by="Budi", incident_id=opened["incident_id"])
    assert (second["state"], second["acknowledged_by"], second["by"]) == ("commented", "Siti", "Budi")
    assert second["message"] == "[Insiden Dikonfirmasi] Gudang G1: Suhu, sudah oleh Siti, juga oleh Budi"


@pytest.mark.parametrize("action", ["acknowledge", "comment", "close"])
def test_the_same_click_counts_once(place: Place, action: str) -> None:
    opened = place.hot()
    assert len(place.act(action, 7, action_id="one", incident_id=opened["incident_id"])) == 1
    assert place.act(action, 8, action_id="one", incident_id=opened["incident_id"]) == []


@pytest.mark.parametrize("action", ["acknowledge", "comment", "close"])
def test_a_word_about_what_is_over_changes_nothing_and_is_recorded(place: Place, action: str) -> None:
    opened = place.hot()
    place.steady(8, 22, 70)
    before = json.loads(place.state or "")
    (word,) = place.act(action, 23, incident_id=opened["incident_id"])
    assert (word["kind"], word["state"], word["by"]) == ("action", "refused", "Siti")
    assert word["message"] == "[Tindakan Tidak Berlaku] G1: insiden sudah selesai atau tidak dikenal, oleh Siti"
    assert {**json.loads(place.state or ""), "acted": None} == {**before, "acted": None}


def test_comments_do_not_change_how_an_incident_is(place: Place) -> None:
    opened = place.hot()
    place.look(400)
    place.act("comment", 401, reason="sensor dibawa keluar", incident_id=opened["incident_id"])
    # It is unknown all the same: the next reading says that it is seen again.
    assert ("suhu_tinggi", "reminder") in states(place.suhu({402: 85}))


def test_what_cannot_close_by_data_is_closed_by_a_person(place: Place) -> None:
    opened = place.hot()
    place.look(400)
    (closed,) = place.act("close", 401, reason="gudang dikosongkan", incident_id=opened["incident_id"])
    assert (closed["state"], closed["incident_id"]) == ("retired", opened["incident_id"])
    assert "oleh Siti: gudang dikosongkan" in closed["message"]
    # What is still beyond the limit is a new incident, after its delay.
    assert ("suhu_tinggi", "opened") in states(again := place.steady(402, 408, 85))
    assert again[-1]["incident_id"] != opened["incident_id"]


def test_a_silence_is_no_incident_to_be_closed(place: Place) -> None:
    place.suhu({0: 70, 1: 70})
    (silence,) = place.look(400)
    (word,) = place.act("close", 401, incident_id=silence["incident_id"])
    assert (word["state"], "dilepas" in word["message"]) == ("refused", True)
    (word,) = place.act("acknowledge", 402, incident_id=silence["incident_id"])
    assert word["message"] == "[Insiden Dikonfirmasi] Gudang G1: Suhu diam (a), oleh Siti"


def test_nobody_is_told_of_a_shelved_rule_until_the_shelf_ends(place: Place) -> None:
    (shelf,) = place.act("shelve", 0, rule="suhu_tinggi", until=START + HOUR, reason="pencairan es")
    assert (shelf["kind"], shelf["state"], shelf["shelved_until"]) == ("shelf", "shelved", START + HOUR)
    assert shelf["message"] == "[Insiden Ditunda] Gudang G1: Suhu, sampai 2026-11-22 12:29:18, oleh Siti: pencairan es"
    opened = place.hot(1, 7)
    assert opened["shelved_until"] == START + HOUR
    assert is_withheld(incident_report(to_json(opened).encode()))
    ended, again, *_ = place.look(HOUR)
    assert (ended["state"], ended["closed_at"]) == ("unshelved", START + HOUR)
    assert ended["message"] == "[Tunda Berakhir] Gudang G1: Suhu, 1 insiden masih terbuka"
    assert (again["incident_id"], again["state"]) == (opened["incident_id"], "reminder")
    assert not is_withheld(incident_report(to_json(again).encode()))


def test_a_shelf_is_of_its_rule_alone(place: Place) -> None:
    place.act("shelve", 0, rule="kelembaban_tinggi", until=START + HOUR)
    assert place.hot(1, 7)["shelved_until"] is None


def test_a_shelf_is_ended_by_a_person(place: Place) -> None:
    place.act("shelve", 0, rule="suhu_tinggi", until=START + HOUR)
    (ended,) = place.act("unshelve", 10, by="Budi", rule="suhu_tinggi")
    assert (ended["state"], ended["message"]) == ("unshelved", "[Tunda Berakhir] Gudang G1: Suhu, oleh Budi")
    (word,) = place.act("unshelve", 11, rule="suhu_tinggi")
    assert word["message"] == "[Tindakan Tidak Berlaku] G1: tidak sedang ditunda, oleh Siti"


def test_a_second_shelf_moves_the_end_of_the_first(place: Place) -> None:
    (first,) = place.act("shelve", 0, rule="suhu_tinggi", until=START + HOUR)
    (second,) = place.act("shelve", 60, rule="suhu_tinggi", until=START + 2 * HOUR)
    assert (first["incident_id"], second["shelved_until"]) == (second["incident_id"], START + 2 * HOUR)
    assert place.look(HOUR) == []
    assert [record["state"] for record in place.look(2 * HOUR)] == ["unshelved"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"rule": "suhu_tinggi", "until": START}, "waktu tunda sudah lewat"),
        ({"rule": "tidak_ada", "until": START + HOUR}, "aturan itu tidak ada"),
    ],
)
def test_a_shelf_that_cannot_be_is_refused(place: Place, fields: dict[str, Any], why: str) -> None:
    assert said(place.act("shelve", 1, **fields)) == [f"[Tindakan Tidak Berlaku] G1: {why}, oleh Siti"]


def test_no_shelf_lasts_longer_than_a_week(place: Place) -> None:
    (shelf,) = place.act("shelve", 0, rule="suhu_tinggi", until=START + 1e9)
    assert shelf["shelved_until"] == START + LONGEST_SHELF_SECONDS


@pytest.mark.parametrize("action", ["acknowledge", "comment", "close", "shelve", "unshelve"])
def test_a_word_about_nothing_names_what_it_lacks(place: Place, action: str) -> None:
    with pytest.raises(ValueError, match=rf"^{action}: expected (incident_id|rule)$"):
        place.act(action, 1)


def test_what_people_said_is_forgotten_with_its_incident(place: Place) -> None:
    opened = place.hot()
    place.act("acknowledge", 7, incident_id=opened["incident_id"])
    place.steady(8, 22, 70)
    assert "told" not in json.loads(place.state or "")


def test_a_fault_is_over_with_its_sensor_that_is_forgotten() -> None:
    """Nobody waits for a sensor that spoke once; its fault must not stay open for that."""
    place = Place(RULES)
    broken = Reading("suhu", "a", -127.0, START, START, START, is_error_code=True)
    (opened,) = place.take([broken], 0)
    assert (opened["rule"], opened["state"]) == ("rusak", "opened")
    ended = place.look(100_000)[-1]
    assert (ended["incident_id"], ended["state"]) == (opened["incident_id"], "retired")
    assert place.state is None
