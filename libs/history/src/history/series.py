"""What a sensor measured, as so many points that a chart can show, with its gaps. No peak is lost by the thinning."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select, text

from history.figures import watched_times
from history.gaps import Gap, Reported, gaps, kind_of
from history.intervals import HOUR
from history.period import Period
from history.sensors import sensors_of
from history.tables import hour, minute

MINUTES_AT_MOST = timedelta(days=3)
"""A longer period is shown by the hour, and so is one whose points are hours apart."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured from `at` for a point's time: the least, the mean and the greatest of `n` readings."""

    at: datetime
    min: float
    mean: float
    max: float
    n: int


@dataclass(frozen=True)
class Series:
    """A sensor's points in order; where there was no reading there is no point. Between them no line crosses a gap."""

    sensor_id: str
    points: tuple[Point, ...]
    gaps: tuple[Gap, ...]


def series(
    connection: Connection, entity_id: str, stream: str, period: Period, points: int, *,
    canary: tuple[str, str] | None = None, now: datetime | None = None,
) -> list[Series]:  # fmt: skip
    """Return a series of at most so many points for each sensor of a place that reported in a period.

    `canary` is the place and stream of the monitor's own readings, by which its absence is known.
    """
    now = now or datetime.now(UTC)
    names = sensors_of(connection, entity_id, stream)
    table, width = resolution(period, points)
    begin = table.c[table.name]
    rows = connection.execute(
        select(table.c.sensor, *thinned_columns(table, width, period.start))
        .where(table.c.sensor.in_(list(names)), begin >= period.start, begin < period.end)
        .group_by(table.c.sensor, text("2"))
        .order_by(table.c.sensor, text("2"))
    ).all()
    thinned: dict[int, list[Point]] = {}
    for row in rows:
        thinned.setdefault(row.sensor, []).append(Point(*row[1:]))
    watched = watched_times(connection, canary, period)
    found = []
    for number, its_points in thinned.items():
        holes = gaps(_reported(connection, table, number, period), period, now)
        found.append(
            Series(names[number], tuple(its_points), tuple(Gap(*each, kind_of(each, watched)) for each in holes))
        )
    return sorted(found, key=lambda each: each.sensor_id)


def resolution(period: Period, points: int) -> tuple[Table, timedelta]:
    """Return from which table a period is shown with at most so many points, and how long a point is."""
    length = period.end - period.start
    table, unit = (minute, timedelta(minutes=1)) if length <= MINUTES_AT_MOST else (hour, HOUR)
    return table, max(unit, unit * -(-length // (unit * points)))


def thinned_columns(table: Table, width: timedelta, origin: datetime) -> list[ColumnElement[Any]]:
    """Return what a `Point` has, in its order, of rows that are grouped by the first, `at`."""
    return [
        func.date_bin(width, table.c[table.name], origin).label("at"),
        func.min(table.c.min).label("min"),
        (func.sum(table.c.sum) / func.sum(table.c.n)).label("mean"),
        func.max(table.c.max).label("max"),
        func.sum(table.c.n).label("n"),
    ]


def _reported(connection: Connection, table: Table, sensor: int, period: Period) -> list[Reported]:
    begin = table.c[table.name]
    rows = connection.execute(
        select(table.c.first_at, table.c.last_at, table.c.n)
        .where(table.c.sensor == sensor, begin >= period.start, begin < period.end)
        .order_by(begin)
    )
    return [Reported(*row) for row in rows]
