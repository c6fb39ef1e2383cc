"""What all places measured lately, thinned alike: for a small chart of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text

from history.series import Point, thinned_columns
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
        select(sensor.c.entity_id, sensor.c.stream, *thinned_columns(minute, width, origin))
        .join(sensor, sensor.c.id == minute.c.sensor)
        .where(minute.c.minute >= since)
        .group_by(sensor.c.entity_id, sensor.c.stream, text("3"))
        .order_by(text("3"))
    )
    return [Recent(row.entity_id, row.stream, Point(*row[2:])) for row in rows]
