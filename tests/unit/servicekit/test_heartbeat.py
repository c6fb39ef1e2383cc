"""The heartbeat's age is the health."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servicekit import heartbeat

HEAVY = {"pydantic", "pydantic_settings", "confluent_kafka", "structlog", "tenacity"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the heartbeat's file, not yet there."""
    file = tmp_path / "heartbeat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(file))
    return file


def make(file: Path, age: float) -> None:
    """Leave a heartbeat that is `age` seconds old."""
    file.touch()
    os.utime(file, (time.time() - age,) * 2)


def run_check() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "servicekit.heartbeat"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.usefixtures("file")
def test_no_heartbeat_is_ill() -> None:
    assert heartbeat.check() == "no heartbeat yet"


@pytest.mark.usefixtures("file")
def test_a_beat_is_healthy() -> None:
    heartbeat.beat()
    assert heartbeat.check() is None


def test_an_old_heartbeat_is_ill_until_the_next_beat(file: Path) -> None:
    make(file, age=40)
    assert heartbeat.check() == "last heartbeat 40 s ago, allowed 30 s"
    heartbeat.beat()
    assert heartbeat.check() is None


@pytest.mark.parametrize(("good_for", "is_healthy"), [(30, True), (15, True), (5, False)])
def test_a_beat_says_how_long_it_is_good_for(file: Path, good_for: float, *, is_healthy: bool) -> None:
    heartbeat.beat(good_for)
    os.utime(file, (time.time() - 10,) * 2)
    assert (heartbeat.check() is None) is is_healthy


@pytest.mark.parametrize("value", [None, ""])
def test_the_file_s_default_is_in_the_containers_tmpfs(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("HEARTBEAT_FILE", value)
    assert heartbeat.path() == Path("/tmp/heartbeat")  # noqa: S108 - a tmpfs of the container


def test_the_health_check_tells_by_its_exit_code(file: Path) -> None:
    missing = run_check()
    assert (missing.returncode, missing.stderr) == (1, "no heartbeat yet\n")

    make(file, age=40)
    stale = run_check()
    assert (stale.returncode, stale.stderr) == (1, "last heartbeat 40 s ago, allowed 30 s\n")

    make(file, age=0)
    fresh = run_check()
    assert (fresh.returncode, fresh.stdout, fresh.stderr) == (0, "", "")


def test_the_health_check_imports_nothing_heavy() -> None:
    """It runs every few seconds in every container."""
    code = f"import sys, servicekit.heartbeat; print(sorted({HEAVY} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "[]\n"
