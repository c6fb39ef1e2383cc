"""Records of `monitor-insiden`, as the tests of the notifier need them."""

from typing import Any, cast

from messages.records import IncidentReport
from messages.topics import SUHU

AN_OPENED: dict[str, Any] = {
    "incident_id": "suhu_tinggi-G1-1795321758142",
    "kind": "threshold",
    "state": "opened",
    "entity_id": "G1",
    "rule": "suhu_tinggi",
    "severity": "critical",
    "opened_at": 1.795321758142e9,
    "closed_at": None,
    "peak": 84.31,
    "mean": 82.5,
    "duration_seconds": 30.0,
    "degree_minutes": 1.25,
    "readings": 30,
    "coverage": 1.0,
    "gap_seconds": 0.0,
    "mkt": None,
    "rules_version": "0f1e2d3c4b5a",
    "message": "[Insiden Dibuka] Gudang G1: Suhu 84.31°C > 80 - 2026-11-22 11:29:18",
    "stream": "suhu",
    "topic": SUHU,
    "sensor_id": None,
    "emitted_at": 1.7953217885e9,
}


def incident(**fields: Any) -> IncidentReport:
    """Return the opened incident with other fields."""
    return cast(IncidentReport, AN_OPENED | fields)


def life(name: str, *states: str, entity: str = "G1") -> list[IncidentReport]:
    """Return records of one incident, which say in their message which they are."""
    return [
        incident(incident_id=name, entity_id=entity, state=state, message=f"{name} {state} {number}")
        for number, state in enumerate(states)
    ]
