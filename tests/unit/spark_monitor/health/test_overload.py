"""When Spark counts as late: by the rate at which readings come, not by any clock of theirs."""

from spark_monitor.health.overload import Overload


def looked(unjudged: list[int], rate: int, every: float = 2) -> list[bool]:
    overload = Overload()
    return [overload.look(lag, int(rate * every * look), every * look) for look, lag in enumerate(unjudged)]


def test_more_than_five_seconds_at_three_looks_in_a_row_is_late() -> None:
    assert looked([0, 16_000, 17_000, 18_000, 19_000], 3000) == [False, False, False, True, True]


def test_less_than_five_seconds_is_not() -> None:
    assert not any(looked([0, *[14_000] * 9], 3000))


def test_a_look_in_time_begins_the_count_again() -> None:
    assert not any(looked([0, 16_000, 16_000, 1_000] * 3, 3000))


def test_few_readings_are_no_overload_however_late() -> None:
    assert not any(looked([0, *[4_900] * 9], 10))


def test_what_is_left_when_nothing_comes_is_late() -> None:
    assert looked([20_000] * 5, 0)[-1]
