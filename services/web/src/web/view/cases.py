"""Incidents as they are shown: in a list, and one with its life. Pure. The sentences about each are the log's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

from messages.records import OVER, IncidentReport
from web.view import numbers
from web.view.levels import of_severity
from web.view.overview import Setting, peak_of

SHELF = "shelf"
"""The kind of a record about what nobody is told of now."""

MARKS = {"silence": "silent", "clock": "clock", "fault": "stuck", "action": "comment"}
STATE_MARKS = {
    "opened": "warning",
    "reminder": "warning",
    "unknown": "unknown",
    "commented": "comment",
    "shelved": "shelved",
    "unshelved": "shelved",
}


@dataclass(frozen=True)
class Case:
    """An incident in a list."""

    id: str
    url: str
    place: str
    label: str
    level: str
    mark: str
    begun: str
    lasted: str
    peak: str
    more: str
    state: str
    is_over: bool
    acknowledged: str
    rule: str
    """Of a limit, which may be shelved; empty of anything else."""
    stream: str
    sensor: str
    """The sensor that something is wrong with, if that is what it is about."""
    can_acknowledge: bool


@dataclass(frozen=True)
class Event:
    """What was said of an incident at some time."""

    iso: str
    time: str
    mark: str
    level: str
    word: str
    text: str
    by: str
    quote: str


@dataclass(frozen=True)
class Detail:
    """An incident with all that is known of it."""

    case: Case
    facts: tuple[tuple[str, str, str], ...]
    life: tuple[Event, ...]


def case(incident: IncidentReport, setting: Setting, now: float) -> Case:
    """Return an incident as a line."""
    is_over = incident["state"] in OVER
    end = (incident.get("closed_at") or incident["emitted_at"]) if is_over else now
    is_limit = incident["kind"] == "threshold"
    stream = setting.rules.streams.get(incident.get("stream") or "")
    level = of_severity(incident["severity"]).word if is_limit else "unknown"
    mark = "acknowledged" if is_over else level if is_limit else MARKS.get(incident["kind"], "unknown")
    return Case(
        id=incident["incident_id"],
        url=f"/insiden?id={quote(incident['incident_id'], safe='')}",
        place=incident["entity_id"],
        label=_label(incident, stream.label if stream else "", setting),
        level="closed" if is_over else level,
        mark=mark,
        begun=setting.moment(incident["opened_at"], now),
        lasted=numbers.duration(end - incident["opened_at"], setting.language),
        peak=peak_of(incident, setting),
        more=_more(incident, setting),
        state=setting.word("over" if is_over else "still_open"),
        is_over=is_over,
        acknowledged=_acknowledged(incident, setting, now, is_over=is_over),
        rule=incident["rule"] if is_limit else "",
        stream=incident.get("stream") or "",
        sensor="" if is_limit else incident.get("sensor_id") or "",
        can_acknowledge=not (is_over or incident.get("acknowledged_by")),
    )


@dataclass(frozen=True)
class Shelf:
    """A rule of a place whose incidents nobody is told of now."""

    place: str
    rule: str
    label: str
    until: str
    text: str


def shelves(incidents: Iterable[IncidentReport], setting: Setting, now: float) -> list[Shelf]:
    """Return the shelves among what is open, the one that ends first before the others."""
    found = sorted((each for each in incidents if each["kind"] == SHELF), key=lambda each: each["shelved_until"] or 0)
    return [
        Shelf(
            place=each["entity_id"],
            rule=each["rule"],
            label=stream.label if (stream := setting.rules.streams.get(each.get("stream") or "")) else each["rule"],
            until=setting.word("until", when=setting.moment(each["shelved_until"] or 0, now)),
            text=_quoted(each, setting),
        )
        for each in found
    ]


def _quoted(record: IncidentReport, setting: Setting) -> str:
    said = setting.word("by", who=record.get("by") or "–")
    return f"{said}: “{reason}”" if (reason := record.get("reason")) else said


def _acknowledged(incident: IncidentReport, setting: Setting, now: float, *, is_over: bool) -> str:
    by, at = incident.get("acknowledged_by"), incident.get("acknowledged_at")
    if by and at:
        return setting.word("acknowledged_by", who=by, when=setting.moment(at, now))
    return "" if is_over else setting.word("not_acknowledged")


def detail(incident: IncidentReport, events: Iterable[IncidentReport], setting: Setting, now: float) -> Detail:
    """Return an incident with its figures and its life, the newest first."""
    shown = case(incident, setting, now)
    word, language = setting.word, setting.language
    facts = [(word("lasted"), shown.lasted, "" if shown.is_over else word("still_open"))]
    if incident["kind"] == "threshold":
        facts.append((word("peak"), shown.peak, ""))
        if (limit := incident.get("threshold")) is not None:
            facts.append((word("limit_word"), f"{numbers.limit(limit, language)} {incident.get('unit') or ''}", ""))
        if (mean := incident.get("mean")) is not None:
            facts.append((word("mean"), f"{numbers.number(mean, 2, language)} {incident.get('unit') or ''}", ""))
        if (mkt := incident.get("mkt")) is not None:
            facts.append(("MKT", f"{numbers.number(mkt, 2, language)} °C", word("mkt_more")))
        if (degrees := incident.get("degree_minutes")) is not None:
            facts.append((word("degree_minutes"), numbers.number(degrees, 1, language), ""))
        if (coverage := incident.get("coverage")) is not None:
            gap = numbers.duration_in_full(incident.get("gap_seconds") or 0, language)
            facts.append(
                (word("coverage"), f"{numbers.number(coverage * 100, 1, language)} %", word("gap", seconds=gap))
            )
    if names := incident.get("sensors") or [name for name in [incident.get("sensor_id")] if name]:
        facts.append((word("sensor"), str(len(names)), ", ".join(filter(None, names))))
    return Detail(shown, tuple(facts), tuple(_event(each, setting) for each in reversed([*events])))


def open_ones(incidents: Iterable[IncidentReport], setting: Setting, now: float) -> list[Case]:
    """Return incidents as lines, the most severe first, of those the oldest."""
    in_order = sorted(incidents, key=lambda each: (each["severity"] != "critical", each["opened_at"]))
    return [case(each, setting, now) for each in in_order]


def of_limits(incidents: Sequence[IncidentReport]) -> list[IncidentReport]:
    """Return those that are of a limit."""
    return [each for each in incidents if each["kind"] == "threshold"]


def of_sensors(incidents: Sequence[IncidentReport]) -> list[IncidentReport]:
    """Return those that are of sensors and sources."""
    return [each for each in incidents if each["kind"] not in {"threshold", SHELF}]


def _label(incident: IncidentReport, stream: str, setting: Setting) -> str:
    if incident["kind"] == "threshold":
        return stream or incident["rule"]
    sensor = incident.get("sensor_id") or stream.lower()
    return " ".join(filter(None, [sensor, setting.word(f"kind_{incident['kind']}")]))


def _more(incident: IncidentReport, setting: Setting) -> str:
    limit = incident.get("threshold")
    if incident["kind"] != "threshold" or limit is None:
        return incident["message"]
    said = f"{numbers.limit(limit, setting.language)} {incident.get('unit') or ''}"
    return setting.word("peak_limit", peak=peak_of(incident, setting), limit=said)


def _event(record: IncidentReport, setting: Setting) -> Event:
    state = record["state"]
    return Event(
        iso=_iso(record["emitted_at"]),
        time=numbers.clock(record["emitted_at"], setting.zone),
        mark=STATE_MARKS.get(state, "acknowledged"),
        level=of_severity(record["severity"]).word if state == "opened" and record["kind"] == "threshold" else "",
        word=setting.word(f"state_{state}"),
        text=record["message"],
        by=setting.word("by", who=by) if (by := record.get("by")) else "",
        quote=record.get("reason") or "",
    )


def _iso(at: float) -> str:
    local = numbers.local_time(at, ZoneInfo("UTC"))
    return "" if local is None else local.isoformat()
