"""How good the data and the alarms of a period were: what was refused and why, and when incidents began."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from history.period import Period
from history.tables import incident, refusal_minute

NO_ALARM = ("action", "shelf")
"""The kinds of incidents' records that are what people did."""


class Refused(NamedTuple):
    """How many messages of a topic were refused for a reason."""

    topic: str
    reason: str
    n: int


class Opening(NamedTuple):
    """When an incident began, and where."""

    at: datetime
    entity_id: str
    rule: str
    is_over: bool


def refusals(connection: Connection, period: Period) -> list[Refused]:
    """Return what was refused in a period, by Kafka's clock; the most frequent first."""
    n = func.sum(refusal_minute.c.n)
    statement = (
        select(refusal_minute.c.topic, refusal_minute.c.reason, n)
        .where(refusal_minute.c.minute >= period.start, refusal_minute.c.minute < period.end)
        .group_by(refusal_minute.c.topic, refusal_minute.c.reason)
        .order_by(n.desc(), refusal_minute.c.topic, refusal_minute.c.reason)
    )
    return [Refused(*row) for row in connection.execute(statement)]


def openings(connection: Connection, period: Period) -> list[Opening]:
    """Return the incidents that began in a period, and those that began before and are still open; in order."""
    began = incident.c.opened_at >= period.start
    is_over = incident.c.closed_at.is_not(None)
    statement = (
        select(incident.c.opened_at, incident.c.entity_id, incident.c.rule, is_over)
        .where(incident.c.kind.not_in(NO_ALARM), incident.c.opened_at < period.end, began | ~is_over)
        .order_by(incident.c.opened_at)
    )
    return [Opening(*row) for row in connection.execute(statement)]


def database_bytes(connection: Connection) -> int:
    """Return how large the database is."""
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
