"""The incidents that there were, and what was said of each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, or_, select

from history.period import Period
from history.tables import incident, incident_event

Record = dict[str, Any]
"""A record of the incidents' topic: `messages.records.IncidentReport`."""


def incidents(
    connection: Connection, period: Period, entity_id: str | None = None, at_most: int = 1000
) -> list[Record]:
    """Return the last record of each incident that was open in a period, the newest first; of one place or of all."""
    statement = select(incident.c.record).where(
        incident.c.opened_at < period.end,
        or_(incident.c.closed_at.is_(None), incident.c.closed_at >= period.start),
    )
    if entity_id is not None:
        statement = statement.where(incident.c.entity_id == entity_id)
    statement = statement.order_by(incident.c.opened_at.desc(), incident.c.incident_id).limit(at_most)
    return list(connection.execute(statement).scalars())


def events(connection: Connection, incident_ids: Sequence[str]) -> list[Record]:
    """Return all records of some incidents in the order in which they were said."""
    statement = (
        select(incident_event.c.record)
        .where(incident_event.c.incident_id.in_(incident_ids))
        .order_by(incident_event.c.event_time, incident_event.c.topic_partition, incident_event.c.topic_offset)
    )
    return list(connection.execute(statement).scalars())
