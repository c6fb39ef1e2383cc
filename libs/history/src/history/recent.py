"""What all places measured lately, thinned alike: for a small chart of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from history.series import Point
from history.tables import minute, sensor


@dataclass(frozen=True, slots=True)
class Recent:
    """A point of a place and stream, of all its sensors together."""

    entity_id: str
    stream: str
    point: Point


def recent(connection: Connection, since: datetime, width: timedelta, origin: datetime) -> list[Recent]:
    """Return the points of all places from `since` on, each `width` long, counted from `origin`."""
    rows = connection.execute(
        select(
            sensor.c.entity_id,
            sensor.c.stream,
            func.date_bin(width, minute.c.minute, origin).label("at"),
            func.min(minute.c.min).label("min"),
            (func.sum(minute.c.sum) / func.sum(minute.c.n)).label("mean"),
            func.max(minute.c.max).label("max"),
            func.sum(minute.c.n).label("n"),
        )
        .join(sensor, sensor.c.id == minute.c.sensor)
        .where(minute.c.minute >= since)
        .group_by(sensor.c.entity_id, sensor.c.stream, text("3"))
        .order_by(text("3"))
    )
    return [Recent(row.entity_id, row.stream, Point(row.at, row.min, row.mean, row.max, row.n)) for row in rows]
