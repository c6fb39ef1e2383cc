"""Producers come, go, are killed, and lose their broker for longer than they may wait."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.stack.faults.sensors import largest_gap, missed_seconds, times_of

from devstack.compose_project import Stack, eventually
from messages.topics import SUHU

PAUSE_SECONDS = 30

KILL = """
import os
for number in filter(str.isdigit, os.listdir("/proc")):
    with open(f"/proc/{number}/cmdline", "rb") as file:
        if int(number) != os.getpid() and b"/venv/bin/producer" in file.read():
            os.kill(int(number), 9)
"""


def test_a_killed_producer_comes_back(stack: Stack) -> None:
    begun = time.time()
    sensor = stack.containers("producer-suhu")[0]["Config"]["Hostname"]
    eventually(lambda: len(times_of(stack, sensor, begun)) >= 3, lambda: "no readings", 20)
    stack.crash("producer-suhu", "python", "-c", KILL)
    back = time.time()
    eventually(lambda: any(at > back for at in times_of(stack, sensor, begun)), lambda: "none since it is back", 30)
    assert largest_gap(times_of(stack, sensor, begun)) < 10


@pytest.mark.long
def test_scaled_up_and_down_under_load(around: Callable[..., Any], stack: Stack) -> None:
    """The sensor that stays never misses a second, and those that go have sent all they measured."""
    begun = time.time()
    stayed = min(stack.containers("producer-suhu"), key=lambda each: each["Created"])["Config"]["Hostname"]
    with around("producers: scaled 1 to 5 to 1") as fault:
        stack.compose("up", "--detach", "--no-recreate", "--scale", "producer-suhu=5")
        sensors = {each["Config"]["Hostname"] for each in stack.containers("producer-suhu")}

        def heard() -> set[str]:
            return {r.get("sensor_id") for r in stack.read(SUHU, begun)} & sensors

        eventually(lambda: heard() == sensors, lambda: f"heard {heard()} of {sensors}", 30)
        stack.compose("up", "--detach", "--no-recreate", "--scale", "producer-suhu=1")
        fault.is_over()
    assert missed_seconds(times_of(stack, stayed, begun)) == 0


@pytest.mark.long
def test_the_broker_is_frozen_for_longer_than_a_reading_may_wait(around: Callable[..., Any], stack: Stack) -> None:
    """Each reading that a producer could not send is counted and logged, with its content."""
    stack.set(SUHU_DELIVERY_TIMEOUT_SECONDS="5")
    try:
        stack.compose("up", "--detach", "--no-deps", "producer-suhu")
        eventually(lambda: stack.health_of("producer-suhu") == "healthy", lambda: str(stack.health()), 60)
        with around(f"broker: frozen for {PAUSE_SECONDS} s, of which a producer may wait 5") as fault:
            stack.away("kafka", "pause", PAUSE_SECONDS)
            over = time.time()
            fault.is_over()

        def failures() -> list[Any]:
            return [e for e in stack.events(fault.begun, "producer-suhu") if e["event"] == "reading not delivered"]

        def times() -> list[float]:
            return times_of(stack, sensor, fault.begun)

        sensor = stack.containers("producer-suhu")[0]["Config"]["Hostname"]
        eventually(lambda: any(at > over for at in times()), lambda: "nothing sent since", 60)
        stack.compose("stop", "producer-suhu")
        (stopped,) = [e for e in stack.events(fault.begun, "producer-suhu") if e["event"] == "stopped"]
        assert stopped["failed"] == len(failures()) > 0
        assert stopped["unsent"] == 0
        # What was measured either arrived or was logged: no second is missing in both together.
        logged = [
            e["value"].split('"timestamp":')[1].split(",")[0].rstrip("}") for e in failures() if '"G1"' in e["value"]
        ]
        assert missed_seconds(sorted({*times(), *map(float, logged)})) == 0
    finally:
        stack.set(SUHU_DELIVERY_TIMEOUT_SECONDS="3600")
        stack.compose("up", "--detach", "--no-deps", "producer-suhu")
