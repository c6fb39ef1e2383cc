"""When a sensor reported: by the hour, and by the minute where an hour may have a gap in it."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from history.gaps import Reported, allowed_seconds, interval_of
from history.intervals import HOUR, rows_of
from history.period import Period
from history.tables import minute


def reports(connection: Connection, sensor: int, period: Period) -> list[Reported]:
    """Return when a sensor reported in a period, in order, as finely as its gaps ask for."""
    rows = rows_of([sensor], period).subquery()
    found = connection.execute(
        select(rows.c.begin, rows.c.is_hour, rows.c.first_at, rows.c.last_at, rows.c.n).order_by(rows.c.begin)
    ).all()
    coarse = {row.begin: Reported(row.first_at, row.last_at, row.n) for row in found}
    interval = interval_of(list(coarse.values()))
    hours = [row.begin for row in found if row.is_hour and _may_have_a_gap(coarse[row.begin], interval)]
    finer = _minutes(connection, sensor, hours)
    return [one for begin, each in coarse.items() for one in finer.get(begin, [each])]


def _may_have_a_gap(reported: Reported, interval: float | None) -> bool:
    """Say whether so few readings can have a gap between them: all others may have come in a row."""
    if reported.n <= 2 or interval is None:  # noqa: PLR2004 - between two there is one time, which is known
        return reported.n == 2  # noqa: PLR2004
    seconds = (reported.last_at - reported.first_at).total_seconds()
    return seconds - (reported.n - 2) * interval > allowed_seconds(interval)


def _minutes(connection: Connection, sensor: int, hours: list[datetime]) -> dict[datetime, list[Reported]]:
    """Return what the minutes of some hours tell, by the hour. Those that are no longer there tell nothing."""
    if not hours:
        return {}
    begin = func.date_trunc("hour", minute.c.minute, "UTC")
    found = connection.execute(
        select(begin.label("hour"), minute.c.first_at, minute.c.last_at, minute.c.n)
        .where(
            minute.c.sensor == sensor,
            minute.c.minute >= min(hours),
            minute.c.minute < max(hours) + HOUR,
            begin.in_(hours),
        )
        .order_by(minute.c.minute)
    )
    finer: dict[datetime, list[Reported]] = {}
    for row in found:
        finer.setdefault(row.hour, []).append(Reported(row.first_at, row.last_at, row.n))
    return finer
