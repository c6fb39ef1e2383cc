"""The broker and ZooKeeper go away and come back; the network between is cut or bad."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
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
@pytest.mark.parametrize(
    ("service", "how", "seconds"),
    [
        ("kafka", "stop", AWAY_SECONDS),
        ("kafka", "pause", AWAY_SECONDS),
        ("zookeeper", "stop", CUT_SECONDS),
    ],
)
def test_away(around: Callable[..., Any], stack: Stack, service: str, how: str, seconds: int) -> None:
    with around(f"{service}: docker compose {how} for {seconds} s") as fault:
        stack.away(service, how, seconds)
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


def cut_off(stack: Stack, service: str, seconds: float) -> None:
    """Take a service's container off the network for a while."""
    (container,) = stack.containers(service)
    network = f"{stack.project}_default"
    stack.docker("network", "disconnect", network, container["Id"])
    time.sleep(seconds)  # this is the fault: nothing is waited for
    stack.docker("network", "connect", "--alias", service, network, container["Id"])


@pytest.mark.short
def test_monitor_cut_off_for_seconds(around: Callable[..., Any], stack: Stack) -> None:
    with around("network: monitor cut off for 5 s") as fault:
        cut_off(stack, "spark-monitor", 5)
        fault.is_over()


@pytest.mark.long
def test_monitor_cut_off(around: Callable[..., Any], stack: Stack) -> None:
    with around(f"network: monitor cut off for {CUT_SECONDS} s") as fault:
        cut_off(stack, "spark-monitor", CUT_SECONDS)
        fault.is_over()


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


@pytest.mark.long
def test_producer_cut_off(stack: Stack) -> None:
    """Its readings wait in the producer and come in full: no second is missing in what it measured."""
    begun = time.time()
    (container,) = stack.containers("producer-suhu")
    cut_off(stack, "producer-suhu", CUT_SECONDS)
    over = time.time()
    sensor = container["Config"]["Hostname"]

    def measured() -> list[float]:
        from_topic = stack.read("sensor-suhu-gudang", begun)
        return sorted(r["timestamp"] for r in from_topic if r.get("sensor_id") == sensor and r["gudang_id"] == "G1")

    eventually(lambda: any(at > over for at in measured()), lambda: "nothing since the network is back", 60)
    times = [at for at in measured() if at <= over + 1]
    assert times[0] < begun + 3
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 1.5, "readings are missing"
