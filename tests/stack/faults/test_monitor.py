"""The monitor is killed, stopped, frozen, short of memory; its query dies. Nothing is lost, lines come once."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from devstack.compose_project import Stack, eventually
from messages.topics import REFUSED

PAUSE_SECONDS = 30


def kill_the_monitor(stack: Stack) -> None:
    """End its process as a crash does, and wait until Docker has started it again."""
    stack.crash("spark-monitor", "pkill", "-KILL", "-f", "^python -m spark_monitor")


@pytest.mark.short
def test_killed_once(around: Callable[..., Any], stack: Stack) -> None:
    with around("monitor: kill -9") as fault:
        fault.may_come_twice = 1
        kill_the_monitor(stack)
        fault.is_over()


@pytest.mark.long
def test_killed_five_times(around: Callable[..., Any], stack: Stack) -> None:
    with around("monitor: kill -9, five times") as fault:
        fault.may_come_twice = 5
        for _ in range(5):
            kill_the_monitor(stack)
            fault.is_over()


@pytest.mark.long
def test_stopped_and_started(around: Callable[..., Any], stack: Stack) -> None:
    with around("monitor: SIGTERM, then start") as fault:
        begun = time.monotonic()
        stack.compose("stop", "spark-monitor")
        fault.remark = f"stopped in {time.monotonic() - begun:.0f} s"
        (container,) = stack.containers("spark-monitor")
        assert container["State"]["ExitCode"] == 0
        stack.compose("start", "spark-monitor")
        fault.is_over()


@pytest.mark.long
def test_paused(around: Callable[..., Any], stack: Stack) -> None:
    with around(f"monitor: frozen for {PAUSE_SECONDS} s") as fault:
        stack.away("spark-monitor", "pause", PAUSE_SECONDS)
        fault.is_over()


OUT_OF_MEMORY = """
import glob, pathlib
for folder in glob.glob("/proc/[0-9]*"):
    try:
        if "java" in pathlib.Path(folder, "comm").read_text():
            pathlib.Path(folder, "oom_score_adj").write_text("1000")
    except OSError:
        pass
kept = []
while True:
    kept.append(b"x" * 10_000_000)
"""
"""Makes Spark's Java machine the kernel's first choice, then takes memory until the kernel chooses."""


@pytest.mark.long
def test_out_of_memory(around: Callable[..., Any], stack: Stack) -> None:
    with around("monitor: Java machine killed for lack of memory") as fault:
        stack.compose("exec", "-T", "spark-monitor", "python", "-c", OUT_OF_MEMORY, check=False)

        def is_said() -> bool:
            return any("Java machine has ended" in str(event) for event in stack.events(fault.begun))

        eventually(is_said, lambda: str(stack.events(fault.begun)[-3:]), 30)
        fault.is_over()
        fault.remark = "the process ends and Docker restarts it"
        fault.may_come_twice = 1


@pytest.mark.long
def test_a_query_that_cannot_write(around: Callable[..., Any], stack: Stack) -> None:
    """The refused topic takes no messages: the alerts' query dies of it, again and again, until that is fixed."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})

    def allow(size: int) -> None:
        topic = ConfigResource(ConfigResource.Type.TOPIC, REFUSED)
        topic.add_incremental_config(
            ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        )
        for altered in admin.incremental_alter_configs([topic]).values():
            altered.result(30)

    with around("monitor: a query dies again and again") as fault:
        allow(20)

        def deaths() -> list[Any]:
            return [event for event in stack.events(fault.begun) if event["event"] == "query died"]

        def died_twice() -> bool:
            died = len(deaths())
            # The broker says that it has the new limit, and takes it up a moment later.
            if not died:
                fault.ledger.send_bad(b"not JSON")
            return died >= 2

        eventually(died_twice, lambda: f"{len(deaths())} deaths", 60)
        assert "RecordTooLarge" in deaths()[0]["cause"]
        allow(2 * 1024 * 1024)
        fault.is_over()
        fault.remark = f"died {len(deaths())} times"
