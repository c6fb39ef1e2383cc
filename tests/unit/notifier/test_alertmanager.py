"""A post's body is Alertmanager's, to the letter."""

import json

import pytest
from tests.unit.notifier.records import incident

from messages.records import IncidentReport
from notifier.alertmanager import body, payload
from notifier.grouping import Group

FINGERPRINT = "591803d3faf01e4a"


def group(*incidents: IncidentReport, entity: str = "G1") -> Group:
    return Group(entity, incidents, ())


LABELS = {
    "alertname": "suhu_tinggi",
    "entity_id": "G1",
    "severity": "critical",
    "incident_id": "suhu_tinggi-G1-1795321758142",
    "kind": "threshold",
    "stream": "suhu",
}
ANNOTATIONS = {
    "message": "[Insiden Dibuka] Gudang G1: Suhu 84.31°C > 80 - 2026-11-22 11:29:18",
    "state": "opened",
    "peak": "84.31",
    "mean": "82.5",
    "duration_seconds": "30",
    "degree_minutes": "1.25",
    "readings": "30",
    "coverage": "1",
    "gap_seconds": "0",
    "rules_version": "0f1e2d3c4b5a",
}


def test_an_opened_incident_is_one_firing_alert() -> None:
    assert payload(group(incident())) == {
        "version": "4",
        "groupKey": '{}:{entity_id="G1"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "webhook",
        "groupLabels": {"entity_id": "G1"},
        "commonLabels": LABELS,
        "commonAnnotations": ANNOTATIONS,
        "externalURL": "",
        "alerts": [
            {
                "status": "firing",
                "labels": LABELS,
                "annotations": ANNOTATIONS,
                "startsAt": "2026-11-22T04:29:18.142Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": FINGERPRINT,
            }
        ],
    }


def test_a_closed_incident_is_resolved_and_keeps_its_fingerprint() -> None:
    closed = incident(state="closed", closed_at=1795322010.5, mkt=84.9, message="[Insiden Selesai] …")
    said = payload(group(closed))
    (alert,) = said["alerts"]
    assert (said["status"], alert["status"]) == ("resolved", "resolved")
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-11-22T04:29:18.142Z", "2026-11-22T04:33:30.500Z")
    assert alert["fingerprint"] == FINGERPRINT
    assert alert["annotations"]["mkt"] == "84.9"


def test_a_time_that_no_date_has_is_the_first_that_there_is() -> None:
    (alert,) = payload(group(incident(state="closed", opened_at=-1e11, closed_at=0.5)))["alerts"]
    assert (alert["startsAt"], alert["endsAt"]) == ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00.500Z")


@pytest.mark.parametrize("state", ["opened", "reminder", "unknown"])
def test_all_that_is_not_closed_fires_and_says_its_state(state: str) -> None:
    (alert,) = payload(group(incident(state=state)))["alerts"]
    assert (alert["status"], alert["annotations"]["state"]) == ("firing", state)


def test_one_that_fires_makes_the_whole_group_fire() -> None:
    closed, opened = incident(state="closed"), incident(incident_id="other")
    said = payload(group(closed, opened))
    assert said["status"] == "firing"
    assert [alert["status"] for alert in said["alerts"]] == ["resolved", "firing"]
    assert said["alerts"][0]["fingerprint"] != said["alerts"][1]["fingerprint"]


def test_common_is_what_all_alerts_have() -> None:
    one = incident(sensor_id="suhu-7f3a")
    other = incident(incident_id="other", rule="kelembaban_tinggi", stream="kelembaban", message="other")
    said = payload(group(one, other))
    assert said["commonLabels"] == {"entity_id": "G1", "severity": "critical", "kind": "threshold"}
    assert "message" not in said["commonAnnotations"]
    assert said["commonAnnotations"]["peak"] == "84.31"


def test_a_silence_that_was_forgotten_ends_when_it_was_said() -> None:
    silence = incident(kind="silence", state="closed", opened_at=1795321758, closed_at=None, sensor_id="suhu-7f3a")
    (alert,) = payload(group(silence))["alerts"]
    assert alert["endsAt"] == "2026-11-22T04:29:48.500Z"
    assert alert["labels"]["sensor_id"] == "suhu-7f3a"


def test_a_name_with_quotes_is_no_trouble() -> None:
    assert payload(group(incident(), entity='a"b\\'))["groupKey"] == '{}:{entity_id="a\\"b\\\\"}'


def test_the_body_is_json_in_utf_8() -> None:
    sent = body(group(incident()))
    assert "84.31°C".encode() in sent
    assert json.loads(sent) == payload(group(incident()))
