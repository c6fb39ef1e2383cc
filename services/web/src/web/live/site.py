"""What is known now of the places, record by record. No Kafka, no clock of its own. Times are epoch seconds."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from messages.records import OVER, Heartbeat, IncidentReport, Status
from rules.model import Rules

PULSES = 60
"""How many of the canary's readings are shown."""

REFUSED_SHOWN = 10

PLACES_AT_MOST = 20_000
"""A sender may invent names; what comes of it must not fill the memory."""


@dataclass(slots=True)
class Side:
    """A stream's value in a status, and when it was measured; None where it is missing, or was never told.

    `received_at` is when Kafka got it.
    """

    value: float | None = None
    at: float | None = None
    received_at: float = 0.0


@dataclass(slots=True)
class Place:
    """What is known of a place: its sides by stream, the words of its statuses, its open incidents by id.

    `seen_at` is when Kafka got the last result about it. `is_combined`: it has a status, or should; of another place,
    such as a machine, nothing is known but its incidents.
    """

    entity_id: str
    is_combined: bool = False
    sides: dict[str, Side] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    incidents: dict[str, IncidentReport] = field(default_factory=dict)
    seen_at: float = 0.0
    version: int = 0
    """It grows with each record about the place."""

    @property
    def beyond(self) -> list[IncidentReport]:
        """The open incidents that are of a limit."""
        return [each for each in self.incidents.values() if each["kind"] == "threshold"]


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that was refused: when Kafka got it, why, where it stood, and how it begins."""

    at: float
    reason: str
    detail: str
    place: str
    message: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """A reading of the canary that came back as an alert: when it was sent, and how long that took (seconds)."""

    sent_at: float
    seconds: float


class Site:
    """All places. `causes` are open silences of a whole topic or of Kafka: nobody knows how their places are."""

    def __init__(self, rules: Rules) -> None:
        self.places: dict[str, Place] = {}
        self.causes: dict[str, IncidentReport] = {}
        self.pulses: deque[Pulse] = deque(maxlen=PULSES)
        self.last_closed: IncidentReport | None = None
        self.refused: deque[RefusedMessage] = deque(maxlen=REFUSED_SHOWN)
        self.incident_version = 0
        """It grows with each record about incidents."""
        self.left_out = 0
        """How many results were of more places than are kept."""
        self._streams = {name: status.streams for name, status in rules.statuses.items()}
        self._combined = frozenset(rules.combined_streams)

    def take_status(self, status: Status, written_at: float) -> str | None:
        """Take a combined status; return the place that changed, None if there is newer news."""
        place = self._place(status["entity_id"])
        if place is None:
            return None
        known = place.statuses.get(status["rule"])
        # A backlog's statuses complete the past.
        if known is not None and status["event_time"] < known["event_time"]:
            return None
        place.is_combined = True
        place.statuses[status["rule"]] = status
        place.seen_at = max(place.seen_at, written_at)
        figures: Mapping[str, Any] = status
        for stream in self._streams.get(status["rule"], ()):
            side = place.sides.setdefault(stream, Side())
            side.value = figures.get(stream)
            if (age := figures.get(f"{stream}_age_seconds")) is not None:
                side.at = status["event_time"] - age
                came = status["received_at"] - (0.0 if stream == status["stream"] else age)
                side.received_at = max(side.received_at, came)
        return place.entity_id

    def take_incident(self, incident: IncidentReport) -> str | None:
        """Take what is told of an incident; return its place, None where it has none or is of a larger cause."""
        found = self._incidents_with(incident)
        if found is None:
            return None
        entity, incidents = found
        self.incident_version += 1
        name = incident["incident_id"]
        if incident["state"] not in OVER:
            # With the same time the later record is the newer one.
            if name not in incidents or incidents[name]["emitted_at"] <= incident["emitted_at"]:
                incidents[name] = incident
            return entity
        incidents.pop(name, None)
        if incident["kind"] == "threshold" and (
            self.last_closed is None or _end(incident) >= _end(self.last_closed)
        ):  # fmt: skip
            self.last_closed = incident
        return entity

    def take_heartbeat(self, heartbeat: Heartbeat, written_at: float) -> None:
        """Take a reading of the canary that came back."""
        sent_at = heartbeat["value"] / 1000
        if not self.pulses or sent_at > self.pulses[-1].sent_at:
            self.pulses.append(Pulse(sent_at, max(0.0, written_at - sent_at)))

    def know(self, entity_id: str) -> None:
        """Note that there is such a place, though nothing is told of it now."""
        if (place := self._place(entity_id)) is not None:
            place.is_combined = True

    def _incidents_with(self, incident: IncidentReport) -> tuple[str | None, dict[str, IncidentReport]] | None:
        """Return where an incident belongs: its place, None for a larger cause, and the open ones there."""
        if incident["kind"] == "silence" and incident.get("stream") is None:
            return None, self.causes
        place = self._place(incident["entity_id"])
        if place is None:
            return None
        place.is_combined |= incident.get("stream") in self._combined
        return place.entity_id, place.incidents

    def _place(self, entity_id: str) -> Place | None:
        place = self.places.get(entity_id)
        if place is None:
            if len(self.places) >= PLACES_AT_MOST:
                self.left_out += 1
                return None
            place = self.places[entity_id] = Place(entity_id)
        place.version += 1
        return place


def _end(incident: IncidentReport) -> float:
    return incident.get("closed_at") or incident["emitted_at"]
