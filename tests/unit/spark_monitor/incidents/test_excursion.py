"""An excursion's figures, against numbers worked out by hand."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.limit import Limit
from spark_monitor.incidents.excursion import Excursion, Sampling

ABOVE_80 = Limit("above", 80.0, 1.0)
EACH_SECOND = Sampling(1.0, 5.0, is_celsius=True)
EACH_MINUTE = Sampling(60.0, 180.0, is_celsius=True)


def excursion(readings: list[tuple[float, float]], until: float, limit: Limit, sampling: Sampling) -> Excursion:
    """Add up readings (time, value); the last holds until a time."""
    (begun, first), *others = readings
    found = Excursion.begin(begun, first)
    for at, value in others:
        found.hold_until(at, limit, sampling)
        found.take(value, limit)
    found.hold_until(until, limit, sampling)
    return found


def test_twenty_and_thirty_degrees_in_equal_parts_are_26_26_kinetic() -> None:
    """The example of the pharmacopoeia's mean kinetic temperature."""
    found = excursion([(0, 20.0), (60, 30.0)], 120, Limit("above", 15.0), EACH_MINUTE).figures(EACH_MINUTE)
    assert found["mkt"] == pytest.approx(26.2599, abs=5e-5)
    assert found["mean"] == 25.0


def test_a_value_holds_until_the_next_reading() -> None:
    found = excursion([(0, 82.0), (1, 90.0), (3, 79.5)], 4, ABOVE_80, EACH_SECOND).figures(EACH_SECOND)
    assert found["mean"] == pytest.approx((82 * 1 + 90 * 2 + 79.5 * 1) / 4)
    assert found["degree_minutes"] == pytest.approx((2 * 1 + 10 * 2) / 60)
    assert (found["peak"], found["readings"], found["duration_seconds"], found["gap_seconds"]) == (90.0, 3, 4, 0)
    assert found["coverage"] == 0.75


def test_after_a_gap_a_value_counts_for_one_interval() -> None:
    found = excursion([(0, 82.0), (5, 84.0), (25, 86.0)], 26, ABOVE_80, EACH_SECOND).figures(EACH_SECOND)
    assert found["gap_seconds"] == 19, "5 s are no gap yet, 20 s are"
    assert found["mean"] == pytest.approx((82 * 5 + 84 * 1 + 86 * 1) / 7)
    assert found["degree_minutes"] == pytest.approx((2 * 5 + 4 + 6) / 60)
    assert found["coverage"] == pytest.approx(3 / 26)


def test_without_an_interval_there_are_no_gaps_and_no_coverage() -> None:
    unknown = Sampling(None, float("inf"), is_celsius=False)
    found = excursion([(0, 82.0), (1000, 84.0)], 2000, ABOVE_80, unknown).figures(unknown)
    assert (found["gap_seconds"], found["coverage"], found["mkt"], found["mean"]) == (0, None, None, 83.0)


def test_one_reading_alone_is_its_own_mean() -> None:
    found = Excursion.begin(7.0, 84.0).figures(EACH_SECOND)
    assert (found["mean"], found["mkt"], found["peak"], found["coverage"]) == (84.0, 84.0, 84.0, 1.0)
    assert (found["duration_seconds"], found["degree_minutes"]) == (0, 0)


def test_more_readings_than_expected_are_not_more_than_all() -> None:
    found = excursion([(0, 82.0), (0.5, 82.0), (1, 82.0)], 1.5, ABOVE_80, EACH_SECOND).figures(EACH_SECOND)
    assert found["coverage"] == 1.0


@pytest.mark.parametrize(
    ("comparison", "beyond", "between", "cleared"),
    [
        ("above", [80.01], [80.0, 79.01], [79.0, 70.0]),
        ("at_least", [80.0], [79.99, 79.0], [78.99, 70.0]),
        ("below", [79.99], [80.0, 80.99], [81.0, 90.0]),
        ("at_most", [80.0], [80.01, 81.0], [81.01, 90.0]),
    ],
)
def test_between_the_limit_and_the_deadband_a_value_is_neither(
    comparison: str, beyond: list[float], between: list[float], cleared: list[float]
) -> None:
    limit = Limit(comparison, 80.0, 1.0)
    assert [limit.is_beyond(value) for value in beyond + between + cleared] == [
        *[True] * len(beyond), *[False] * len(between), *[False] * len(cleared)
    ]  # fmt: skip
    assert [limit.is_cleared(value) for value in beyond + between + cleared] == [
        *[False] * len(beyond), *[False] * len(between), *[True] * len(cleared)
    ]  # fmt: skip


def test_below_a_limit_the_lowest_is_the_worst() -> None:
    limit = Limit("below", 2.0)
    found = excursion([(0, 1.0), (1, -3.0), (2, 1.5)], 3, limit, EACH_SECOND).figures(EACH_SECOND)
    assert (found["peak"], found["degree_minutes"]) == (-3.0, pytest.approx((1 + 5 + 0.5) / 60))


def test_what_is_kept_does_not_go_on() -> None:
    going_on = Excursion.begin(0.0, 82.0)
    kept = going_on.copy()
    going_on.hold_until(1.0, ABOVE_80, EACH_SECOND)
    going_on.take(95.0, ABOVE_80)
    assert (kept.peak, kept.at, kept.readings) == (82.0, 0.0, 1)
    assert Excursion.from_list(going_on.as_list()) == going_on


@pytest.mark.parametrize(
    ("values", "mkt"),
    [
        ([-273.15, 20.0], None),
        ([20.0, -273.15, 20.0], None),
        ([-300.0], None),
        ([-272.0, -272.0], None),
        ([1e308, 1e308], None),
        ([20.0, 30.0], 26.2599),
    ],
)
def test_at_a_temperature_that_is_none_there_is_no_kinetic_one(values: list[float], mkt: float | None) -> None:
    readings = [(60.0 * number, value) for number, value in enumerate(values)]
    found = excursion(readings, 60.0 * len(values), Limit("above", -400.0), EACH_MINUTE).figures(EACH_MINUTE)
    assert found["mkt"] == (None if mkt is None else pytest.approx(mkt, abs=5e-5))
    assert (found["peak"], found["readings"]) == (max(values), len(values))


def test_one_reading_below_absolute_zero_has_no_kinetic_temperature() -> None:
    assert Excursion.begin(0.0, -273.15).figures(EACH_SECOND)["mkt"] is None


def test_a_part_that_was_not_in_celsius_leaves_no_kinetic_temperature() -> None:
    """Whichever way the unit was corrected, and when it was corrected back."""
    fahrenheit = Sampling(60.0, 180.0, is_celsius=False)
    for units in ((fahrenheit, EACH_MINUTE), (EACH_MINUTE, fahrenheit), (EACH_MINUTE, fahrenheit, EACH_MINUTE)):
        found = Excursion.begin(0.0, 84.0)
        for number, unit in enumerate(units):
            found.hold_until(60.0 * (number + 1), ABOVE_80, unit)
            found.take(84.0, ABOVE_80)
        figures = found.figures(units[-1])
        assert (figures["mkt"], figures["mean"], figures["degree_minutes"]) == (None, 84.0, 4.0 * len(units))


def test_sums_that_became_too_large_are_none_and_stay_so_over_a_restart() -> None:
    found = excursion([(0, 1e308), (60, 1e308), (120, -1e308)], 180, ABOVE_80, EACH_MINUTE)
    for kept in (found, Excursion.from_list(json.loads(json.dumps(found.as_list(), allow_nan=False)))):
        kept.hold_until(240, ABOVE_80, EACH_MINUTE)
        figures = kept.figures(EACH_MINUTE)
        assert (figures["mean"], figures["degree_minutes"], figures["mkt"]) == (None, None, None)
        assert (figures["peak"], figures["gap_seconds"], figures["coverage"]) == (1e308, 0, 0.75)


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6),
    seconds=st.lists(st.floats(1e-9, 1e12), min_size=6, max_size=6),
    interval=st.none() | st.floats(1e-300, 1e300),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    comparison=st.sampled_from(["above", "at_least", "below", "at_most"]),
    is_celsius=st.booleans(),
)
def test_whatever_the_numbers_each_figure_is_finite_or_none(
    values: list[float], seconds: list[float], interval: float | None, threshold: float, comparison: str,
    *, is_celsius: bool,
) -> None:  # fmt: skip
    limit, sampling = Limit(comparison, threshold, 1.0), Sampling(interval, 5.0, is_celsius)
    found = Excursion.begin(0.0, values[0])
    for value, held in zip(values, seconds, strict=False):
        found.hold_until(found.at + held, limit, sampling)
        found.take(value, limit)
    figures = found.figures(sampling)
    assert all(figure is None or math.isfinite(figure) for figure in figures.values()), figures
    assert figures["mkt"] is None or figures["mkt"] > -273.15
    again = Excursion.from_list(json.loads(json.dumps(found.as_list(), allow_nan=False))).figures(sampling)
    assert again == figures
