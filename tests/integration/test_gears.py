"""A backlog is worked off in batches, then each reading comes at once; no kill on the way loses or repeats a line."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.monitor_process import Client, MonitorProcess, records
from messages.topics import STATUSES
from spark_monitor.engine.gears import BACKLOG, BATCH_READINGS

PAIRS_AT_ONCE = 3 * BATCH_READINGS // 2
"""So many that they can't be judged one by one within the seconds that they may be late."""

PAIRS = (BATCH_READINGS + BACKLOG) // 2
"""Two batches' readings."""


@pytest.fixture
def monitor(broker: Kafka, java: dict[str, str], tmp_path: Path) -> Iterator[MonitorProcess]:
    process = MonitorProcess(broker.bootstrap, tmp_path, java, STARTING_OFFSETS="latest")
    process.start()
    yield process
    process.end()


@pytest.fixture
def off(broker: Kafka, java: dict[str, str], tmp_path: Path) -> Iterator[MonitorProcess]:
    """Return a monitor that is not started."""
    process = MonitorProcess(broker.bootstrap, tmp_path, java)
    yield process
    process.end()


def said(monitor: MonitorProcess, event: str, query: str) -> int:
    return sum(each.get("event") == event and each.get("query") == query for each in list(monitor.events))


def logged(monitor: MonitorProcess, event: str) -> bool:
    return any(each.get("event") == event for each in list(monitor.events))


def test_a_backlog_comes_in_batches_and_no_kill_on_the_way_loses_or_repeats_a_line(
    monitor: MonitorProcess, client: Client
) -> None:
    client.reading("suhu", "GEARS", 85)
    client.flush()
    monitor.wait_for("GEARS", ["Suhu 85.00°C"])
    assert not said(monitor, "catching up", "alerts")
    assert monitor.stop() == 0

    begun, before = time.time() - PAIRS, client.end(STATUSES)
    for number in range(PAIRS):
        gudang, at = f"GEARS{number % 50}", begun + number
        client.reading("suhu", gudang, 70 + number % 2000 / 100, at)
    for number in range(PAIRS):
        gudang, at = f"GEARS{number % 50}", begun + number
        client.reading("kelembaban", gudang, 60.0, at)
    client.flush()
    expected = Counter(f"GEARS{number % 50}" for number in range(PAIRS) if number % 2000 > 1000)

    def planned(query: str) -> bool:
        return any(monitor.checkpoints.glob(f"{query}-*/offsets/{monitor.boundaries(query) + 1}"))

    monitor.start_unwatched()
    eventually(lambda: planned("alerts") and planned("status"), lambda: f"no batch; {monitor.events[-5:]}", 90)
    monitor.kill()

    monitor.start_unwatched()
    eventually(lambda: said(monitor, "caught up", "alerts"), lambda: f"not caught up; {monitor.events[-5:]}", 120)
    monitor.kill()

    monitor.start()
    assert said(monitor, "caught up", "status")
    client.reading("suhu", "GEARS", 86)
    client.flush()
    monitor.wait_for("GEARS", ["Suhu 86.00°C"])
    alerts = Counter(
        line.split("Gudang ")[1].split(":")[0] for line in list(monitor.lines) if line.startswith("[Peringatan Suhu")
    )
    at_a_kill = sum((alerts - expected - Counter(GEARS=2)).values())
    assert at_a_kill <= 2, "only the line that was being printed may come again"
    assert not expected - alerts
    statuses = [status for status in records(client.read(STATUSES, before)) if status["complete"]]
    paired = {(status["entity_id"], status["event_time"]) for status in statuses}
    assert len({pair for pair in paired if pair[0] != "GEARS"}) == PAIRS
    assert any(line.startswith("[Mengejar Data] ") for line in monitor.lines)


@pytest.mark.parametrize("is_killed", [False, pytest.param(True, marks=pytest.mark.long)], ids=["", "killed"])
def test_what_comes_faster_than_it_can_be_judged_one_by_one_is_read_in_batches(
    monitor: MonitorProcess, client: Client, *, is_killed: bool
) -> None:
    """Nothing is lost, and nothing comes twice; of a kill at the change not in the log."""
    name = f"FLOOD{is_killed:d}"
    before, begun = client.end(STATUSES), time.time()
    for number in range(PAIRS_AT_ONCE):
        gudang, at = f"{name}{number % 50}", begun - PAIRS_AT_ONCE + number
        client.reading("suhu", gudang, 70 + number % 2000 / 100, at)
        client.reading("kelembaban", gudang, 60.0, at)
    client.flush()
    if is_killed:
        eventually(lambda: logged(monitor, "falling behind"), lambda: f"no change; {monitor.events[-5:]}", 90)
        monitor.kill()
        monitor.start_unwatched()
    eventually(lambda: said(monitor, "caught up", "status"), lambda: f"not caught up; {monitor.events[-5:]}", 240)
    assert logged(monitor, "falling behind")
    found: list[dict[str, Any]] = []

    def all_are_there(messages: list[Any]) -> bool:
        found.extend(records(messages[len(found) :]))
        return len({each["status_id"] for each in found if each["complete"]}) >= PAIRS_AT_ONCE

    client.read(STATUSES, before, all_are_there, seconds=120)
    client.reading("suhu", name, 86)
    client.flush()
    monitor.wait_for(name, ["Suhu 86.00°C"])
    lines = Counter(line for line in list(monitor.lines) if line.startswith("[Peringatan Suhu") and name in line)
    assert len(lines) == 1 + sum(number % 2000 > 1000 for number in range(PAIRS_AT_ONCE))
    # The line that is being printed at a kill may come again.
    assert lines.total() - len(lines) <= is_killed
    if not is_killed and any(each.get("query") == "status" and each.get("at_boundary") for each in monitor.events):
        # The next batch may have begun between the boundary and the stop.
        times = Counter(each["status_id"] for each in found)
        assert times.total() - len(times) < PAIRS_AT_ONCE / 100


@pytest.mark.long
@pytest.mark.parametrize(
    ("pairs", "interval", "places"), [(26_114, 3600, 3), (216_000, 1, 1)], ids=["hours", "weekend"]
)
def test_of_a_backlog_every_pair_has_its_complete_status(
    off: MonitorProcess, client: Client, pairs: int, interval: int, places: int
) -> None:
    """Three years of hours, and a weekend of seconds; one topic is read whole before the other has anything."""
    name = f"{interval}S"
    before, begun = client.end(STATUSES), time.time() - pairs / places * interval - 60

    def send(stream: str, value: float) -> None:
        for number in range(pairs):
            client.reading(stream, f"{name}{number % places}", value, begun + number // places * interval)
        client.flush()

    send("suhu", 70)
    off.start_unwatched()
    eventually(lambda: said(off, "caught up", "status"), lambda: f"not read: {off.events[-5:]}", 300)
    send("kelembaban", 60)
    seen = 0
    paired: set[tuple[str, float]] = set()

    def all_are_there(messages: list[Any]) -> bool:
        nonlocal seen
        new, seen = records(messages[seen:]), len(messages)
        paired.update(
            (each["entity_id"], each["event_time"])
            for each in new
            if each["complete"] and each["entity_id"].startswith(name)
        )
        return len(paired) >= pairs

    client.read(STATUSES, before, all_are_there, seconds=600)
