"""The mean kinetic temperature of readings, from sums."""

import pytest

from history.kinetic import mean_temperature, rate


def test_of_equal_temperatures_it_is_the_same() -> None:
    assert mean_temperature(5 * rate(25.0), 5) == pytest.approx(25.0)


def test_heat_counts_for_more_than_cold() -> None:
    """Hours at 30 °C are not made good by as many at 20 °C."""
    mean = mean_temperature(rate(20.0) + rate(30.0), 2)
    assert mean is not None
    assert 25 < mean < 26.5


def test_at_absolute_zero_nothing_ages() -> None:
    assert rate(-273.15) == 0
    assert mean_temperature(rate(-300.0), 1) is None


def test_of_nothing_there_is_none() -> None:
    assert mean_temperature(0.0, 0) is None
