"""A site with a few records, as the topics have them."""

from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from messages.records import Heartbeat, IncidentReport, Status
from rules import file as rules_file
from rules.model import Rules
from web.live.site import Site
from web.view.numbers import Language
from web.view.overview import Setting

FILE = Path(__file__).parents[3] / "services/spark-monitor/rules.yaml"
NOW = 1795321800.0
"""2026-11-22 11:30:00 in Jakarta."""


def rules() -> Rules:
    return rules_file.load(FILE)


def setting(language: Language = "id") -> Setting:
    return Setting(rules(), ZoneInfo("Asia/Jakarta"), language)


def status(entity: str, suhu: float | None, kelembaban: float | None, at: float = NOW, **fields: Any) -> Status:
    complete = suhu is not None and kelembaban is not None
    ages = {"suhu_age_seconds": 0.0, "kelembaban_age_seconds": 0.0} | fields
    record = {
        "status_id": "sensor-suhu-gudang-0-1-gudang", "rule": "gudang", "entity_id": entity, "status": "Aman",
        "event_time": at, "complete": complete, "stream": "suhu", "alerts": [], "received_at": at, "suhu": suhu,
        "kelembaban": kelembaban, **ages,
    }  # fmt: skip
    return cast(Status, record)


def incident(entity: str, state: str = "opened", at: float = NOW - 720, **fields: Any) -> IncidentReport:
    record = {
        "incident_id": f"suhu_tinggi-{entity}-{at:.0f}", "kind": "threshold", "state": state, "entity_id": entity,
        "rule": "suhu_tinggi", "severity": "critical", "opened_at": at, "closed_at": None, "emitted_at": at + 30,
        "message": f"[Insiden Dibuka] Gudang {entity}: Suhu 84.31°C > 80", "stream": "suhu", "unit": "°C",
        "threshold": 80.0, "peak": 84.31, "topic": "sensor-suhu-gudang", "sensor_id": None, **fields,
    }  # fmt: skip
    return cast(IncidentReport, record)


def heartbeat(sent_at: float) -> Heartbeat:
    return cast(Heartbeat, {"alert_id": "monitor-kenari-0-1-kenari", "value": sent_at * 1000})


def site(*statuses: Status, tested_ago: float = 3.0) -> Site:
    """Return a site that has these statuses, and whose chain was tested some seconds ago."""
    found = Site(rules())
    for each in statuses:
        found.take_status(each, each["event_time"])
    for number in range(3):
        sent = NOW - tested_ago - 5 * (2 - number)
        found.take_heartbeat(heartbeat(sent), sent + 0.009)
    return found
