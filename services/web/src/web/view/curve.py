"""Points as the paths of a picture: band, mean, limits, what is beyond, gaps. Pure.

A line is never drawn across a gap, and an excursion of one point is still seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from statistics import median

from history.gaps import INTERVALS, Gap
from history.series import Point, Series

PADDING = 0.05
"""Of the height, above and below what is drawn."""

LEAST_RANGE = 1.0
"""Of a flat curve, in its unit."""

THIN = 2
"""Half of how wide an excursion of one point is drawn."""

NEAR = 0.5
"""A limit is in the picture if it is no further from the curve than this share of the curve's own range."""


@dataclass(frozen=True)
class Size:
    """Of a picture, in its own units."""

    width: int
    height: int


SPARK, PLOT = Size(480, 100), Size(960, 300)


@dataclass(frozen=True)
class Hole:
    """A gap in percent of the width: `kind` is `sensor` or `system`."""

    x: float
    width: float
    kind: str
    gap: Gap


@dataclass(frozen=True)
class Curve:
    """Paths in the picture's units; `holes` and `end` in percent. `marks` are values with their height in percent."""

    band: str
    mean: str
    limit: str
    over: str
    holes: tuple[Hole, ...]
    end: float | None
    low: float
    high: float
    marks: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Frame:
    """What is shown: from when to when, how long a point is, and the limits."""

    start: datetime
    end: datetime
    width: timedelta
    uppers: Sequence[float] = ()
    lowers: Sequence[float] = ()


def curve(points: Sequence[Point], gaps: Sequence[Gap], frame: Frame, size: Size) -> Curve | None:
    """Return the picture of points in their order; None without any."""
    if not points:
        return None
    low, high = min(point.min for point in points), max(point.max for point in points)
    shown = [limit for limit in (*frame.uppers, *frame.lowers) if _is_near(limit, low, high)]
    bottom, top = _range(min((low, *shown)), max((high, *shown)))
    seconds = (frame.end - frame.start).total_seconds()

    def x(moment: datetime) -> float:
        return (moment - frame.start).total_seconds() / seconds * size.width

    def y(value: float) -> float:
        return (top - value) / (top - bottom) * size.height

    middle = frame.width / 2
    runs = list(_runs(points, gaps, frame.width))
    return Curve(
        band="".join(_band([(x(each.at + middle), y(each.max), y(each.min)) for each in run]) for run in runs),
        mean="".join(_line([(x(each.at + middle), y(each.mean)) for each in run]) for run in runs),
        limit="".join(f"M0 {y(limit):.0f}H{size.width}" for limit in shown),
        over="".join(
            _excess([(x(each.at + middle), y(limit.extreme(each))) for each in some], y(limit.value), size)
            for limit in _limits(frame)
            for run in runs
            for some in _beyond(run, limit)
        ),
        holes=tuple(
            Hole(
                round(x(max(gap.start, frame.start)) / size.width * 100, 2),
                round((x(min(gap.end, frame.end)) - x(max(gap.start, frame.start))) / size.width * 100, 2),
                gap.kind,
                gap,
            )
            for gap in gaps
            if gap.start < frame.end and gap.end > frame.start
        ),
        end=round(y(points[-1].mean) / size.height * 100, 1),
        low=low,
        high=high,
        marks=tuple((value, round(y(value) / size.height * 100, 1)) for value in _marks(low, high, shown)),
    )


def of_all_sensors(found: Sequence[Series]) -> list[Point]:
    """Return the points of a place: of all its sensors together."""
    by_time: dict[datetime, Point] = {}
    for point in (point for each in found for point in each.points):
        known = by_time.get(point.at)
        if known is None:
            by_time[point.at] = point
            continue
        n = known.n + point.n
        mean = (known.mean * known.n + point.mean * point.n) / n
        by_time[point.at] = Point(point.at, min(known.min, point.min), mean, max(known.max, point.max), n)
    return [by_time[at] for at in sorted(by_time)]


def common_gaps(found: Sequence[Series]) -> list[Gap]:
    """Return when none of a place's sensors reported."""
    if not found:
        return []
    common = list(found[0].gaps)
    for each in found[1:]:
        common = [
            Gap(max(one.start, other.start), min(one.end, other.end), one.kind if one.kind == other.kind else "sensor")
            for one in common
            for other in each.gaps
            if one.start < other.end and other.start < one.end
        ]
    return common


def missing(points: Sequence[Point], frame: Frame) -> list[Gap]:
    """Return the gaps of thinned points, where nothing else is known: each is of whole points."""
    if not points:
        return []
    allowed, last = _allowed(points, frame.width), points[-1].at
    found = [
        Gap(one.at + frame.width, other.at, "sensor") for one, other in pairwise(points) if other.at - one.at > allowed
    ]
    if frame.end - last > allowed:
        found.append(Gap(last + frame.width, frame.end, "sensor"))
    return found


def _allowed(points: Sequence[Point], width: timedelta) -> timedelta:
    """Return how far two points may be apart without a gap between them: a slow sensor has few."""
    apart = [(other.at - one.at).total_seconds() for one, other in pairwise(points)]
    usual = timedelta(seconds=median(apart)) if apart else width
    return INTERVALS * max(width, usual)


def _runs(points: Sequence[Point], gaps: Sequence[Gap], width: timedelta) -> Iterable[list[Point]]:
    """Yield the points between two gaps."""
    run: list[Point] = []
    allowed = _allowed(points, width)
    for point in points:
        if run:
            before = run[-1].at
            is_apart = point.at - before > allowed
            is_cut = any(gap.start < point.at + width / 2 and gap.end > before + width / 2 for gap in gaps)
            if is_apart or is_cut:
                yield run
                run = []
        run.append(point)
    if run:
        yield run


def _band(edges: Sequence[tuple[float, float, float]]) -> str:
    if len(edges) == 1:  # seen all the same
        edges = [(edges[0][0] - 0.5, *edges[0][1:]), (edges[0][0] + 0.5, *edges[0][1:])]
    upper = " ".join(f"{x:.1f} {top:.1f}" for x, top, _ in edges)
    lower = " ".join(f"{x:.1f} {bottom:.1f}" for x, _, bottom in reversed(edges))
    return f"M{upper} {lower}z"


def _line(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        return f"M{points[0][0]:.1f} {points[0][1]:.1f}h1"
    return "M" + " ".join(f"{x:.1f} {y:.1f}" for x, y in points)


@dataclass(frozen=True)
class _Limit:
    """A limit: `sign` is 1 for an upper one, of which the greatest of a point is beyond, -1 for a lower one."""

    value: float
    sign: int

    def extreme(self, point: Point) -> float:
        return point.max if self.sign > 0 else point.min

    def is_passed(self, point: Point) -> bool:
        return self.sign * (self.extreme(point) - self.value) > 0


def _limits(frame: Frame) -> Iterable[_Limit]:
    """Yield the strictest limits."""
    if frame.uppers:
        yield _Limit(min(frame.uppers), 1)
    if frame.lowers:
        yield _Limit(max(frame.lowers), -1)


def _beyond(run: Sequence[Point], limit: _Limit) -> Iterable[list[Point]]:
    """Yield the points beyond a limit, as far as they follow one another."""
    for is_beyond, some in groupby(run, limit.is_passed):
        if is_beyond:
            yield list(some)


def _excess(points: Sequence[tuple[float, float]], limit: float, size: Size) -> str:
    """Return what lies between the points and their limit; a lone one is as wide as can be seen."""
    foot = min(max(limit, 0), size.height)  # the limit itself may be outside the picture
    first, last = points[0][0] - THIN, points[-1][0] + THIN
    above = " ".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f"M{first:.1f} {foot:.1f}L{above} {last:.1f} {foot:.1f}z"


def _is_near(limit: float, low: float, high: float) -> bool:
    room = max(LEAST_RANGE, NEAR * (high - low))
    return low - room <= limit <= high + room


def _range(low: float, high: float) -> tuple[float, float]:
    room = max(LEAST_RANGE, high - low)
    middle = (low + high) / 2
    half = room / 2 * (1 + 2 * PADDING)
    return middle - half, middle + half


def _marks(low: float, high: float, limits: Sequence[float]) -> list[float]:
    """Return the values that are written at the side: the limits, and the ends of the curve where there is room."""
    marks = list(limits)
    room = max(LEAST_RANGE, high - low) * 0.15
    return marks + [value for value in (low, high) if all(abs(value - limit) > room for limit in limits)]
