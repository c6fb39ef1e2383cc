"""One run of one contender: start, latency at each rate, cost at rest, and in a run of its own the backlog."""

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.broker import renew_topics
from bench.contender import OURS, Contender, Running
from bench.readings import Series
from bench.results import Reader
from bench.send import sending

START_SECONDS = 180
RESULT_SECONDS = 240
"""How long a result may take before it counts as missing: how late it is, is a figure of its own."""

QUIET_SECONDS = 3
POLL_SECONDS = 0.05
PROBE_RATE = 4
WARM_UP_RATE = 3000
RESTING_CORES, RESTING_SECONDS = 0.3, 2
OVERLOAD_RATE, RATE_AFTER = 10_000, 100
LIVE_AGAIN_SECONDS = 1200
"""Who needs longer does not count; less is a figure, and may be a missed aim."""

LIVE_SECONDS = 1
"""What comes no later is live."""

END_ALERTS = 1000
"""How many of the warm-up's last alerts tell how late it is at its end."""

SETTLE_SECONDS = 3
"""At the beginning of each rate, not measured: connections and caches are those of another rate."""


@dataclass(frozen=True)
class Plan:
    """How long and how much. Times in seconds, rates in readings a second.

    The warm-up, in readings, is once, at a high rate: what is measured is a program that has run for a while. A rate as
    high comes right behind it, so the highest is first in `rates`. Before a lower one, and before what is measured at
    rest, the program may take `rest` to come to rest.
    """

    rounds: int
    rates: Sequence[int]
    warm_up: int
    measured: float
    rest: float
    idle: float
    backlog: int
    overload: float = 0
    """How long this monitor gets more than it can judge one by one; the others not: it is no comparison."""


@dataclass
class Run:
    """What was measured in one round. Latencies in seconds by rate."""

    start: float = 0
    alerts: dict[int, list[float]] = field(default_factory=dict)
    statuses: dict[int, list[float]] = field(default_factory=dict)
    cores: dict[int, float] = field(default_factory=dict)
    idle_cores: float = 0
    memory: float = 0
    drained: float = 0
    drain_cpu_micros: float = 0
    """Processor time of a reading of the backlog, in microseconds, the start's not in it."""
    first_minute: dict[str, float] = field(default_factory=dict)
    """How late, in seconds, its latest alert was, and the last ones."""
    overload: dict[str, float] = field(default_factory=dict)
    """How late, in seconds, its latest alert was, and after how many seconds of a low rate alerts were live again."""


class NotEqual(Exception):  # noqa: N818 - it is a result, not a mistake of ours
    """A contender's results are not those that the readings must give: its times don't count."""


def run(contender: Contender, bootstrap: str, jars: Path, folder: Path, plan: Plan, *, is_first: bool) -> Run:
    """Measure a contender once; what varies little, the rest and the backlog, in the first round only.

    Raises NotEqual, and TimeoutError if it does not start.
    """
    measured = Run()
    renew_topics(bootstrap)
    reader = Reader(bootstrap, contender.alerts, contender.statuses)
    reader.start()
    begun = time.monotonic()
    try:
        with Running(contender, bootstrap, jars, folder / "state", "latest") as running:
            measured.start = started(running, reader, bootstrap, begun)
            with _sending_checked(reader, bootstrap, WARM_UP_RATE, plan.warm_up) as sender:
                sender.wait()
            measured.first_minute = _lateness(reader)
            for rate in plan.rates:
                if rate < WARM_UP_RATE:
                    come_to_rest(running, plan.rest)
                _at_rate(running, reader, bootstrap, rate, plan=plan, measured=measured)
            if is_first:
                come_to_rest(running, plan.rest)
                measured.idle_cores = _cores(running, plan.idle)
            measured.memory = running.memory()
            if is_first and plan.overload and contender == OURS:
                measured.overload = _overloaded(contender, reader, bootstrap, plan.overload)
    finally:
        reader.end()
    if is_first:
        measured.drained, measured.drain_cpu_micros = _drain(contender, bootstrap, jars, folder, plan.backlog)
    return measured


def started(running: Running, reader: Reader, bootstrap: str, begun: float) -> float:
    """Send readings until the first alert and the first status come; return how long the alert took."""
    name = f"probe{time.monotonic_ns()}"
    reader.follow(name)
    alerted = 0.0
    with sending(bootstrap, Series(name, PROBE_RATE), START_SECONDS * PROBE_RATE) as sender:
        while not (reader.results().alerts and reader.results().statuses):
            if reader.results().alerts and not alerted:
                alerted = time.monotonic() - begun
            if log := running.ended():
                raise TimeoutError(f"it ended: {log}")
            if time.monotonic() - begun > START_SECONDS:
                raise TimeoutError(f"no results within {START_SECONDS} s; see {running.log}")
            time.sleep(0.02)  # the pause of a poll that has a deadline
        sender.terminate()
    return alerted or time.monotonic() - begun


def _at_rate(running: Running, reader: Reader, bootstrap: str, rate: int, *, plan: Plan, measured: Run) -> None:
    """Send readings at a rate, and note how long their results took and what they cost."""
    with _sending_checked(reader, bootstrap, rate, int((SETTLE_SECONDS + plan.measured) * rate)) as sender:
        time.sleep(SETTLE_SECONDS)  # what is measured comes after it
        reader.clear_times()
        used, since = running.cpu_seconds(), time.monotonic()
        sender.wait()
        measured.cores[rate] = (running.cpu_seconds() - used) / (time.monotonic() - since)
    found = reader.results()
    measured.alerts[rate], measured.statuses[rate] = list(found.alert_seconds), list(found.status_seconds)


def _lateness(reader: Reader) -> dict[str, float]:
    seconds = reader.results().alert_seconds
    return {"latest": max(seconds), "at_the_end": statistics.median(seconds[-END_ALERTS:])}


def _overloaded(contender: Contender, reader: Reader, bootstrap: str, seconds: float) -> dict[str, float]:
    """Send more than can be judged one by one, and behind it little. Raises NotEqual if a result is missing."""
    with _sending_checked(reader, bootstrap, OVERLOAD_RATE, int(OVERLOAD_RATE * seconds)) as sender:
        sender.wait()
        live_again = _live_again(contender, bootstrap)
    return {"latest": max(reader.results().alert_seconds), "live_again": live_again}


def _live_again(contender: Contender, bootstrap: str) -> float:
    """Send few readings from now on; return after how many seconds an alert of one is live. Raises NotEqual."""
    begun = time.monotonic()
    series = Series(f"after{time.monotonic_ns()}", RATE_AFTER)
    reader = Reader(bootstrap, contender.alerts, contender.statuses)
    reader.follow(series.name)
    reader.start()
    with sending(bootstrap, series, RATE_AFTER * LIVE_AGAIN_SECONDS) as sender:
        try:
            while not any(seconds <= LIVE_SECONDS for seconds in reader.results().alert_seconds):
                if time.monotonic() - begun > LIVE_AGAIN_SECONDS:
                    raise NotEqual(f"not live within {LIVE_AGAIN_SECONDS} s of an overload")
                time.sleep(POLL_SECONDS)  # the pause of a poll that has a deadline
            return time.monotonic() - begun
        finally:
            sender.terminate()
            reader.end()


def come_to_rest(running: Running, seconds: float) -> None:
    """Wait, `seconds` at most, until it does little: the results are there, but it may have other work of its own."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _cores(running, RESTING_SECONDS) > RESTING_CORES:
        pass


def _cores(running: Running, seconds: float) -> float:
    """Return how many cores its processes use, over some seconds."""
    used, since = running.cpu_seconds(), time.monotonic()
    time.sleep(seconds)  # this is what is measured
    return (running.cpu_seconds() - used) / (time.monotonic() - since)


@contextmanager
def _sending_checked(reader: Reader, bootstrap: str, rate: int, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Send readings at a rate, and in the end wait for their results. Raises NotEqual if they are others."""
    series = Series(f"r{rate}x{time.monotonic_ns()}", rate)
    reader.follow(series.name)
    with sending(bootstrap, series, count) as sender:
        yield sender
    alerts, statuses = series.alerts(count), series.statuses(count)
    found = reader.results()
    _wait(lambda: found.alerts >= alerts and found.statuses >= statuses)
    if found.alerts != alerts or found.statuses != statuses:
        raise NotEqual(
            f"{rate}/s: alerts {len(found.alerts)} of {len(alerts)}, {len(found.alerts - alerts)} wrong; "
            f"statuses {len(found.statuses)} of {len(statuses)}, {len(found.statuses - statuses)} wrong"
        )


def _drain(contender: Contender, bootstrap: str, jars: Path, folder: Path, count: int) -> tuple[float, float]:
    """Return how many readings a second of a backlog were worked off, first result to last, and their cost.

    While it lasts only the ends of the topics are asked for: a client that reads them all would take a core.
    """
    renew_topics(bootstrap)
    series = Series("backlog", 3000)
    with sending(bootstrap, series, count, "--backlog") as sender:
        sender.wait()
    expected = series.alerts(count)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-drain", "log_level": 0})
    places = [TopicPartition(contender.alerts, 0, 0), TopicPartition(contender.statuses, 0, 0)]

    def written() -> list[int]:
        return [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]

    try:
        with Running(contender, bootstrap, jars, folder / "state", "earliest") as running:
            begun = time.monotonic()
            first = last = used_first = used_last = 0.0
            before = [0, 0]
            while not first or time.monotonic() - last < QUIET_SECONDS or before[0] < len(expected):
                now = written()
                if now != before:
                    last, used_last, before = time.monotonic(), running.cpu_seconds(), now
                    first, used_first = first or last, used_first or used_last
                if log := running.ended():
                    raise TimeoutError(f"it ended: {log}")
                if time.monotonic() - max(begun, last) > START_SECONDS:
                    raise TimeoutError(f"backlog: {before[0]} of {len(expected)} alerts")
                time.sleep(POLL_SECONDS)  # the pause of a poll that has a deadline
        reader = Reader(bootstrap, contender.alerts, contender.statuses, from_the_start=True)
        reader.follow(series.name)
        reader.start()
        found = reader.results()
        _wait(lambda: found.alerts >= expected)
        reader.end()
        if found.alerts != expected:
            raise NotEqual(f"backlog: alerts {len(found.alerts)} of {len(expected)}")
    finally:
        consumer.close()
    return count / max(last - first, POLL_SECONDS), (used_last - used_first) / count * 1e6


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RESULT_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)  # the pause of a poll that has a deadline


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the highest of latencies, in ms."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        "p50": cuts[49] * 1000, "p95": cuts[94] * 1000, "p99": cuts[98] * 1000, "max": max(seconds) * 1000,
    }  # fmt: skip


def median_of(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return each figure's median over the rounds."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
