"""Incidents in the form of Alertmanager's webhook (version 4), which many receivers know. Pure.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from messages.records import OVER, IncidentReport
from notifier.grouping import Group

RECEIVER = "webhook"
GROUPED_BY = "entity_id"

NO_END = "0001-01-01T00:00:00Z"
"""Go's zero time: how Alertmanager says that an alert has not ended."""

FIRST_MOMENT = -62_135_596_800
"""The beginning of the year 1, the first that a date can have."""

FIGURES = (
    "peak", "mean", "duration_seconds", "degree_minutes", "readings", "coverage", "gap_seconds", "mkt", "rules_version",
)  # fmt: skip
"""What a record says of its incident beside the message; as annotations, which are text."""

Texts = dict[str, str]


def body(group: Group) -> bytes:
    """Return the post's body: JSON in UTF-8."""
    return json.dumps(payload(group), ensure_ascii=False, separators=(",", ":")).encode()


def payload(group: Group) -> dict[str, Any]:
    """Return what one post says; the alerts are in the topic's order."""
    alerts = [_alert(incident) for incident in group.incidents]
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{GROUPED_BY}={json.dumps(group.entity_id, ensure_ascii=False)}}}",
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": RECEIVER,
        "groupLabels": {GROUPED_BY: group.entity_id},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def fingerprint(incident_id: str) -> str:
    """Return what names an incident over all its posts: 16 hexadecimal digits, as Alertmanager's have."""
    return hashlib.sha256(incident_id.encode()).hexdigest()[:16]


def _alert(incident: IncidentReport) -> dict[str, Any]:
    closed = incident["state"] in OVER
    ended_at = incident.get("closed_at")
    return {
        "status": "resolved" if closed else "firing",
        "labels": _labels(incident),
        "annotations": _annotations(incident),
        "startsAt": _rfc3339(incident["opened_at"]),
        # A record of before 1.1 may lack an end of its own: then when it was said.
        "endsAt": _rfc3339(incident["emitted_at"] if ended_at is None else ended_at) if closed else NO_END,
        "generatorURL": "",
        "fingerprint": fingerprint(incident["incident_id"]),
    }


def _labels(incident: IncidentReport) -> Texts:
    """Return what tells the incident from others, the same in all its records."""
    labels = {
        "alertname": incident["rule"],
        "entity_id": incident["entity_id"],
        "severity": incident["severity"],
        "incident_id": incident["incident_id"],
        "kind": incident["kind"],
    }
    more = {name: incident.get(name) for name in ("stream", "sensor_id")}
    return labels | {name: str(value) for name, value in more.items() if value is not None}


def _annotations(incident: IncidentReport) -> Texts:
    """Return what is reported of the incident now: it changes from record to record."""
    figures = {name: incident.get(name) for name in FIGURES}
    told = {name: _text(value) for name, value in figures.items() if value is not None}
    return {"message": incident["message"], "state": incident["state"]} | told


def _text(value: object) -> str:
    """88.02, but 252 for 252.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rfc3339(epoch_seconds: float) -> str:
    """UTC with milliseconds; a time before the year 1 is the first that there is."""
    if epoch_seconds <= FIRST_MOMENT:
        return NO_END
    at = dt.datetime.fromtimestamp(epoch_seconds, tz=dt.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(texts: Sequence[Mapping[str, str]]) -> Texts:
    first, *others = texts
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
