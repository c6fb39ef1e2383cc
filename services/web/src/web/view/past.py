"""A place's history as it is shown: the chart of each stream, the table behind it, the figures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from history.figures import Figures
from history.gaps import Gap
from history.period import Period
from history.series import Point, Series
from messages.records import IncidentReport
from rules.model import Stream
from web.view import numbers
from web.view.curve import PLOT, Curve, Frame, common_gaps, curve, of_all_sensors
from web.view.levels import Limits, of_severity
from web.view.overview import Setting

RANGES: Mapping[str, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
DEFAULT_RANGE = "day"
POINTS = 288
"""As many as a chart is wide enough to show."""

AXIS = 8
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""No sensor has measured before."""

ROWS = 48
"""Of the table behind a chart, which has fewer points."""


@dataclass(frozen=True)
class Span:
    """An incident within a chart: percent of its width."""

    x: float
    width: float
    level: str
    text: str


@dataclass(frozen=True)
class Row:
    """Of the table behind a chart."""

    at: str
    min: str
    mean: str
    max: str
    n: str


@dataclass(frozen=True)
class Chart:
    """A stream's chart. `marks`: words at the side, with their height in percent; `gaps` in words, as the holes are."""

    label: str
    unit: str
    level: str
    described: str
    caption: str
    csv: str
    curve: Curve | None
    spans: tuple[Span, ...]
    gaps: tuple[str, ...]
    marks: tuple[tuple[str, float], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class FiguresRow:
    """A sensor's figures in words."""

    name: str
    min: str
    min_at: str
    max: str
    max_at: str
    mean: str
    mkt: str
    beyond: str
    coverage: str


@dataclass(frozen=True)
class Shown:
    """A place's history. `problem` says why there is none; `later` is None, `now`, or a moment."""

    period: str
    earlier: str
    later: str | None
    axis: tuple[tuple[str, float], ...]
    charts: tuple[Chart, ...] = ()
    figures: tuple[FiguresRow, ...] = field(default=())
    problem: str = ""


def period_of(name: str, until: datetime | None, now: datetime) -> Period:
    """Return what a range asks for: it ends at `until`, or now."""
    length = RANGES.get(name, RANGES[DEFAULT_RANGE])
    end = now if until is None else max(FIRST, min(until, now))
    end = end.astimezone(UTC).replace(microsecond=0)
    return Period(end - length, end)


def frame_lines(name: str, period: Period, width: timedelta, setting: Setting, now: datetime) -> Shown:
    """Return what is shown of a range without any readings."""
    length = RANGES.get(name, RANGES[DEFAULT_RANGE])
    later = period.end + length
    said = setting.word(
        "from_to",
        start=_day_and_time(period.start, setting),
        end=_day_and_time(period.end, setting),
        zone=setting.zone_name(period.end.timestamp()),
        width=numbers.duration(width.total_seconds(), setting.language),
    )
    return Shown(
        period=said,
        earlier=_iso(period.end - length),
        later=None if period.end >= now - timedelta(seconds=60) else _moment_or_now(later, now),
        axis=tuple(_axis(period, setting)),
    )


def _moment_or_now(moment: datetime, now: datetime) -> str:
    return "now" if moment >= now else _iso(moment)


def chart(
    of_what: tuple[str, str],
    found: Sequence[Series],
    period: Period,
    width: timedelta,
    setting: Setting,
    *,
    incidents: Sequence[IncidentReport],
) -> Chart:
    """Return the chart of a stream of a place; `found` are its sensors' series, `width` is how long a point is."""
    stream, entity_id = of_what
    of = setting.rules.streams[stream]
    limits = Limits.of(setting.rules, stream, entity_id)
    points, gaps = of_all_sensors(found), common_gaps(found)
    drawn = curve(points, gaps, Frame(period.start, period.end, width, limits.uppers, limits.lowers), PLOT)
    spans = [each for each in incidents if each.get("stream") == stream and each["kind"] == "threshold"]
    words = {"label": of.label, "width": numbers.duration(width.total_seconds(), setting.language)}
    return Chart(
        label=of.label,
        unit=of.unit,
        level=limits.worst.word,
        described=""
        if drawn is None
        else setting.word(
            "chart", label=of.label, low=_value(drawn.low, of, setting), high=_value(drawn.high, of, setting),
            gaps=len(drawn.holes),
        ),
        caption=setting.word("behind_caption", **words),
        csv="/api/v1/series.csv?"
        + urlencode(
            {"place": entity_id, "stream": stream, "start": _iso(period.start), "end": _iso(period.end)}
        ),
        curve=drawn,
        spans=tuple(_span(each, period, setting) for each in spans),
        gaps=() if drawn is None else tuple(_gap(hole.gap, setting) for hole in drawn.holes),
        marks=() if drawn is None else tuple((f"{_value(value, of, setting)}", y) for value, y in drawn.marks),
        rows=tuple(_rows(points, of, setting)),
    )  # fmt: skip


def figures_row(stream: str, found: Figures, setting: Setting) -> FiguresRow:
    """Return a sensor's figures in words."""
    of = setting.rules.streams[stream]
    beyond = sum(found.seconds_beyond.get(name, 0.0) for name in setting.rules.alerts_of(stream))
    return FiguresRow(
        name=f"{of.label}, {found.sensor_id or setting.word('unnamed')}",
        min=f"{_value(found.min, of, setting)} {of.unit.strip()}",
        min_at=_day_and_time(found.min_at, setting),
        max=f"{_value(found.max, of, setting)} {of.unit.strip()}",
        max_at=_day_and_time(found.max_at, setting),
        mean=f"{numbers.number(found.mean, 2, setting.language)} {of.unit.strip()}",
        mkt="–" if found.mkt is None else f"{numbers.number(found.mkt, 2, setting.language)} °C",
        beyond=numbers.duration_in_full(beyond, setting.language),
        coverage=f"{numbers.number(found.coverage * 100, 1, setting.language)} %",
    )


def _rows(points: Sequence[Point], stream: Stream, setting: Setting) -> list[Row]:
    """Return the table's rows, the newest first: with many points each is of several."""
    step = max(1, -(-len(points) // ROWS))
    some = [points[at : at + step] for at in range(0, len(points), step)]
    return [
        Row(
            at=_day_and_time(each[0].at, setting),
            min=_value(min(point.min for point in each), stream, setting),
            mean=numbers.number(
                sum(point.mean * point.n for point in each) / sum(point.n for point in each), 2, setting.language
            ),
            max=_value(max(point.max for point in each), stream, setting),
            n=setting.count(sum(point.n for point in each)),
        )
        for each in reversed(some)
    ]


def _span(incident: IncidentReport, period: Period, setting: Setting) -> Span:
    start, end = period.start.timestamp(), period.end.timestamp()
    begun = max(start, incident["opened_at"])
    over = min(end, incident.get("closed_at") or end)
    return Span(
        x=round((begun - start) / period.seconds * 100, 2),
        width=round(max(0.15, (over - begun) / period.seconds * 100), 2),
        level=of_severity(incident["severity"]).word,
        text=incident["message"] if setting.language == "id" else incident["incident_id"],
    )


def _gap(gap: Gap, setting: Setting) -> str:
    return setting.word(f"gap_{gap.kind}", start=_day_and_time(gap.start, setting), end=_day_and_time(gap.end, setting))


def _axis(period: Period, setting: Setting) -> list[tuple[str, float]]:
    step = (period.end - period.start) / AXIS
    form = "%H:%M" if period.seconds <= 2 * numbers.DAY else None
    found = []
    for number in range(1, AXIS):
        moment = (period.start + step * number).astimezone(setting.zone)
        label = moment.strftime(form) if form else f"{moment.day} {numbers.MONTHS[setting.language][moment.month - 1]}"
        found.append((label, round(number / AXIS * 100, 1)))
    return found


def _value(value: float, stream: Stream, setting: Setting) -> str:
    return setting.value(value, stream)


def _day_and_time(moment: datetime, setting: Setting) -> str:
    local = moment.astimezone(setting.zone)
    return f"{local.day} {numbers.MONTHS[setting.language][local.month - 1]} {local.strftime('%H:%M')}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
