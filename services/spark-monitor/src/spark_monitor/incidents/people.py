"""What people say about an entity's incidents: they acknowledge, comment, close, and shelve a rule. No I/O, no Spark.

What is told of an incident is remembered while it is open, so that a person's word about it is a whole record, and what
they said stands in every later one. An acknowledged incident is not reminded of. One of a shelved rule is recorded, and
nobody is told of it until the shelf's end.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from messages.records import BY_PEOPLE, OVER, Action
from spark_monitor.incidents.records import Journal, Record
from spark_monitor.incidents.state import EntityState, Shelf
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.wording import PersonsWord, Saying, without_effect

SHELF = "shelf"
"""The `kind` of a record about a shelf, which is open as an incident is."""

ACT = "tindakan"
"""The `rule` of a record about a word that had no effect."""

LONGEST_SHELF_SECONDS = 7 * 86_400
"""What nobody hears of for longer is no shelf: the rule is to be changed, or the sensor to be retired."""

REMEMBERED = 50
"""So many actions of an entity are known again, should they be in the topic twice."""


IS_OVER = "insiden sudah selesai atau tidak dikenal"
IS_PAST = "waktu tunda sudah lewat"
IS_NOT_SHELVED = "tidak sedang ditunda"
HAS_NO_RULE = "aturan itu tidak ada"
IS_NO_LIMIT = "gangguan sensor berakhir bila sensornya dilepas"
"""Why a word has no effect."""


class People:
    """What was said of one entity, kept in its state."""

    def __init__(self, state: EntityState, journal: Journal, saying: Saying, stream_of: Mapping[str, str]) -> None:
        """`journal` gets the records, and asks what is known of each. `stream_of`: the stream of each rule."""
        self._state = state
        self._journal = journal
        self._saying = saying
        self._stream_of = stream_of
        journal.on_record, journal.needs_no_reminder = self.note, self.is_acknowledged

    def note(self, record: Record) -> Record:
        """Return a record with what people said of its incident, and remember it."""
        name, known = record["incident_id"], self._state.told.get(record["incident_id"])
        if known is not None and record["state"] not in BY_PEOPLE:
            record |= {each: known[each] for each in ("acknowledged_by", "acknowledged_at")}
        if record["kind"] == "threshold" and (shelf := self._state.shelves.get(record["rule"])) is not None:
            record["shelved_until"] = shelf.until
        if record["state"] in OVER:
            self._state.told.pop(name, None)
        else:
            self._state.told[name] = record
        return record

    def is_acknowledged(self, incident_id: str) -> bool:
        """Say whether somebody looks after an incident."""
        known = self._state.told.get(incident_id)
        return known is not None and known["acknowledged_by"] is not None

    def take(self, action: Action) -> Record | None:
        """Do what an action says, if that is about people alone; return the incident that it would close.

        An action that was taken before does nothing: a click may be in the topic twice. Raises ValueError.
        """
        if action["action_id"] in self._state.acted:
            return None
        self._state.acted = [*self._state.acted, action["action_id"]][-REMEMBERED:]
        if action["action"] in {"shelve", "unshelve"}:
            self._arrange_shelf(action)
            return None
        incident = self._state.told.get(_given(action, "incident_id"))
        if incident is None or incident["kind"] == SHELF:
            self.refuse(action, IS_OVER)
        elif action["action"] == "acknowledge":
            self._acknowledge(incident, action)
        elif action["action"] == "comment":
            self._say(incident, "commented", action, self._saying.commented(incident, word_of(action)))
        elif incident["kind"] != "threshold":
            self.refuse(action, IS_NO_LIMIT)
        else:
            return incident
        return None

    def refuse(self, action: Action, why: str) -> None:
        """Record that a word had no effect."""
        self._journal.add(
            incident_id=f"{ACT}-{action['action_id']}", kind="action", state="refused", rule=ACT, severity="info",
            opened_at=action["at"], closed_at=action["at"], event_time=self._journal.now,
            message=without_effect(self._journal.entity_id, why, word_of(action)), **_said(action),
        )  # fmt: skip

    def timers(self) -> Iterator[Timer]:
        """Yield when shelves end."""
        for rule, shelf in list(self._state.shelves.items()):
            yield Timer(shelf.until, partial(self._end_shelf, rule, None))

    def _acknowledge(self, incident: Record, action: Action) -> None:
        """Somebody looks after an incident. The first who says so does; another one's word is a comment."""
        if incident["acknowledged_by"]:
            self._say(incident, "commented", action, self._saying.acknowledged_too(incident, word_of(action)))
            return
        incident = incident | {"acknowledged_by": action["by"], "acknowledged_at": self._journal.now}
        self._say(incident, "acknowledged", action, self._saying.acknowledged(incident, word_of(action)))

    def _say(self, incident: Record, state: str, action: Action, message: str) -> None:
        now = self._journal.now
        own = {"state": state, "message": message, "event_time": now, "emitted_at": now}
        self._journal.put(incident | own | _said(action))
        # What comes next is not this person's.
        self._state.told[incident["incident_id"]] = incident

    def _arrange_shelf(self, action: Action) -> None:
        rule, now = _given(action, "rule"), self._journal.now
        shelf = self._state.shelves.get(rule)
        if rule not in self._stream_of:
            self.refuse(action, HAS_NO_RULE)
        elif action["action"] == "unshelve":
            if shelf is None:
                self.refuse(action, IS_NOT_SHELVED)
            else:
                self._end_shelf(rule, action)
        elif (until := min(float(_given(action, "until")), now + LONGEST_SHELF_SECONDS)) <= now:
            self.refuse(action, IS_PAST)
        else:
            # A shelf that there is lasts until the new time.
            self._state.shelves[rule] = shelf = Shelf(now if shelf is None else shelf.since, until)
            entity, stream = self._journal.entity_id, self._stream_of[rule]
            message = self._saying.shelved(entity, stream, until, word_of(action))
            self._record_shelf(rule, shelf, "shelved", message, action)

    def _end_shelf(self, rule: str, action: Action | None) -> None:
        """Tell of the rule's incidents again, and of those that are open."""
        shelf = self._state.shelves.pop(rule)
        still_open = [each for each in self._state.told.values() if each["rule"] == rule and each["kind"] != SHELF]
        word = None if action is None else word_of(action)
        stream = self._stream_of.get(rule, "")
        message = self._saying.unshelved(self._journal.entity_id, stream, len(still_open), word)
        self._record_shelf(rule, shelf, "unshelved", message, action)
        for each in still_open:
            # Nobody was told of it: an acknowledgement does not hold it back.
            news = each | {"state": "reminder", "shelved_until": None, "emitted_at": self._journal.now}
            self._state.told[each["incident_id"]] = news
            self._journal.records.append(news)

    def _record_shelf(self, rule: str, shelf: Shelf, state: str, message: str, action: Action | None) -> None:
        now = self._journal.now
        self._journal.add(
            incident_id=self._journal.incident_id(f"{SHELF}-{rule}", shelf.since), kind=SHELF, state=state, rule=rule,
            severity="info", opened_at=shelf.since, closed_at=now if state in OVER else None, event_time=now,
            stream=self._stream_of.get(rule), shelved_until=shelf.until, message=message, **_said(action),
        )  # fmt: skip


def word_of(action: Action) -> PersonsWord:
    """Return who said it, and why."""
    return PersonsWord(action["by"], action["reason"])


def _said(action: Action | None) -> dict[str, str | None]:
    if action is None:
        return {}
    return {"action_id": action["action_id"], "by": action["by"], "reason": action["reason"] or None}


def _given(action: Action, name: str) -> Any:  # noqa: ANN401 - what the field has
    found = action.get(name)
    if found is None:
        raise ValueError(f"{action['action']}: expected {name}")
    return found
