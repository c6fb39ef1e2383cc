"""The broker and ZooKeeper go away and come back."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.compose_project import Stack

BROKER_AWAY_SECONDS = 30
ZOOKEEPER_AWAY_SECONDS = 60


def test_broker_killed_and_started_at_once(around: Callable[..., Any], stack: Stack) -> None:
    """ZooKeeper still holds the old session, so the first starts fail until it has expired."""
    with around("broker: kill -9 and immediate start") as fault:
        stack.compose("kill", "kafka")
        stack.compose("start", "kafka")
        fault.is_over()


@pytest.mark.long
@pytest.mark.parametrize(
    ("service", "seconds"), [("kafka", BROKER_AWAY_SECONDS), ("zookeeper", ZOOKEEPER_AWAY_SECONDS)]
)
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
