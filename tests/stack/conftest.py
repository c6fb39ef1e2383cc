"""The real containers, from outside: `docker compose` on a project and port of the tests' own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.compose_project import Stack


def docker_is_there() -> bool:
    """Say whether `docker compose` can work here."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out where Docker is absent, and say so. Under CI they run and fail instead."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    if not ours or os.environ.get("CI") == "true" or docker_is_there():
        return
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    reporter.write_line(f"Docker is absent: {len(ours)} tests of the containers are left out", yellow=True)
    items[:] = [item for item in items if item not in ours]
    config.hook.pytest_deselected(items=ours)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Nothing left to run is no failure here."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not docker_is_there():
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the stack that all tests share."""
    with Stack.new("warehouse-test", tmp_path_factory.mktemp("rules")).running() as stack:
        yield stack
