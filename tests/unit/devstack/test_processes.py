"""Children start, are waited for, and never outlive their stack."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from devstack.processes import Processes, StackError, StopRequested, running

FOREVER = "import signal; print('up', flush=True); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"
NOTES_ITS_END = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(sys.argv[1]).open("a").write(sys.argv[2]), sys.exit()))
print("up", flush=True)
signal.pause()
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with running(tmp_path) as processes:
        yield processes


def is_up(log: Path) -> bool:
    return "up" in log.read_text()


def group_exists(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


@retry(retry=retry_if_result(lambda holds: not holds), stop=stop_after_delay(30), wait=wait_fixed(0.05))
def eventually(condition: Callable[[], bool]) -> bool:
    return condition()


def test_stops_the_youngest_first(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with running(tmp_path) as processes:
        for name in ("a", "b"):
            child = processes.start(name, python(NOTES_ITS_END, str(notes), name))
            processes.wait_for(child, lambda log=child.log: is_up(log), timeout=30)  # type: ignore[misc]
    assert notes.read_text() == "ba"


def test_kills_what_does_not_stop(tmp_path: Path) -> None:
    with running(tmp_path) as processes:
        child = processes.start("deaf", python(DEAF), deadline=0.1)
        processes.wait_for(child, lambda: is_up(child.log), timeout=30)
    assert child.process.returncode == -signal.SIGKILL


def test_kills_what_a_dead_child_left(tmp_path: Path) -> None:
    """A child killed from outside leaves its own child (Spark's JVM, say) behind."""
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {DEAF!r}])"
    with running(tmp_path) as processes:
        child = processes.start("parent", python(code), deadline=0.1)
        child.process.wait(30)
        eventually(lambda: is_up(child.log))
        assert group_exists(child.process.pid)
    eventually(lambda: not group_exists(child.process.pid))


def test_a_death_is_told_with_the_exit_code_and_the_end_of_the_log(processes: Processes, tmp_path: Path) -> None:
    processes.start("broken", python("import sys; sys.exit('no such thing')"))
    with pytest.raises(StackError) as error:
        processes.watch()
    assert str(error.value).splitlines() == [
        f"broken ended by itself with exit code 1; the last lines of {tmp_path}/broken.log:",
        "  no such thing",
    ]


def test_a_wait_ends_when_another_child_dies(processes: Processes) -> None:
    waiting = processes.start("waiting", python(FOREVER))
    processes.start("broken", python("raise SystemExit(3)"))
    with pytest.raises(StackError, match="broken ended by itself with exit code 3"):
        processes.wait_for(waiting, lambda: False, timeout=30)


def test_a_wait_has_an_end(processes: Processes) -> None:
    child = processes.start("slow", python(FOREVER))
    with pytest.raises(StackError, match=r"slow is not ready after 0\.1 s"):
        processes.wait_for(child, lambda: False, timeout=0.1)


def test_the_stop_ends_a_wait(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with running(tmp_path, stop) as processes:
        child = processes.start("slow", python(FOREVER))
        with pytest.raises(StopRequested):
            processes.wait_for(child, lambda: False, timeout=30)


def test_run_returns_at_the_end_and_tells_a_failure(processes: Processes) -> None:
    processes.run("good", python("pass"), timeout=30)
    with pytest.raises(StackError, match="bad failed with exit code 1"):
        processes.run("bad", python("raise SystemExit('why')"), timeout=30)


def test_the_last_run_s_log_is_kept(processes: Processes, tmp_path: Path) -> None:
    processes.run("twice", python("print(1)"), timeout=30)
    processes.run("twice", python("print(2)"), timeout=30)
    assert (tmp_path / "twice.log.1").read_text() == "1\n"
    assert (tmp_path / "twice.log").read_text() == "2\n"
