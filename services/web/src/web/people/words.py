"""What a person's form says -> a record of the actions' topic. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from messages.actions import to_json
from messages.records import Action
from messages.records import action as action_record

OF_AN_INCIDENT: Final = ("acknowledge", "comment", "close")
NEEDS_A_REASON: Final = frozenset({"comment", "close", "shelve", "retire"})
SHELF_MINUTES: Final = (30, 60, 240, 480)
"""What is offered; another time is asked for as `until`."""


class WordError(ValueError):
    """What a form says is no action; the text is the name of a word."""


def action_of(form: Mapping[str, str], by: str, now: float, zone: ZoneInfo) -> Action:
    """Return what a form asks for. Raises WordError. Times without an offset are those of the zone."""
    name = form.get("action", "")
    reason = form.get("reason", "").strip()
    if name in NEEDS_A_REASON and not reason:
        raise WordError("needs_reason")
    fields: dict[str, Any] = {
        "action_id": form.get("action_id", ""), "action": name, "entity_id": form.get("entity_id", ""), "by": by,
        "at": now, "reason": reason,
    }  # fmt: skip
    if name in OF_AN_INCIDENT:
        fields["incident_id"] = form.get("incident_id", "")
    elif name in {"shelve", "unshelve"}:
        fields["rule"] = form.get("rule", "")
        if name == "shelve":
            fields["until"] = _until(form, now, zone)
    elif name == "retire":
        fields |= {"stream": form.get("stream") or None, "sensor_id": form.get("sensor_id") or None}
    else:
        raise WordError("no_action")
    try:
        return action_record(to_json(fields))
    except ValueError as error:
        raise WordError("no_action") from error


def _until(form: Mapping[str, str], now: float, zone: ZoneInfo) -> float:
    try:
        if text := form.get("until", "").strip():
            given = datetime.fromisoformat(text)
            until = (given if given.tzinfo else given.replace(tzinfo=zone)).timestamp()
        else:
            until = now + 60 * int(form.get("minutes", ""))
    except (ValueError, OverflowError) as error:
        raise WordError("needs_until") from error
    if not until > now:
        raise WordError("needs_until")
    return until
