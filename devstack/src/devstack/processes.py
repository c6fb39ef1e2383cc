"""Child processes: each with its log file, waited for by polling, stopped in the reverse order of their start."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, stop_when_event_set, wait_fixed
from tenacity.nap import sleep_using_event

POLL_SECONDS = 0.2
LAST_LINES = 15


class StackError(Exception):
    """The stack cannot start or go on. The text is for the operator: one line a problem, then a log's last lines."""


class StopRequested(Exception):  # noqa: N818 - a wish, no error
    """The stop was asked for."""


@dataclass(frozen=True)
class Child:
    """A process that leads a session of its own: a terminal's Ctrl-C does not reach it, and its group is its alone.

    `deadline` is the seconds it has between SIGTERM and SIGKILL.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    deadline: float

    def ended(self) -> bool:
        """Whether the process is over."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """SIGTERM, wait until it and what it started (Spark's JVM) are gone, SIGKILL after the deadline."""
        if not self.ended():
            self.process.terminate()
        with contextlib.suppress(RetryError):
            _poll(lambda: self.ended() and not self._signal_group(0), self.deadline)
        self._signal_group(signal.SIGKILL)
        self.process.wait()

    def _signal_group(self, number: int) -> bool:
        """Return whether anybody was there."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)
            return True
        return False

    def last_words(self) -> str:
        """Return the end of its log, indented, under the log's name."""
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n  ".join([f"the last lines of {self.log}:", *lines])


class Processes:
    """The children of one stack; `running` makes it. Once `stop` is set every wait ends with StopRequested."""

    def __init__(self, logs: Path, stop: threading.Event, exits: contextlib.ExitStack) -> None:
        self._logs = logs
        self._stop = stop
        self._exits = exits
        self._watched: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        own_stdout: bool = False,
        deadline: float = 10,
    ) -> Child:
        """Start what shall run until it is stopped; from now on every wait fails when it ends by itself.

        Its output goes to `<logs>/<name>.log` (the last run's becomes `.log.1`); with `own_stdout` only stderr does.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=None if own_stdout else file,
                stderr=file,
                start_new_session=True,
            )
        child = Child(name, process, log, deadline)
        self._exits.callback(child.stop)
        self._watched.append(child)
        return child

    def run(self, name: str, command: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None) -> None:
        """Run something to its end; StackError when it fails or takes longer than `timeout` seconds."""
        child = self.start(name, command, env=env)
        self._watched.remove(child)
        self.wait_for(child, child.ended, timeout=timeout)
        if code := child.process.returncode:
            raise StackError(f"{name} failed with exit code {code}; {child.last_words()}")

    def stop(self, child: Child) -> None:
        """Stop one child before the others."""
        self._watched.remove(child)
        child.stop()

    def wait_for(self, child: Child, ready: Callable[[], bool], *, timeout: float) -> None:
        """Return when the child is ready; StackError when any ended by itself, or after `timeout` seconds."""

        def alive_and_ready() -> bool:
            self._check()
            return ready()

        try:
            _poll(alive_and_ready, timeout, self._stop)
        except RetryError:
            if self._stop.is_set():
                raise StopRequested from None
            raise StackError(f"{child.name} is not ready after {timeout:g} s; {child.last_words()}") from None

    def watch(self) -> NoReturn:
        """Wait for the end: StopRequested, or StackError when a child ended by itself."""
        while not self._stop.wait(POLL_SECONDS):
            self._check()
        raise StopRequested

    def _check(self) -> None:
        for child in self._watched:
            if child.ended():
                code = child.process.returncode
                raise StackError(f"{child.name} ended by itself with exit code {code}; {child.last_words()}")


@contextlib.contextmanager
def running(logs: Path, stop: threading.Event | None = None) -> Iterator[Processes]:
    """Yield a stack's processes and stop those that run, the youngest first, whatever happened."""
    with contextlib.ExitStack() as exits:
        yield Processes(logs, stop or threading.Event(), exits)


def _poll(condition: Callable[[], bool], timeout: float, stop: threading.Event | None = None) -> None:
    """Return when the condition holds; RetryError after `timeout` seconds or when `stop` is set."""
    stop = stop or threading.Event()
    Retrying(
        retry=retry_if_result(lambda holds: not holds),
        stop=stop_after_delay(timeout) | stop_when_event_set(stop),
        wait=wait_fixed(POLL_SECONDS),
        sleep=sleep_using_event(stop),
    )(condition)
