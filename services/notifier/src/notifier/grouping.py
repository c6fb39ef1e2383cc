"""Which incidents go out together, and when: one post a warehouse (or machine) and minute.

The first record of a warehouse that was quiet goes out after `GATHER_SECONDS`: an incident that has just been opened is
urgent, and what belongs together (temperature and humidity, say) comes within one of the monitor's batches. After a
post the warehouse's next one is due when the interval is over. What waits longer is put together with what comes
meanwhile, so a webhook that was away does not get a post for each minute of it.

Pure: the caller says what time it is (seconds of a clock that never goes back).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from messages.records import OVER, IncidentReport, is_withheld

GATHER_SECONDS = 1.0

INCIDENTS_A_POST = 500
"""About 400 KB: receivers often refuse more than a megabyte. What is over waits for the warehouse's next post."""

RecordOffset = tuple[int, int]
"""Where a record is in the topic: partition and offset."""


def is_posted(incident: IncidentReport) -> bool:
    """Say whether a record goes out: what people arrange on the page, and what nobody is to hear of, does not."""
    return incident["kind"] != "shelf" and incident["state"] != "refused" and not is_withheld(incident)


@dataclass(frozen=True, slots=True)
class Group:
    """What one post says: one entity's incidents in the topic's order, and where the records of them were."""

    entity_id: str
    incidents: tuple[IncidentReport, ...]
    record_offsets: tuple[RecordOffset, ...]


@dataclass(slots=True)
class _Entry:
    incident: IncidentReport
    record_offsets: list[RecordOffset]


@dataclass(slots=True)
class _Waiting:
    """What waits of one entity, since when."""

    since: float
    entries: list[_Entry] = field(default_factory=list)

    def add(self, incident: IncidentReport, place: RecordOffset) -> None:
        """Take a record, unless it says nothing new.

        The monitor may write what it wrote before, after a crash: an incident opens and closes once, and nothing comes
        after its end. Of several reminders the newest says all.
        """
        same = [entry for entry in self.entries if entry.incident["incident_id"] == incident["incident_id"]]
        told = next((entry for entry in same if entry.incident["state"] == incident["state"]), None)
        ended = next((entry for entry in same if entry.incident["state"] in OVER), None)
        if ended is not None:
            ended.record_offsets.append(place)
        elif told is None:
            self.entries.append(_Entry(incident, [place]))
        elif incident["state"] == "opened":
            told.record_offsets.append(place)
        else:
            self.entries.remove(told)
            self.entries.append(_Entry(incident, [*told.record_offsets, place]))


class Groups:
    """What waits to be posted. `interval` is the seconds between two posts of one entity."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._waiting: dict[str, _Waiting] = {}
        self._not_before: dict[str, float] = {}

    def add(self, incident: IncidentReport, place: RecordOffset, now: float) -> None:
        """Let a record wait for its entity's next post."""
        self._waiting.setdefault(incident["entity_id"], _Waiting(since=now)).add(incident, place)

    def take(self, now: float) -> Group | None:
        """Return what is due, the one that has been due longest first, or None. Say `posted` when it is out."""
        entity_id = min(self._waiting, key=self._due, default=None)
        if entity_id is None or self._due(entity_id) > now:
            return None
        waiting = self._waiting.pop(entity_id)
        taken, rest = waiting.entries[:INCIDENTS_A_POST], waiting.entries[INCIDENTS_A_POST:]
        if rest:
            self._waiting[entity_id] = _Waiting(waiting.since, rest)
        incidents = tuple(entry.incident for entry in taken)
        return Group(entity_id, incidents, tuple(place for entry in taken for place in entry.record_offsets))

    def posted(self, entity_id: str, now: float) -> None:
        """Say that an entity's post is out: its interval begins."""
        self._not_before = {entity: until for entity, until in self._not_before.items() if until > now}
        self._not_before[entity_id] = now + self._interval

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop what came from these partitions: somebody else reads them from now on."""
        gone = set(partitions)
        for entity_id, waiting in list(self._waiting.items()):
            for entry in waiting.entries:
                entry.record_offsets = [place for place in entry.record_offsets if place[0] not in gone]
            waiting.entries = [entry for entry in waiting.entries if entry.record_offsets]
            if not waiting.entries:
                del self._waiting[entity_id]

    def _due(self, entity_id: str) -> float:
        gathered = self._waiting[entity_id].since + GATHER_SECONDS
        return max(gathered, self._not_before.get(entity_id, gathered))
