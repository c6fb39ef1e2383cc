"""What is known of the places after some records, in whatever order they come."""

from tests.unit.web.site_examples import NOW, heartbeat, incident, rules, site, status

from messages.records import IncidentReport
from web.live import site as site_module
from web.live.site import Site


def test_a_status_gives_its_place_its_values_and_when_they_were_measured() -> None:
    place = site(status("G1", 78.5, 65.0, suhu_age_seconds=0.4)).places["G1"]
    assert (place.sides["suhu"].value, place.sides["suhu"].at) == (78.5, NOW - 0.4)
    assert place.sides["kelembaban"].at == NOW


def test_a_side_that_is_missing_keeps_when_it_was_last_measured() -> None:
    found = site(status("G1", 78.5, 65.0, NOW - 43), status("G1", 79.0, None, kelembaban_age_seconds=43.0))
    assert (found.places["G1"].sides["kelembaban"].value, found.places["G1"].sides["kelembaban"].at) == (None, NOW - 43)


def test_a_status_of_the_past_replaces_no_newer_one() -> None:
    found = site(status("G1", 78.5, 65.0), status("G1", 99.0, 65.0, NOW - 3600))
    assert found.places["G1"].sides["suhu"].value == 78.5


def test_an_incident_is_open_until_it_is_over_and_the_last_one_is_remembered() -> None:
    found = Site(rules())
    assert found.take_incident(incident("G1")) == "G1"
    assert list(found.places["G1"].incidents) == ["suhu_tinggi-G1-1795321080"]
    found.take_incident(incident("G1", "closed", emitted_at=NOW, closed_at=NOW - 5))
    assert not found.places["G1"].incidents
    assert found.last_closed is not None
    assert found.last_closed["closed_at"] == NOW - 5


def test_an_older_record_of_an_incident_replaces_no_newer_one() -> None:
    found = Site(rules())
    found.take_incident(incident("G1", "reminder", emitted_at=NOW, peak=90.0))
    found.take_incident(incident("G1", emitted_at=NOW - 100))
    (known,) = found.places["G1"].incidents.values()
    assert known.get("peak") == 90.0


def test_a_silence_of_a_topic_is_a_cause_and_no_place() -> None:
    cause: IncidentReport = incident(
        "sensor-suhu-gudang", kind="silence", rule="sumber", stream=None, threshold=None, peak=None
    )
    found = Site(rules())
    assert found.take_incident(cause) is None
    assert not found.places
    assert len(found.causes) == 1
    found.take_incident(cause | {"state": "recovered"})
    assert not found.causes


def test_the_canary_s_readings_are_told_apart_by_when_they_were_sent() -> None:
    found = site()
    assert [round(each.sent_at - NOW) for each in found.pulses] == [-13, -8, -3]
    found.take_heartbeat(heartbeat(NOW - 8), NOW)
    assert len(found.pulses) == 3, "one that is repeated"


def test_invented_names_do_not_fill_the_memory(monkeypatch: object) -> None:
    monkeypatch.setattr(site_module, "PLACES_AT_MOST", 2)  # type: ignore[attr-defined]
    found = site(*(status(f"G{number}", 75.0, 60.0) for number in range(5)))
    assert (len(found.places), found.left_out) == (2, 3)
