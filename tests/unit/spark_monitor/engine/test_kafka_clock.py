"""Kafka's time: neither the host's steps nor Kafka's own mislead for longer than a pulse."""

import time

import pytest

from spark_monitor.engine.kafka_clock import KafkaClock

T = 1795321758.0


class Times:
    """The host's two clocks, and Kafka's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host, self.monotonic, self.kafka = T, 100.0, T
        monkeypatch.setattr(time, "time", lambda: self.host)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)
        self.clock = KafkaClock()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.host += seconds
        self.monotonic += seconds
        self.kafka += seconds

    def pulse(self, seconds: float = 0.01) -> str | None:
        """Send a pulse that is under way for so long; return what the operator is told."""
        sent_at = self.monotonic
        self.wait(seconds / 2)
        kafka_at = self.kafka
        self.wait(seconds / 2)
        self.clock.acknowledged(kafka_at, sent_at, self.monotonic)
        return self.clock.news(self.host)

    @property
    def error(self) -> float:
        """By how much Kafka's time is told wrong."""
        return self.clock.now() - self.kafka


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    return Times(monkeypatch)


def test_until_a_pulse_has_shown_it_the_hosts_time_counts(times: Times) -> None:
    assert (times.clock.now(), times.clock.news(times.host)) == (T, None)


@pytest.mark.parametrize("ahead", [6.5, -6.5, 3600.5])
def test_a_difference_is_known_with_the_first_pulse_and_told_once(times: Times, ahead: float) -> None:
    times.host += ahead
    where = "di depan" if ahead > 0 else "di belakang"
    lasts = "1 jam" if ahead > 60 else "6 detik"
    assert times.pulse() == f"[Jam Berbeda] jam monitor {lasts} {where} jam Kafka, waktu Kafka dipakai"
    assert times.error == pytest.approx(0, abs=1e-6)
    assert [times.pulse() for _ in range(5)] == [None] * 5
    times.host -= ahead
    assert times.pulse() == "[Jam Sama] jam monitor dan jam Kafka sama lagi"


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_of_the_hosts_clock_is_none_of_kafkas(times: Times, step: float) -> None:
    times.pulse()
    times.host += step
    times.wait(3)
    assert times.error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_of_kafkas_clock_is_known_with_the_next_pulse(times: Times, step: float) -> None:
    times.pulse()
    times.kafka += step
    times.pulse()
    assert times.error == pytest.approx(0, abs=1e-6)


def test_a_pulse_that_was_under_way_for_long_shows_little(times: Times) -> None:
    times.pulse()
    sent_at, kafka_at = times.monotonic, times.kafka
    times.wait(14)
    times.clock.acknowledged(kafka_at, sent_at, times.monotonic)
    assert times.error == pytest.approx(0, abs=1e-6)


def test_a_slow_pulse_shows_a_step_that_is_longer_than_its_way(times: Times) -> None:
    times.pulse()
    times.kafka -= 60
    times.pulse(4)
    assert times.error == pytest.approx(0, abs=1e-6)
