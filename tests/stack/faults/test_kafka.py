"""The broker and ZooKeeper go away and come back; the network between is cut or bad."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.stack.faults.sensors import largest_gap, times_of
from tests.stack.project import ROOT, Stack, eventually

AWAY_SECONDS = 30
CUT_SECONDS = 60


def test_broker_killed_and_started_at_once(around: Callable[..., Any], stack: Stack) -> None:
    """ZooKeeper still holds the old session, so the first starts fail until it has expired."""
    with around("broker: kill -9 and immediate start") as fault:
        stack.compose("kill", "kafka")
        stack.compose("start", "kafka")
        fault.is_over()


@pytest.mark.long
@pytest.mark.parametrize(("service", "seconds"), [("kafka", AWAY_SECONDS), ("zookeeper", CUT_SECONDS)])
def test_stopped(around: Callable[..., Any], stack: Stack, service: str, seconds: int) -> None:
    with around(f"{service}: stopped for {seconds} s") as fault:
        stack.away(service, "stop", seconds)
        fault.is_over()


@pytest.mark.short
def test_zookeeper_restarted(around: Callable[..., Any], stack: Stack) -> None:
    with around("ZooKeeper: restarted") as fault:
        stack.compose("restart", "zookeeper")
        fault.is_over()


@pytest.mark.long
def test_zookeeper_and_broker_restarted(around: Callable[..., Any], stack: Stack) -> None:
    with around("ZooKeeper and broker: restarted together") as fault:
        stack.compose("restart", "zookeeper", "kafka")
        fault.is_over()


@contextlib.contextmanager
def cut_off(stack: Stack, service: str) -> Iterator[None]:
    """Take a service's container off the network while the block runs."""
    (container,) = stack.containers(service)
    network = f"{stack.project}_default"
    stack.docker("network", "disconnect", network, container["Id"])
    try:
        yield
    finally:
        stack.docker("network", "connect", "--alias", service, network, container["Id"])


@pytest.mark.parametrize(
    "seconds", [pytest.param(5, marks=pytest.mark.short), pytest.param(CUT_SECONDS, marks=pytest.mark.long)]
)
def test_monitor_and_producer_cut_off(around: Callable[..., Any], stack: Stack, seconds: int) -> None:
    """The producer's readings wait in it and come in full: no second is missing in what it measured."""
    begun = time.time()
    with around(f"network: monitor and a producer cut off for {seconds} s") as fault:
        with cut_off(stack, "spark-monitor"), cut_off(stack, "producer-suhu"):
            time.sleep(seconds)  # this is the fault: nothing is waited for
        over = time.time()
        fault.is_over()
    (container,) = stack.containers("producer-suhu")
    sensor = container["Config"]["Hostname"]
    eventually(lambda: any(at > over for at in times_of(stack, sensor, begun)), lambda: "nothing since it is back", 60)
    times = [at for at in times_of(stack, sensor, begun) if at <= over + 1]
    assert times[0] < begun + 3
    assert largest_gap(times) < 1.5, "readings are missing"


@pytest.mark.long
def test_packets_are_lost(around: Callable[..., Any], stack: Stack) -> None:
    """A fifth of the monitor's packets vanish both ways, so that TCP sends them again, later."""
    image = f"{stack.project}-nft"
    folder = ROOT / "tests/stack/faults"
    base = stack.containers("producer-suhu")[0]["Config"]["Image"]
    stack.docker("build", "--quiet", "--tag", image, "--build-arg", f"BASE={base}", str(folder))
    (monitor,) = stack.containers("spark-monitor")

    def nft(*rule: str) -> None:
        stack.docker(
            "run", "--rm", "--network", f"container:{monitor['Id']}", "--cap-add", "NET_ADMIN", image, "nft", *rule
        )

    with around("network: a fifth of the monitor's packets lost for 30 s") as fault:
        nft(
            "add table inet fault; add chain inet fault in { type filter hook input priority 0; }; "
            "add chain inet fault out { type filter hook output priority 0; }; "
            "add rule inet fault in meta l4proto tcp numgen random mod 100 < 20 drop; "
            "add rule inet fault out meta l4proto tcp numgen random mod 100 < 20 drop"
        )
        time.sleep(AWAY_SECONDS)  # this is the fault: nothing is waited for
        nft("delete table inet fault")
        fault.is_over()
        fault.remark = f"slowest line {slowest_line(fault.ledger):.1f} s"


def slowest_line(ledger: Any) -> float:
    """Return the seconds that the slowest reading took from being sent to its line."""
    return float(max(at - ledger.sent_at[number] for at, number in ledger.printed()))
