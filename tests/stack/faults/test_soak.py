"""Half an hour at 2,000 readings a second: nothing may grow that does not have to, and the results keep up.

The status keeps two hours of each warehouse, in pieces of at most twenty readings a stream, so its state grows until
the pieces are full and is level from then on. Here the readings' own time runs ten times as fast, from five hours ago
until now, and there are so few warehouses that all pieces are full after twelve minutes.
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from devstack.compose_project import Stack

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
RATE = 2000
TIME_LAPSE = 10
WAREHOUSES = 40
WARM_UP = 0.4
"""The part of the time after which things must be level."""

MAY_WAIT_SECONDS = 3
"""How far the results may be behind once the state is full: a checkpoint's boundary takes a second of them."""

MEASURE = """
du -sk /var/lib/spark-monitor/checkpoints | cut -f1
find /var/lib/spark-monitor/checkpoints -type f | wc -l
for p in /proc/[0-9]*; do ls $p/fd 2>/dev/null; done | wc -l
cat /proc/[0-9]*/status 2>/dev/null | awk '/^RssAnon/ {sum += $2} END {print sum / 1024}'
"""
"""What the containers' figures lack: theirs has the disk's cache in it, which goes when somebody needs the room."""


def megabytes(text: str) -> float:
    """Return Docker's `612.3MiB` or `1.1GiB` in MiB."""
    for unit, factor in ("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024), ("B", 1 / 1024**2):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def sample(stack: Stack) -> dict[str, float]:
    """Return each container's memory (MiB), and of the monitor its files and its memory without cache."""
    running = [container["Name"].lstrip("/") for container in stack.containers() if container["State"]["Running"]]
    said = stack.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *running)
    found = {
        line.split()[0].removeprefix(f"{stack.project}-"): megabytes(line.split()[1]) for line in said.splitlines()
    }
    names = "checkpoint KiB", "checkpoint files", "open files", "monitor without cache"
    figures = stack.compose("exec", "-T", "spark-monitor", "sh", "-c", MEASURE).split()
    return found | dict(zip(names, map(float, figures), strict=True))


@pytest.mark.soak
def test_nothing_grows(around: Callable[..., Any], stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    samples: list[dict[str, float]] = []
    begun_at = time.time()
    with around(f"soak: {RATE} readings a second for {MINUTES:g} minutes", rate=20) as fault:
        producer = Producer({"bootstrap.servers": stack.bootstrap, "linger.ms": 5})
        begun, sent, since = time.monotonic(), 0, time.time() - TIME_LAPSE * MINUTES * 60
        while (passed := time.monotonic() - begun) < MINUTES * 60:
            while sent < passed * RATE:
                kind = ("suhu", "kelembaban")[sent % 2]
                gudang = f"S{sent // 2 % WAREHOUSES}"
                at = since + TIME_LAPSE * sent / RATE
                reading = {"gudang_id": gudang, kind: 69 + sent % 97 / 80, "timestamp": at}
                producer.produce(f"sensor-{kind}-gudang", json.dumps(reading), gudang)
                sent += 1
            producer.poll(0.01)
            if passed >= (len(samples) + 1) * MINUTES * 60 / 20:
                samples.append({"minute": passed / 60, **sample(stack)})
                with capsys.disabled():
                    print(json.dumps(samples[-1]), flush=True)  # noqa: T201 - progress
        assert producer.flush(60) == 0
        fault.is_over()
        fault.remark = f"{sent} more readings"
    said = [event for event in stack.events(begun_at) if event["event"] == "last minute"]
    assert len(said) >= MINUTES - 1
    # Not of the beginning, when Java has yet to compile what judges them.
    for minute, figures in list(enumerate(said))[int(len(said) * WARM_UP) :]:
        assert figures["lag"] is not None, f"Kafka did not answer in minute {minute}"
        assert figures["lag"] <= MAY_WAIT_SECONDS * RATE, f"behind in minute {minute}: {figures}"
    level = samples[int(len(samples) * WARM_UP) :]
    half = len(level) // 2
    for name in level[0].keys() - {"minute"}:
        # Medians: files are written and cleared away in turns.
        first, last = (statistics.median(each[name] for each in part) for part in (level[:half], level[half:]))
        assert last <= first * 1.15 + 20, f"{name} grew from {first:.0f} to {last:.0f}"
