"""Each fault: a ledger around it, a row of the table behind it."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.stack.faults.ledger import Ledger, Row, table

from devstack.compose_project import Stack

ROWS = pytest.StashKey[list[Row]]()
RATE = 200
"""Readings a second while a fault lasts."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty table."""
    config.stash[ROWS] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, as Markdown; write its rows to the file that FAULT_RESULTS names."""
    rows = config.stash[ROWS]
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(table(rows))
    if file := os.environ.get("FAULT_RESULTS"):
        Path(file).write_text(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n", "utf-8")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once what failed: the whole suite takes a while."""
    if report.failed:
        print(f"\n{report.longreprtext[-1500:]}")  # noqa: T201


class Fault:
    """What a test does with its fault: say when it is over, add a remark, and send more.

    `may_come_twice`: how many lines beyond one for each reading, such as the one that is being printed at a kill.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.stack = ledger.stack
        self.begun = time.time()
        self.recoveries: list[float] = []
        self.remark = ""
        self.expect_gone = 0
        self.may_come_twice = 0

    def is_over(self, seconds: float = 150) -> None:
        """Note that nothing disturbs any more, and wait until a reading sent from now on is printed."""
        self.recoveries.append(self.ledger.wait_for_a_new_line(time.time(), seconds))


def crashes_of_producers(stack: Stack) -> int:
    """Return how often Docker had to start one of the producers again."""
    return sum(each["RestartCount"] for each in stack.containers("producer-suhu", "producer-kelembaban"))


def has_done_its_work(container: dict[str, Any]) -> bool:
    """Say whether a container is not meant to run on: topic-init's."""
    return bool(container["Config"]["Labels"]["com.docker.compose.service"] == "topic-init")


@pytest.fixture
def around(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a context manager: readings flow while its block runs; behind it all of them are accounted for.

    It starts the shared stack only where no other is given: two at once are too much for a small machine.
    """

    @contextmanager
    def around(fault: str, *, rate: float = RATE, on: Stack | None = None, spread: int = 1) -> Iterator[Fault]:
        on = on or request.getfixturevalue("stack")
        name = "F" + re.sub(r"\W", "", request.node.name.removeprefix("test_"))[:20] + str(int(time.time()) % 10_000)
        # What an earlier test may have left stopped.
        if not all(container["State"]["Running"] for container in on.containers() if not has_done_its_work(container)):
            on.compose("up", "--detach", "--no-recreate")
        on.wait_until_healthy()
        crashes = crashes_of_producers(on)
        with closing(Ledger(on, name, spread)) as ledger:
            disturbance = Fault(ledger)
            with ledger.stream(rate):
                if rate:
                    ledger.wait_for_a_new_line(time.time())
                yield disturbance
            row = ledger.account(fault, expect_gone=disturbance.expect_gone)
        row.seconds_to_recover = max(disturbance.recoveries, default=None)
        row.remark = disturbance.remark
        request.config.stash[ROWS].append(row)
        with capsys.disabled():
            print(f"\n| {' | '.join(row.cells())} |", flush=True)  # noqa: T201 - progress
        assert row.lost == disturbance.expect_gone, row
        assert row.missing_lines == 0, row
        assert ledger.excess_lines <= disturbance.may_come_twice, (ledger.excess_lines, row)
        assert crashes_of_producers(on) == crashes, "a producer crashed: what waited in it is lost"

    return around
