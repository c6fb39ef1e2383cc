"""The real containers, from outside: `docker compose` on a project and port of the tests' own."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


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


def eventually(condition: Callable[[], Any], what: Callable[[], str], seconds: float = 60) -> None:
    """Poll until the condition holds; fail saying what is missing."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s: {what()}"
        time.sleep(0.5)


class Stack:
    """One compose project."""

    def __init__(self, project: str, port: int, rules_file: Path) -> None:
        self.bootstrap = f"localhost:{port}"
        self.rules_file = rules_file
        self._env = os.environ | {
            "COMPOSE_PROJECT_NAME": project,
            "KAFKA_HOST_PORT": str(port),
            "RULES_FILE": str(rules_file),
        }
        self._env.pop("DISPLAY", None)

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run `docker compose`; return its output. Fails with what it said."""
        ended = subprocess.run(
            ["docker", "compose", *arguments], cwd=ROOT, env=self._env, capture_output=True, text=True, check=False
        )
        assert not check or ended.returncode == 0, f"docker compose {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """Return what Docker knows of the containers."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        inspected = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True)
        found: list[dict[str, Any]] = json.loads(inspected.stdout)
        return found

    def log(self, service: str) -> list[str]:
        """Return a service's log, stdout and stderr, without prefixes."""
        return self.compose("logs", "--no-log-prefix", service).splitlines()

    def health(self) -> dict[str, str]:
        """Return each container's health, by name, of those that have a check."""
        return {
            container["Name"]: container["State"]["Health"]["Status"]
            for container in self.containers()
            if "Health" in container["State"]
        }

    def wait_until_healthy(self) -> None:
        """Return when all health checks are green."""
        eventually(lambda: set(self.health().values()) == {"healthy"}, lambda: str(self.health()), 150)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start all of it from nothing, as a user does, and remove it in the end. The rules are a copy that may change."""
    folder = tmp_path_factory.mktemp("rules")
    folder.parent.chmod(0o755)
    folder.parent.parent.chmod(0o755)
    folder.chmod(0o755)
    rules_file = folder / "rules.yaml"
    shutil.copy(ROOT / "services/spark-monitor/rules.yaml", rules_file)
    rules_file.chmod(0o644)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stack = Stack(f"warehouse-test-{os.getpid()}", port, rules_file)
    try:
        stack.compose("up", "--detach", "--build", "--quiet-pull")
        yield stack
    finally:
        stack.compose("--profile", "pabrik", "down", "--volumes", "--timeout", "40", check=False)
