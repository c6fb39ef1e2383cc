"""The months of the minutes: a partition each, made before its first minute, removed as a whole when it is too old."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

PREFIX = "minute_"


def month_of(moment: datetime) -> datetime:
    """Return when the month of a moment began, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return when the month behind another begins."""
    return month_of(month + timedelta(days=31))


def months_of(connection: Connection) -> list[datetime]:
    """Return the months that have a partition, in order."""
    names = connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'minute'::regclass")
    ).scalars()
    return sorted(datetime.strptime(name.removeprefix(PREFIX) + "+0000", "%Y_%m%z") for name in names)


def make(connection: Connection, months: Iterable[datetime]) -> None:
    """Make the partitions of some months that are not there yet."""
    for month in sorted(set(months) - set(months_of(connection))):
        bounds = f"FROM ('{month.isoformat()}') TO ('{next_month(month).isoformat()}')"
        connection.execute(text(f"CREATE TABLE {_name(month)} PARTITION OF minute FOR VALUES {bounds}"))


def drop_before(connection: Connection, oldest: datetime) -> list[datetime]:
    """Remove the months that ended before a moment; return them."""
    old = [month for month in months_of(connection) if next_month(month) <= oldest]
    for month in old:
        connection.execute(text(f"DROP TABLE {_name(month)}"))
    return old


def _name(month: datetime) -> str:
    return f"{PREFIX}{month:%Y_%m}"
