"""Disks are full, and what was on them is gone. A stack of its own, before the one that the other faults share."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.stack.faults.checkpoints import in_checkpoints
from tests.stack.faults.kept import AWAY, BACK, wait_for_line, wait_until_kept

from devstack.compose_project import Stack, eventually


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack of its own whose disks have 200 MB each, and a container that can fill them."""
    stack = Stack.new(
        "warehouse-small",
        tmp_path_factory.mktemp("small"),
        COMPOSE_FILE="compose.yaml:tests/stack/faults/small-disks.yaml:tests/stack/faults/observed.yaml",
    )
    with stack.running():
        yield stack


def on_disks(stack: Stack, script: str) -> None:
    stack.compose("exec", "-T", "ballast", "sh", "-c", script)


@pytest.mark.long
def test_the_brokers_disk_is_full(around: Callable[..., Any], small: Stack) -> None:
    with around("broker: disk full for 30 s", on=small) as fault:
        on_disks(small, "cat /dev/zero > /kafka/ballast; true")
        (before,) = small.containers("kafka")

        def is_down() -> bool:
            (now,) = small.containers("kafka")
            return bool(now["RestartCount"] > before["RestartCount"])

        eventually(is_down, lambda: "the broker runs on with a full disk", 120)
        time.sleep(30)  # this is the fault: nothing is waited for
        on_disks(small, "rm /kafka/ballast")
        fault.is_over()
        fault.remark = "the broker ends, and starts again until there is room"


@pytest.mark.long
def test_the_checkpoints_disk_is_full(around: Callable[..., Any], small: Stack) -> None:
    with around("checkpoint: disk full at a boundary", on=small) as fault:
        on_disks(small, "cat /dev/zero > /monitor/ballast; true")

        def troubles() -> list[Any]:
            return [e for e in small.events(fault.begun) if e["event"] in {"query died", "giving up"}]

        eventually(troubles, lambda: "no boundary failed", 150)
        on_disks(small, "rm /monitor/ballast")
        fault.is_over()
        fault.remark = troubles()[0]["event"]


@pytest.mark.long
def test_the_databases_disk_is_full(around: Callable[..., Any], small: Stack) -> None:
    with around("database: disk full for 30 s", on=small) as fault:
        on_disks(small, "cat /dev/zero > /db/ballast; true")
        wait_for_line(small, fault.begun, AWAY)
        fault.is_over()
        time.sleep(30)  # this is the fault: nothing is waited for
        on_disks(small, "rm /db/ballast")
        wait_for_line(small, fault.begun, BACK)
        fault.remark = "alerts come as always; the history catches up"
    wait_until_kept(fault.ledger)


@pytest.mark.long
def test_deleted(around: Callable[..., Any], small: Stack) -> None:
    """On this stack, because all that Kafka has is judged again, and here that is little."""
    with around("checkpoint: deleted", on=small) as fault:
        small.compose("stop", "spark-monitor")
        in_checkpoints(small, "rm -r *")
        small.compose("start", "spark-monitor")
        fault.is_over()
        fault.remark = "all readings in Kafka are judged again, no line twice"


@pytest.mark.long
def test_zookeepers_volume_is_gone(small: Stack) -> None:
    """Kafka refuses to start on data of another cluster, and says so; it does not start over in silence."""
    begun = time.time()
    small.compose("rm", "--stop", "--force", "kafka", "zookeeper")
    for volume in "zookeeper-data", "zookeeper-log":
        small.docker("volume", "rm", f"{small.project}_{volume}")
    small.compose("up", "--detach", "--no-deps", "zookeeper", "kafka")
    eventually(
        lambda: any("Invalid cluster.id" in line for line in small.log("kafka")),
        lambda: f"nothing said in {time.time() - begun:.0f} s",
        90,
    )
