"""What is kept over a restart: all is killed at once, checkpoints are cut off, retention overtakes."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from tests.stack.faults.checkpoints import in_checkpoints
from tests.stack.faults.ledger import TOPIC

from devstack.compose_project import Stack, eventually


def said(stack: Stack, since: float, text: str) -> list[dict[str, Any]]:
    return [event for event in stack.events(since) if text in event["event"]]


@pytest.mark.long
def test_cut_off_files(around: Callable[..., Any], stack: Stack) -> None:
    """The newest offsets of two queries and the newest commit of the third are empty, as after a loss of power.

    It comes first here: the tests before let the monitor run, so there is a boundary, for which it would have to wait.
    """
    with around("checkpoint: newest offsets and commit file empty") as fault:
        # At a boundary Spark has written a commit file.
        eventually(
            lambda: (
                set(in_checkpoints(stack, "ls -d */commits/[0-9]* | cut -d - -f 1 || true").split())
                == {"alerts", "incidents", "status"}
            ),
            lambda: "no boundary",
            150,
        )
        stack.compose("stop", "spark-monitor")
        for log in "alerts-*/offsets", "status-*/commits", "incidents-*/offsets":
            in_checkpoints(stack, f"cd {log}; : > $(ls | sort -n | tail -1)")
        stack.compose("start", "spark-monitor")
        fault.is_over()
        assert len(said(stack, fault.begun, "is damaged: starting over")) == 3
        fault.remark = "the log says so, and the queries start again from the last known position"


@pytest.mark.long
def test_all_containers_killed(around: Callable[..., Any], stack: Stack) -> None:
    with around("everything: docker compose kill, then up") as fault:
        fault.may_come_twice = 1
        stack.compose("kill")
        stack.compose("up", "--detach")
        fault.is_over()


@pytest.mark.long
def test_retention_overtakes_a_stopped_monitor(around: Callable[..., Any], stack: Stack) -> None:
    with around("retention: 300 of 500 unread readings removed", rate=0) as fault:
        stack.compose("stop", "spark-monitor")
        fault.ledger.send(500)
        fault.ledger.flush()
        offsets = sorted(fault.ledger.acknowledged.values())
        first_kept = offsets[300]
        admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        for removed in admin.delete_records([TopicPartition(TOPIC, 0, first_kept)]).values():
            removed.result(30)
        started = time.time()
        stack.compose("start", "spark-monitor")
        eventually(lambda: said(stack, started, "readings are gone"), lambda: str(stack.events(started)), 60)
        gone = {event["query"]: event for event in said(stack, started, "readings are gone")}
        assert set(gone) == {"alerts", "incidents", "status"}
        assert gone["alerts"]["last_gone"] == first_kept - 1
        assert gone["alerts"]["first_gone"] <= offsets[0]
        eventually(lambda: stack.health_of("spark-monitor") == "healthy", lambda: str(stack.health()), 90)
        since = time.time()
        fault.ledger.send(5)
        fault.ledger.flush()
        fault.recoveries.append(fault.ledger.wait_for_a_new_line(since))
        fault.expect_gone = 300
        fault.remark = "the log has the offsets"
