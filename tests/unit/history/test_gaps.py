"""What is a gap depends on how often a sensor reports."""

from datetime import UTC, datetime, timedelta

import pytest

from history.gaps import Reported, allowed_seconds, gaps, interval_of, kind_of
from history.period import Period

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = Period(BEGIN, BEGIN + timedelta(hours=1))
LATER = BEGIN + timedelta(days=1)


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def one_each(*minutes: float) -> list[Reported]:
    """Return a reading at each of these minutes."""
    return [Reported(at(each), at(each), 1) for each in minutes]


def test_a_reading_a_second_is_told_by_the_time_within_a_minute() -> None:
    assert interval_of([Reported(at(0), at(0) + timedelta(seconds=59), 60)]) == 1


def test_a_reading_each_ten_minutes_is_told_by_the_time_between() -> None:
    assert interval_of(one_each(0, 10, 20, 40, 50)) == 600


def test_nothing_is_known_of_one_reading() -> None:
    assert interval_of(one_each(0)) is None


@pytest.mark.parametrize(("interval", "seconds"), [(None, 120), (1, 120), (60, 180), (3600, 10_800)])
def test_three_intervals_may_pass_but_two_minutes_always(interval: float | None, seconds: float) -> None:
    assert allowed_seconds(interval) == seconds


def test_what_is_longer_than_that_is_a_gap() -> None:
    reported = one_each(*range(20), *range(40, 60))
    assert gaps(reported, HOUR, LATER) == [(at(19), at(40))]


def test_a_slow_sensor_has_no_gap_between_its_readings() -> None:
    assert gaps(one_each(0, 10, 20, 30, 40, 50), HOUR, LATER) == []


def test_before_the_first_and_behind_the_last_there_may_be_a_gap() -> None:
    assert gaps(one_each(*range(20, 30)), HOUR, LATER) == [(at(0), at(20)), (at(29), at(60))]


def test_what_is_yet_to_come_is_no_gap() -> None:
    assert gaps(one_each(*range(20)), HOUR, at(21)) == []


def test_a_period_without_a_reading_is_one_gap() -> None:
    assert gaps([], HOUR, LATER) == [(at(0), at(60))]


def test_the_system_was_away_where_its_own_readings_are_missing_too() -> None:
    watched = one_each(*range(10), *range(50, 60))
    assert kind_of((at(9), at(51)), watched) == "system"


def test_a_gap_while_the_system_ran_is_the_sensor_s() -> None:
    watched = [Reported(at(0), at(60), 720)]
    assert kind_of((at(10), at(50)), watched) == "sensor"


def test_of_an_unknown_system_nothing_is_said() -> None:
    assert kind_of((at(10), at(50)), []) == "sensor"
