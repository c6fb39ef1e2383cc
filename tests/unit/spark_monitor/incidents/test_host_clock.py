"""How far the clock of Spark's batches is ahead of Kafka's."""

import json

import pytest

from spark_monitor.incidents.host_clock import HostClock


def pulse(at: float) -> str:
    return json.dumps({"monitor": "spark-monitor", "pulse": round(at * 1000)})


def test_the_quickest_pulse_shows_most() -> None:
    clock = HostClock()
    clock.compare([(pulse(106.0), 103.0), (pulse(111.0), 105.01)])
    assert clock.ahead == pytest.approx(5.99)


def test_what_is_negligible_is_none() -> None:
    clock = HostClock()
    clock.compare([(pulse(100.0), 100.3)])
    assert clock.ahead == 0
    clock.compare([(pulse(106.0), 100.0)])
    clock.compare([(pulse(111.0), 105.2)])
    assert clock.ahead == 6.0, "the same, so that a repeated batch tells the same times"
    clock.compare([(pulse(116.0), 116.0)])
    assert clock.ahead == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pulse":"x"}', '{"pulse":null}', '"' * 3, "[" * 100_000])
def test_a_strange_pulse_shows_nothing(text: str) -> None:
    clock = HostClock()
    clock.compare([(text, 100.0)])
    assert clock.ahead == 0


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e400", "1" + "0" * 400, "1e300", "-1e300"])
def test_a_pulse_that_no_clock_shows_is_passed_over(number: str) -> None:
    """It would move all timers to where there is no number, and end the query at each start."""
    clock = HostClock()
    clock.compare([('{"monitor":"spark-monitor","pulse":%s}' % number, 100.0)])  # noqa: UP031 - braces are JSON's
    assert clock.ahead == 0
