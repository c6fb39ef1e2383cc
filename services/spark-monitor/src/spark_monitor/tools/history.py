"""Shows what the history has of a place and day: a table with a chart, or CSV. Lines are for people, in Indonesian."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from history.figures import Figures, figures
from history.gaps import Gap
from history.period import Period
from history.series import Point, Series, series
from rules import canary
from rules.model import Rules, Stream

MINUTE, HOUR = 60, 3600
"""Seconds. A day has so many of them, or one hour more or less where the clocks change."""

CHART_WIDTH = 40
WHY = {"sensor": "sensor tidak mengirim", "system": "sistem mati"}
CANARY = (canary.ENTITY, canary.NAME)


def report(engine: Engine, rules: Rules, place: str, stream: str, period: Period, *, zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of each sensor of a place. Raises SQLAlchemyError."""
    with engine.connect() as connection:
        found = series(connection, place, stream, period, round(period.seconds / HOUR), canary=CANARY)
        amounts = {each.sensor_id: each for each in figures(connection, place, stream, period, canary=CANARY)}
    for each in found:
        yield from sensor_lines(each, amounts[each.sensor_id], rules.streams[stream], zone)


def as_csv(engine: Engine, place: str, stream: str, period: Period, *, zone: ZoneInfo) -> Iterator[str]:
    """Yield CSV: a header, and a line for each sensor and minute. Raises SQLAlchemyError."""
    yield _csv(["sensor_id", "time", "n", "min", "mean", "max"])
    with engine.connect() as connection:
        for each in series(connection, place, stream, period, round(period.seconds / MINUTE)):
            for point in each.points:
                at = point.at.astimezone(zone).isoformat(timespec="seconds")
                yield _csv([each.sensor_id, at, point.n, point.min, point.mean, point.max])


def sensor_lines(shown: Series, amounts: Figures, stream: Stream, zone: ZoneInfo) -> Iterator[str]:
    """Yield a sensor's figures, and a row with a bar for each hour and gap, in their order."""
    form = stream.value_format
    yield f"Sensor {shown.sensor_id or '(tanpa nama)'}: {stream.label} ({stream.unit})"
    yield (
        f"  {amounts.n} bacaan, rata-rata {form % amounts.mean}, "
        f"terendah {form % amounts.min} ({_clock(amounts.min_at, zone)}), "
        f"tertinggi {form % amounts.max} ({_clock(amounts.max_at, zone)})"
        + ("" if amounts.mkt is None else f", MKT {amounts.mkt:.2f}")
    )
    yield f"  cakupan {amounts.coverage:.1%}" + "".join(
        f", {rule}: {_lasting(seconds)}" for rule, seconds in sorted(amounts.seconds_beyond.items())
    )
    rows: list[tuple[datetime, str]] = [
        (each.at, point_line(each, amounts.min, amounts.max, form, zone)) for each in shown.points
    ]
    rows += [(each.start, gap_line(each, zone)) for each in amounts.gaps]
    yield from (line for _, line in sorted(rows))


def point_line(point: Point, least: float, greatest: float, form: str, zone: ZoneInfo) -> str:
    """Return the row of a point: its figures, and a bar from its least to its greatest value between two bounds."""
    span = (greatest - least) or 1.0

    def column(value: float) -> int:
        return round((value - least) / span * (CHART_WIDTH - 1))

    first, last, mean = column(point.min), column(point.max), column(point.mean)
    bar = "".join("█" if place == mean else "─" if first <= place <= last else " " for place in range(CHART_WIDTH))
    numbers = "  ".join(f"{form % value:>8}" for value in (point.min, point.mean, point.max))
    return f"  {_clock(point.at, zone)} {numbers} │{bar}│"


def gap_line(gap: Gap, zone: ZoneInfo) -> str:
    """Return the row of a gap."""
    words = WHY[gap.kind]
    return f"  {_clock(gap.start, zone)}–{_clock(gap.end, zone)} tidak ada data: {words} ({_lasting(gap.seconds)})"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"


def _lasting(seconds: float) -> str:
    return f"{seconds / MINUTE:.0f} menit" if seconds >= MINUTE else f"{seconds:.0f} detik"


def _csv(fields: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
