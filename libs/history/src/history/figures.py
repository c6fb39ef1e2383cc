"""What a sensor's readings of a period amount to, exactly: from sums, without the readings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Row, Subquery, case, cast, extract, func, select
from sqlalchemy.dialects.postgresql import array

from history.gaps import Gap, Reported, gaps, interval_of, kind_of
from history.intervals import rows_of
from history.kinetic import mean_temperature
from history.period import Period
from history.reports import reports
from history.sensors import sensors_of


@dataclass(frozen=True)
class Figures:
    """Of one sensor and period. `coverage` is the share of the time without a gap, up to now; `mkt` is in °C.

    `seconds_beyond`: by rule, for how long readings were beyond its limit; each holds for the sensor's usual interval.
    `late` counts readings that came long after their time, `kafka_time` those that were judged by Kafka's.
    """

    sensor_id: str
    n: int
    min: float
    min_at: datetime
    max: float
    max_at: datetime
    mean: float
    mkt: float | None
    seconds_beyond: Mapping[str, float]
    interval: float | None
    coverage: float
    gaps: tuple[Gap, ...]
    late: int
    kafka_time: int


def figures(
    connection: Connection, entity_id: str, stream: str, period: Period, *, canary: tuple[str, str] | None = None,
    now: datetime | None = None,
) -> list[Figures]:  # fmt: skip
    """Return the figures of each sensor of a place that reported in a period.

    `canary` is the place and stream of the monitor's own readings, by which its absence is known.
    """
    now = now or datetime.now(UTC)
    names = sensors_of(connection, entity_id, stream)
    if not names:
        return []
    watched = watched_times(connection, canary, period)
    found = _sums(connection, rows_of(list(names), period).subquery())
    result = []
    for row in found:
        reported = reports(connection, row.sensor, period)
        interval = interval_of(reported)
        holes = tuple(Gap(*each, kind_of(each, watched)) for each in gaps(reported, period, now))
        seconds = (min(period.end, now) - period.start).total_seconds()
        result.append(
            Figures(
                sensor_id=names[row.sensor],
                n=row.n,
                min=row.least[0],
                min_at=datetime.fromtimestamp(row.least[1], UTC),
                max=row.greatest[0],
                max_at=datetime.fromtimestamp(-row.greatest[1], UTC),
                mean=row.sum / row.n,
                mkt=None if row.kinetic is None else mean_temperature(row.kinetic, row.n),
                seconds_beyond={rule: n * (interval or 0.0) for rule, n in (row.beyond or {}).items()},
                interval=interval,
                coverage=1 - sum(each.seconds for each in holes) / seconds if seconds > 0 else 0.0,
                gaps=holes,
                late=row.late,
                kafka_time=row.kafka_time,
            )
        )
    return sorted(result, key=lambda each: each.sensor_id)


def watched_times(connection: Connection, canary: tuple[str, str] | None, period: Period) -> list[Reported]:
    """Return when the monitor's own readings came."""
    if canary is None:
        return []
    return [one for each in sensors_of(connection, *canary) for one in reports(connection, each, period)]


def _sums(connection: Connection, rows: Subquery) -> list[Row[Any]]:
    of = rows.c
    statement = select(
        of.sensor,
        func.sum(of.n).label("n"),
        func.sum(of.sum).label("sum"),
        # The least value and, of several such, the earliest: arrays are compared element by element.
        func.min(_pair(of.min, _epoch(of.min_at))).label("least"),
        func.max(_pair(of.max, -_epoch(of.max_at))).label("greatest"),
        # Null as soon as one is: a sum without some of its readings would be another figure.
        case((func.count(of.kinetic) == func.count(), func.sum(of.kinetic))).label("kinetic"),
        func.sum(of.late).label("late"),
        func.sum(of.kafka_time).label("kafka_time"),
        func.added_up(of.beyond).label("beyond"),
    ).group_by(of.sensor)
    found: list[Row[Any]] = [*connection.execute(statement)]
    return found


def _pair(value: ColumnElement[float], at: ColumnElement[float]) -> ColumnElement[Any]:
    both: list[Any] = [value, at]
    return array(both)


def _epoch(moment: ColumnElement[datetime]) -> ColumnElement[float]:
    return cast(extract("epoch", moment), Double)
