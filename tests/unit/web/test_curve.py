"""Curves: no line crosses a gap, and no peak is lost."""

from datetime import UTC, datetime, timedelta

from history.gaps import Gap
from history.series import Point, Series
from web.view.curve import PLOT, Frame, common_gaps, curve, missing, of_all_sensors

START = datetime(2026, 11, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FRAME = Frame(START, START + 60 * MINUTE, MINUTE, uppers=(80.0,))


def points(*minutes: int, value: float = 75.0) -> list[Point]:
    return [Point(START + each * MINUTE, value - 1, value, value + 1, 60) for each in minutes]


def test_nothing_is_drawn_of_nothing() -> None:
    assert curve([], [], FRAME, PLOT) is None


def test_a_line_stops_at_a_gap() -> None:
    gap = Gap(START + 10 * MINUTE, START + 20 * MINUTE, "system")
    drawn = curve(points(*range(10), *range(20, 60)), [gap], FRAME, PLOT)
    assert drawn is not None
    assert (drawn.mean.count("M"), drawn.band.count("M")) == (2, 2)
    (hole,) = drawn.holes
    assert (hole.kind, hole.x, hole.width) == ("system", 16.67, 16.67)


def test_a_line_stops_where_points_are_missing_though_no_gap_is_told() -> None:
    drawn = curve(points(*range(10), *range(20, 60)), [], FRAME, PLOT)
    assert drawn is not None
    assert drawn.mean.count("M") == 2


def test_one_point_beyond_the_limit_is_seen() -> None:
    peak = Point(START + 30 * MINUTE, 75.0, 76.0, 99.0, 60)
    drawn = curve([*points(*range(30)), peak, *points(*range(31, 60))], [], FRAME, PLOT)
    assert drawn is not None
    assert (drawn.over.count("M"), drawn.high) == (1, 99.0)


def test_a_lone_point_is_drawn() -> None:
    drawn = curve(points(5), [], FRAME, PLOT)
    assert drawn is not None
    assert drawn.band
    assert drawn.mean


def test_a_place_s_points_are_those_of_all_its_sensors() -> None:
    one = Series("a", (Point(START, 1, 2, 3, 10), Point(START + MINUTE, 1, 2, 3, 10)), ())
    other = Series("b", (Point(START, 0, 5, 9, 30),), ())
    assert of_all_sensors([one, other]) == [Point(START, 0, 4.25, 9, 40), Point(START + MINUTE, 1, 2, 3, 10)]


def test_a_place_has_a_gap_where_none_of_its_sensors_reported() -> None:
    one = Series("a", (), (Gap(START, START + 10 * MINUTE, "sensor"),))
    other = Series("b", (), (Gap(START + 5 * MINUTE, START + 20 * MINUTE, "sensor"),))
    assert common_gaps([one, other]) == [Gap(START + 5 * MINUTE, START + 10 * MINUTE, "sensor")]
    assert common_gaps([one, Series("c", (), ())]) == []


def test_what_is_missing_between_points_is_a_gap() -> None:
    (between, after) = missing(points(*range(10), *range(20, 30)), FRAME)
    assert (between.start, between.end) == (START + 10 * MINUTE, START + 20 * MINUTE)
    assert (after.start, after.end) == (START + 30 * MINUTE, START + 60 * MINUTE)


def test_a_slow_sensor_has_a_line_too() -> None:
    """It reports each ten minutes, and a point is a minute long."""
    found = points(*range(0, 60, 10))
    drawn = curve(found, missing(found, FRAME), FRAME, PLOT)
    assert drawn is not None
    assert (drawn.mean.count("M"), drawn.holes) == (1, ())
