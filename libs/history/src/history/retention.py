"""What the tables keep: hours and incidents always, minutes and refusals for so many days."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from history import partitions
from history.tables import refusal_minute


def keep(connection: Connection, days: int, now: datetime) -> list[datetime]:
    """Remove the months that are older, and make the next month's partition; return the months that are gone."""
    oldest = now - timedelta(days=days)
    this_month = partitions.month_of(now)
    partitions.make(connection, [this_month, partitions.next_month(this_month)])
    connection.execute(delete(refusal_minute).where(refusal_minute.c.minute < oldest))
    return partitions.drop_before(connection, oldest)
