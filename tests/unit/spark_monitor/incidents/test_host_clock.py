"""How far the clock of Spark's batches is ahead of Kafka's."""

import json

import pytest

from spark_monitor.incidents.operator import HostClock


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
