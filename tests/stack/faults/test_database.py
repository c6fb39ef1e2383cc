"""The history's database dies, is away, has no room: alarms come as always, and each reading is kept once."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.stack.faults.kept import AWAY, BACK, wait_for_line, wait_until_kept

from devstack.compose_project import Stack

AWAY_SECONDS = 300


@pytest.mark.long
def test_the_database_is_killed(around: Callable[..., Any], stack: Stack) -> None:
    with around("database: killed three times") as fault:
        for _ in range(3):
            stack.compose("kill", "db")
            stack.compose("start", "db")
            fault.is_over()
        fault.remark = "alerts do not notice; each reading is in the history once"
    wait_until_kept(fault.ledger)


@pytest.mark.long
def test_the_database_is_away(around: Callable[..., Any], stack: Stack) -> None:
    with around("database: away for 5 min at 500 readings/s", rate=500) as fault:
        stack.compose("stop", "db")
        wait_for_line(stack, fault.begun, AWAY)
        time.sleep(AWAY_SECONDS)  # this is the fault: nothing is waited for
        fault.is_over()
        stack.compose("start", "db")
        wait_for_line(stack, fault.begun, BACK)
        fault.remark = "the log says so; what came meanwhile is in the history, once"
    wait_until_kept(fault.ledger)
