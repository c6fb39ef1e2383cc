"""A sender invents names. Last of all faults: from here on the state is large, and restarts take longer."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer
from tests.stack.faults.ledger import TOPIC

from devstack.compose_project import Stack, eventually

MILLION = 1_000_000


@pytest.mark.long
def test_a_million_warehouses(around: Callable[..., Any], stack: Stack) -> None:
    """Names that nobody has: memory stays within its limit, and the log says so."""
    with around("input: a million distinct warehouses", rate=20) as fault:
        (before,) = stack.containers("spark-monitor")
        names = Producer({"bootstrap.servers": stack.bootstrap, "linger.ms": 50})
        for number in range(MILLION):
            while True:
                try:
                    names.produce(TOPIC, b'{"gudang_id":"M%d","suhu":70}' % number, b"M%d" % number)
                    break
                except BufferError:
                    names.poll(0.1)
            names.poll(0)
        assert names.flush(120) == 0

        def limit_is_said() -> bool:
            return any("more warehouses and machines" in event["event"] for event in stack.events(fault.begun))

        fault.is_over(600)
        eventually(limit_is_said, lambda: str(stack.events(fault.begun)[-3:]), 600)
        (after,) = stack.containers("spark-monitor")
        assert after["RestartCount"] == before["RestartCount"]
        assert not after["State"]["OOMKilled"]
        used = stack.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", after["Id"]).split("/")[0].strip()
        fault.remark = f"memory {used}"
