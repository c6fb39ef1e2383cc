"""The network between the monitor, a producer and the broker is cut, loses packets, or delays them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tests.stack.faults.ledger import Ledger
from tests.stack.faults.sensors import missed_seconds, times_of

from devstack.compose_project import Stack, eventually

CUT_SECONDS = 60
BAD_SECONDS = 30
SHORTEST_DELAY, LONGEST_DELAY = 0.05, 0.15
"""Of each packet, one way, in seconds."""

PROXY_PORT = PROXY_USER = 4242
KAFKA_PORT = 9092


@contextmanager
def cut_off(stack: Stack, service: str) -> Iterator[None]:
    """Take a service's container off the network while the block runs."""
    (container,) = stack.containers(service)
    network = f"{stack.project}_default"
    stack.docker("network", "disconnect", network, container["Id"])
    try:
        yield
    finally:
        stack.docker("network", "connect", "--alias", service, network, container["Id"])


@pytest.fixture(scope="module")
def in_network_of(stack: Stack) -> Callable[..., str]:
    """Return a function that runs a command in a container that has the network of a service's container."""
    image = f"{stack.project}-bad-network"
    base = stack.containers("producer-suhu")[0]["Config"]["Image"]
    stack.docker("build", "--quiet", "--tag", image, "--build-arg", f"BASE={base}", str(Path(__file__).parent))

    def in_network_of(service: str, *command: str, options: tuple[str, ...] = ("--cap-add", "NET_ADMIN")) -> str:
        (container,) = stack.containers(service)
        network = f"container:{container['Id']}"
        return stack.docker("run", "--rm", "--network", network, *options, image, *command).strip()

    return in_network_of


@contextmanager
def packets_lost(in_network_of: Callable[..., str], service: str) -> Iterator[None]:
    """Drop a fifth of a service's packets both ways while the block runs."""
    in_network_of(
        service,
        "nft",
        "add table inet fault; add chain inet fault in { type filter hook input priority 0; }; "
        "add chain inet fault out { type filter hook output priority 0; }; "
        "add rule inet fault in meta l4proto tcp numgen random mod 100 < 20 drop; "
        "add rule inet fault out meta l4proto tcp numgen random mod 100 < 20 drop",
    )
    try:
        yield
    finally:
        in_network_of(service, "nft", "delete table inet fault")


@contextmanager
def delayed(stack: Stack, in_network_of: Callable[..., str], service: str) -> Iterator[None]:
    """Delay what goes between a service and Kafka, while the block runs.

    New connections are led through a proxy; those that are there are broken off, as they would go past it.
    """
    proxy = in_network_of(
        service,
        *("python", "/delay.py", str(PROXY_PORT), f"kafka:{KAFKA_PORT}", str(SHORTEST_DELAY), str(LONGEST_DELAY)),
        options=("--detach", "--user", str(PROXY_USER)),
    )
    others = f"tcp dport {KAFKA_PORT} meta skuid != {PROXY_USER}"
    try:
        eventually(
            lambda: "listens" in stack.docker("logs", proxy), lambda: f"proxy: {stack.docker('logs', proxy)}", 20
        )
        in_network_of(
            service,
            "nft",
            "add table ip fault; add chain ip fault lead { type nat hook output priority -100; }; "
            "add chain ip fault break { type filter hook output priority 0; }; "
            f"add rule ip fault lead {others} redirect to :{PROXY_PORT}; "
            f"add rule ip fault break {others} reject with tcp reset",
        )
        try:
            yield
        finally:
            in_network_of(service, "nft", "delete table ip fault")
    finally:
        stack.docker("kill", proxy)


@contextmanager
def no_second_missing(stack: Stack) -> Iterator[None]:
    """Demand that all that producer-suhu measured while the block runs gets into its topic, with no second left out."""
    begun = time.time()
    yield
    over = time.time()
    (container,) = stack.containers("producer-suhu")
    sensor = container["Config"]["Hostname"]
    eventually(lambda: any(at > over for at in times_of(stack, sensor, begun)), lambda: "nothing since it is back", 60)
    times = [at for at in times_of(stack, sensor, begun) if at <= over + 1]
    assert times[0] < begun + 3
    assert missed_seconds(times) == 0, times


def seconds_to_lines(ledger: Ledger) -> list[float]:
    """Return the seconds that each reading took from being sent to its line."""
    return [at - ledger.sent_at[number] for at, number in ledger.printed()]


@pytest.mark.parametrize(
    "seconds", [pytest.param(5, marks=pytest.mark.short), pytest.param(CUT_SECONDS, marks=pytest.mark.long)]
)
def test_monitor_and_producer_cut_off(around: Callable[..., Any], stack: Stack, seconds: int) -> None:
    """The producer's readings wait in it and come in full."""
    with around(f"network: monitor and a producer cut off for {seconds} s") as fault, no_second_missing(stack):
        with cut_off(stack, "spark-monitor"), cut_off(stack, "producer-suhu"):
            time.sleep(seconds)  # this is the fault: nothing is waited for
        fault.is_over()


@pytest.mark.long
def test_packets_are_lost(around: Callable[..., Any], in_network_of: Callable[..., str]) -> None:
    """A fifth of the monitor's packets vanish both ways, so that TCP sends them again, later."""
    with around(f"network: a fifth of the monitor's packets lost for {BAD_SECONDS} s") as fault:
        with packets_lost(in_network_of, "spark-monitor"):
            time.sleep(BAD_SECONDS)  # this is the fault: nothing is waited for
        fault.is_over()
        fault.remark = f"slowest line {max(seconds_to_lines(fault.ledger)):.1f} s"


@pytest.mark.long
def test_packets_are_delayed(around: Callable[..., Any], stack: Stack, in_network_of: Callable[..., str]) -> None:
    """Lines come late, by what the network takes, and none is missing: nobody takes slow for gone."""
    name = f"network: {SHORTEST_DELAY} to {LONGEST_DELAY} s of delay each way for {BAD_SECONDS} s"
    with around(name) as fault, no_second_missing(stack):
        with delayed(stack, in_network_of, "spark-monitor"), delayed(stack, in_network_of, "producer-suhu"):
            fault.ledger.wait_for_a_new_line(time.time())
            before = len(fault.ledger.printed())
            time.sleep(BAD_SECONDS)  # this is the fault: nothing is waited for
            late = seconds_to_lines(fault.ledger)[before:]
        fault.is_over()
        fault.remark = f"p50 {median(late):.1f} s, slowest line {max(late):.1f} s"
    # To the monitor, from it into the topic of alerts, and from there to its reporter.
    assert median(late) > 3 * SHORTEST_DELAY, "there was no delay"
    # Spark asks Kafka where its topics begin and end after each fetch, so a reading waits for several round trips.
    assert max(late) < 10, "later than the network makes it"
