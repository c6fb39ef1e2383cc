"""The rows of a period: whole hours from the hours, the rest from the minutes."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, Table, and_, literal, or_, select, union_all
from sqlalchemy.sql.expression import CompoundSelect

from history.period import Period
from history.tables import hour, minute

HOUR = timedelta(hours=1)


def whole_hours(period: Period) -> Period | None:
    """Return the whole hours of a period (UTC), None if there is none."""
    start = _hour_of(period.start)
    start += HOUR if start < period.start else timedelta()
    end = _hour_of(period.end)
    return Period(start, end) if start < end else None


def rows_of(sensors: list[int], period: Period) -> CompoundSelect[tuple[object, ...]] | Select[tuple[object, ...]]:
    """Return the statement of all rows of a period: `begin`, `is_hour`, and what minutes and hours have in common.

    A minute that a period cuts counts where it begins.
    """
    hours = whole_hours(period)
    if hours is None:
        return _select(minute, sensors, _within(minute.c.minute, period))
    edges = or_(
        and_(minute.c.minute >= period.start, minute.c.minute < hours.start),
        and_(minute.c.minute >= hours.end, minute.c.minute < period.end),
    )
    return union_all(_select(hour, sensors, _within(hour.c.hour, hours)), _select(minute, sensors, edges))


def _select(table: Table, sensors: list[int], when: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    begin = table.c[table.name]
    others = [each for each in table.columns if each is not begin]
    return select(begin.label("begin"), literal(table is hour).label("is_hour"), *others).where(
        table.c.sensor.in_(sensors), when
    )


def _within(column: ColumnElement[datetime], period: Period) -> ColumnElement[bool]:
    return and_(column >= period.start, column < period.end)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
