"""Days are cut by the site's clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from history.intervals import whole_hours
from history.period import Period


def test_a_day_begins_at_the_site_s_midnight() -> None:
    day = Period.of_day(date(2026, 11, 22), ZoneInfo("Asia/Jakarta"))
    assert (day.start.astimezone(UTC), day.seconds) == (datetime(2026, 11, 21, 17, tzinfo=UTC), 86_400)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_where_clocks_change_a_day_has_another_length(day: date, hours: int) -> None:
    period = Period.of_day(day, ZoneInfo("Europe/Berlin"))
    assert period.seconds == hours * 3600


def test_a_period_without_a_zone_or_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a start before the end"):
        Period(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    with pytest.raises(ValueError, match="both with a time zone"):
        Period(datetime(2026, 11, 21), datetime(2026, 11, 22))  # noqa: DTZ001 - that is the mistake


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [("10:00", "12:00", ("10:00", "12:00")), ("10:01", "12:59", ("11:00", "12:00")), ("10:01", "11:59", None)],
)
def test_whole_hours_are_what_is_wholly_in_it(start: str, end: str, hours: tuple[str, str] | None) -> None:
    def moment(clock: str) -> datetime:
        return datetime.fromisoformat(f"2026-11-22T{clock}:00+00:00")

    found = whole_hours(Period(moment(start), moment(end)))
    assert (found and (found.start, found.end)) == (hours and tuple(map(moment, hours)))


def test_hours_are_those_of_utc_in_a_zone_with_half_hours() -> None:
    day = Period.of_day(date(2026, 11, 22), ZoneInfo("Asia/Kolkata"))
    found = whole_hours(day)
    assert found is not None
    assert (found.start.minute, found.seconds) == (0, 23 * 3600)
