"""The records about an entity's incidents and silences, as they are in the incidents' topic. No I/O."""

import json
from collections.abc import Callable
from typing import Any, Self

from messages import schemas
from spark_monitor.incidents.wording import late

Record = dict[str, Any]
"""A message of the incidents' topic."""

FIELDS = (
    "incident_id", "kind", "state", "entity_id", "rule", "severity", "opened_at", "closed_at",
    "peak", "mean", "duration_seconds", "degree_minutes", "readings", "coverage", "gap_seconds", "mkt",
    "rules_version", "late", "message", "stream", "topic", "sensor_id", "sensors", "unit", "threshold", "event_time",
    "time_source", "emitted_at", "acknowledged_by", "acknowledged_at", "shelved_until", "action_id", "by", "reason",
    "schema_version",
)  # fmt: skip
"""Of a record, in this order. `event_time` is when that was which made the record (a reading, or the clock),
`emitted_at` the clock when it was made; both in epoch seconds."""


class Journal:
    """What is recorded of one entity while it is worked on; `now` is the clock (epoch seconds)."""

    def __init__(self, entity_id: str, rules_version: str, now: float, *, is_late: bool = False) -> None:
        self.entity_id = entity_id
        self.now = now
        self.records: list[Record] = []
        self.on_record: Callable[[Record], Record] = lambda record: record
        """What becomes of each record that is added."""
        self.needs_no_reminder: Callable[[str], bool] = lambda _incident_id: False
        """Whether somebody looks after an incident."""
        self._version = rules_version
        self._is_late = is_late

    def of_late_readings(self) -> Self:
        """Return another one, whose records are of readings that came late."""
        return type(self)(self.entity_id, self._version, self.now, is_late=True)

    def add(self, **given: Any) -> None:  # noqa: ANN401 - a record's fields
        """Add a record; the fields that are not given are null."""
        everywhere = {
            "entity_id": self.entity_id,
            "rules_version": self._version,
            "emitted_at": self.now,
            "schema_version": schemas.VERSION,
        }
        if self._is_late:
            given |= {"late": True, "message": late(given["message"])}
        self.put(dict.fromkeys(FIELDS) | everywhere | given)

    def put(self, record: Record) -> None:
        """Add a record that is whole."""
        self.records.append(self.on_record(record))

    def incident_id(self, what: str, since: float, sensor: str | None = None) -> str:
        """Return what tells an incident from all others, the same at each repetition."""
        return "-".join([what, self.entity_id, *([] if sensor is None else [sensor]), str(round(since * 1000))])


def to_json(record: Record) -> str:
    """Return a record as it is in the topic. Raises ValueError for a number that JSON does not have."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Record:
    """Return a record from its text."""
    record: Record = json.loads(text)
    return record
