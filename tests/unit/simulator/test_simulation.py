"""What a simulated sensor measures, and when."""

import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from typing import cast

import pytest

from producer_suhu import SUHU
from servicekit.publisher import Publisher
from simulator.reading import Reading
from simulator.simulation import load_settings, readings, ticks


class IdlePublisher:
    """Has no delivery reports to hand out: `serve` takes its time. With `stop_after` it sets `stop` at that call."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop = threading.Event()
        self.served: list[float] = []
        self._stop_after = stop_after

    def serve(self, seconds: float) -> None:
        """Take as long as a broker with nothing to say."""
        self.served.append(seconds)
        if len(self.served) == self._stop_after:
            self.stop.set()
        elif self._stop_after is None:
            time.sleep(seconds)  # this stands for the wait inside the client's poll

    def ticks(self, interval: float) -> Iterator[None]:
        """Return the ticks that are served by this publisher."""
        return ticks(interval, cast("Publisher", self), self.stop)


def measured(count: int, **variables: object) -> list[Reading]:
    """Return the readings of the first `count` ticks of a producer that starts with these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, str(value))
        return list(itertools.chain.from_iterable(itertools.islice(readings(SUHU, load_settings(SUHU)), count)))


def series(count: int, **variables: object) -> list[float]:
    return [reading.value for reading in measured(count, **variables)]


def test_each_tick_measures_every_warehouse_once() -> None:
    found = measured(2, GUDANG_IDS="A,B", SENSOR_ID="s-1")
    assert [(each.entity_id, each.quantity, each.sensor_id) for each in found] == [
        ("A", "suhu", "s-1"),
        ("B", "suhu", "s-1"),
        ("A", "suhu", "s-1"),
        ("B", "suhu", "s-1"),
    ]


def test_values_are_uniform_in_the_range() -> None:
    values = series(4000, SUHU_SEED=7, SUHU_MIN=-5, SUHU_MAX=15, GUDANG_IDS="A")
    assert all(-5 <= value <= 15 for value in values)
    tenths = [sum(low <= value < low + 2 for value in values) for low in range(-5, 15, 2)]
    assert min(tenths) > 300
    assert max(tenths) < 500


def test_values_have_two_decimals() -> None:
    values = series(300, SUHU_SEED=7)
    assert all(value == round(value, 2) for value in values)
    assert any(value != round(value, 1) for value in values)


def test_a_range_of_one_point_is_that_point() -> None:
    assert set(series(10, SUHU_MIN=80.25, SUHU_MAX=80.25)) == {80.25}


def test_a_seed_makes_the_same_series_again() -> None:
    assert series(20, SUHU_SEED=7) == series(20, SUHU_SEED=7)


def test_another_seed_makes_another_series() -> None:
    assert series(20, SUHU_SEED=7) != series(20, SUHU_SEED=8)


def test_without_a_seed_each_start_makes_another_series() -> None:
    assert series(20) != series(20)


def test_realistic_readings_are_alike_and_the_same_over_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """In uniform ones neighbours lie a third of the range apart."""
    monkeypatch.setattr("simulator.climate.SILENT_FOR", (0, 0))  # else the hour decides whether there is a reading
    realistic = {"SIMULATION": "realistic", "SUHU_SEED": 7, "SENSOR_ID": "s-1", "GUDANG_IDS": "A"}
    values = series(20, **realistic) + series(20, **realistic)
    assert len(values) == 40
    assert max(values) - min(values) < 2


def test_a_silent_sensor_s_entity_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.climate.SILENT_EVERY", 20)
    monkeypatch.setattr("simulator.climate.SILENT_FOR", (20, 20))
    assert measured(3, SIMULATION="realistic") == []


def test_a_reading_is_stamped_when_it_is_taken() -> None:
    """Not when the series was made."""
    source = readings(SUHU, load_settings(SUHU))
    next(source)
    before = time.time()
    stamps = [reading.timestamp for reading in next(source)]
    assert before <= min(stamps) <= max(stamps) <= time.time()


def test_ticks_do_not_drift_with_the_work() -> None:
    """Half of the ticks at least stand on the grid; with a pause after the work they would stand anywhere."""
    interval = 0.08
    times = []
    for _ in itertools.islice(IdlePublisher().ticks(interval), 12):
        times.append(time.monotonic())
        time.sleep(0.37 * interval)  # this is the work of a tick
    off_the_grid = [abs(position - round(position)) for position in ((at - times[0]) / interval for at in times)]
    assert statistics.median(off_the_grid) < 0.1


def test_ticks_come_no_faster_than_the_grid() -> None:
    interval = 0.02
    start = time.monotonic()
    for number, _ in enumerate(itertools.islice(IdlePublisher().ticks(interval), 10)):
        assert time.monotonic() - start >= number * interval


def test_ticks_that_passed_are_not_made_up_for() -> None:
    """Held up from tick 1 to the middle between 6 and 7: 2 to 5 never come, 6 comes late."""
    interval = 0.04
    source = IdlePublisher().ticks(interval)
    start = time.monotonic()
    next(source)
    next(source)
    time.sleep(max(0, start + 6.5 * interval - time.monotonic()))  # this is what holds it up
    count = 2
    while (elapsed := time.monotonic() - start) < 12 * interval:
        next(source)
        count += 1
    grid_points = 1 + int(elapsed / interval)
    assert count <= grid_points - 4


def test_delivery_reports_are_served_between_ticks_in_small_steps() -> None:
    publisher = IdlePublisher(stop_after=40)
    assert len(list(publisher.ticks(3600))) == 1
    assert len(publisher.served) == 40
    assert set(publisher.served) == {0.2}


def test_a_stop_between_ticks_ends_them() -> None:
    publisher = IdlePublisher(stop_after=1)
    assert len(list(publisher.ticks(3600))) == 1


def test_a_stop_during_the_work_ends_the_ticks() -> None:
    publisher = IdlePublisher()
    seen = 0
    for _ in publisher.ticks(0.001):
        seen += 1
        if seen == 3:
            publisher.stop.set()
    assert seen == 3


def test_a_stop_before_the_first_tick_leaves_none() -> None:
    publisher = IdlePublisher()
    publisher.stop.set()
    assert list(publisher.ticks(0.001)) == []
