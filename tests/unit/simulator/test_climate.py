"""The realistic simulation: what makes a warehouse's climate, and that nothing but its arguments does."""

from dataclasses import replace
from functools import cache
from itertools import groupby, pairwise

from simulator.climate import Climate

SUHU = Climate(low=70, high=90, seed=7, quantity="suhu", sensor_id="s-1")
MIDNIGHT = 1_795_305_600.0
"""2026-11-22 00:00 UTC."""

STEP = 10
DAY = [MIDNIGHT + second for second in range(0, 86_400, STEP)]


@cache
def course(climate: Climate, entity: str = "G1") -> list[float | None]:
    return [climate(entity, at) for at in DAY]


def spoken(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def episodes(flags: list[bool]) -> list[int]:
    """Return how long each row of true values is, in seconds."""
    return [STEP * len(list(group)) for is_so, group in groupby(flags) if is_so]


def test_it_depends_on_nothing_but_its_arguments() -> None:
    assert SUHU("G1", MIDNIGHT + 1000) == replace(SUHU)("G1", MIDNIGHT + 1000)
    assert SUHU("G1", MIDNIGHT) != replace(SUHU, seed=8)("G1", MIDNIGHT)
    assert SUHU("G1", MIDNIGHT) != SUHU("G2", MIDNIGHT)


def test_it_stays_in_its_range() -> None:
    values = spoken(course(SUHU))
    assert 70 <= min(values) < max(values) <= 90


def test_a_door_leads_over_the_middle_for_minutes_about_every_quarter_of_an_hour() -> None:
    above = [value is not None and value > 80 for value in course(SUHU)]
    # The noise makes the edges flicker and silence cuts some in two; what is left are the 96 doors.
    minutes = [seconds for seconds in episodes(above) if seconds >= 60]
    assert 80 <= len(minutes) <= 110
    assert max(minutes) < 15 * 60
    assert 0.05 < sum(above) / len(above) < 0.5


def test_neighbouring_readings_are_alike() -> None:
    values = course(SUHU)
    steps = [abs(b - a) for a, b in pairwise(values) if a is not None and b is not None]
    assert max(steps) < 2


def test_the_afternoon_is_warmer_than_the_night() -> None:
    hours = {hour: spoken(course(SUHU)[hour * 360 : (hour + 2) * 360]) for hour in (7, 19)}
    afternoon, night = (sorted(values)[len(values) // 4] for values in hours.values())
    assert afternoon > night + 2


def test_a_sensor_is_silent_once_an_hour() -> None:
    silences = episodes([value is None for value in course(SUHU)])
    assert 20 <= len(silences) <= 25
    assert all(10 <= seconds <= 100 for seconds in silences)


def test_sensors_of_one_warehouse_see_the_same_but_for_noise_and_silence() -> None:
    one, other = course(SUHU), course(replace(SUHU, sensor_id="s-2"))
    apart = [abs(a - b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    assert 0 < max(apart) < 1
    assert [value is None for value in one] != [value is None for value in other]


def test_both_quantities_see_the_same_doors() -> None:
    kelembaban = Climate(low=60, high=80, seed=7, quantity="kelembaban", sensor_id="k-1")
    both = list(zip(course(SUHU), course(kelembaban), strict=True))
    hot, humid = (
        {at for at, pair in zip(DAY, both, strict=True) if (value := pair[side]) is not None and value > limit}
        for side, limit in ((0, 80), (1, 70))
    )
    assert len(hot & humid) > 0.6 * len(hot | humid)
