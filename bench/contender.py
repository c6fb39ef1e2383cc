"""A contender as a process: how it is started, what it costs, how it is ended."""

import contextlib
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import psutil

from bench import rules
from devstack.jars import SPARK_POM
from devstack.layout import ROOT
from messages.topics import ALERTS, STATUSES

STOP_SECONDS = 20
PROGRAMS = ROOT / "bench" / "contenders"
FLINK_POM = ROOT / "bench" / "flink" / "pom.xml"
ENVIRONMENTS = ROOT / ".venv-bench"
"""A virtual environment for each library that can't share the repository's."""


@dataclass(frozen=True)
class Contender:
    """What is run. `alerts` and `statuses` are the topics it writes; `environment` is None for the repository's.

    `pom` names the jars that it needs.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: str | None = None
    alerts: str = "bench-alerts"
    statuses: str = "bench-statuses"
    pom: Path = SPARK_POM
    root: Path = ROOT
    """The checkout whose code and rules it runs."""

    @property
    def python(self) -> Path:
        """Return the interpreter that runs it."""
        if self.root != ROOT:
            return self.root / ".venv" / "bin" / "python"
        if self.environment is None:
            return Path(sys.executable)
        return ENVIRONMENTS / self.environment / "bin" / "python"


def program(name: str) -> tuple[str, ...]:
    """Return the arguments that run one of the contenders' programs."""
    return (str(PROGRAMS / f"{name}.py"),)


MONITORS = (ALERTS, STATUSES)
CONTENDERS = (
    Contender("bare", "bare client (the limit)", program("bare_client")),
    Contender("ours", "this monitor", ("-m", "spark_monitor", "run"), None, *MONITORS),
    Contender("tutorial", "usual tutorial (2 s trigger)", program("tutorial")),
    Contender("quix", "Quix Streams", program("quix"), environment="quix"),
    Contender("flink", "Apache Flink (PyFlink)", program("flink"), environment="flink", pom=FLINK_POM),
    Contender("bytewax", "Bytewax", program("bytewax_flow"), environment="bytewax"),
)
(OURS,) = (each for each in CONTENDERS if each.name == "ours")


def beside(checkout: Path) -> Contender:
    """Return the monitor of another checkout of this repository, which has its own .venv; its folder is its name."""
    root = checkout.resolve()
    pom = root / SPARK_POM.relative_to(ROOT)
    return replace(OURS, name=root.name, title=f"the monitor of {root.name}", pom=pom, root=root)


class Running:
    """A contender's process group, from an empty state on."""

    def __init__(self, contender: Contender, bootstrap: str, jars: Path, state: Path, starting: str) -> None:
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        self.log = state.parent / f"{contender.name}.log"
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "ALERTS_TOPIC": contender.alerts,
            "STATUSES_TOPIC": contender.statuses,
            "STARTING_OFFSETS": starting,
            "CONSUMER_GROUP": f"bench-{uuid.uuid4().hex}",
            "STATE_DIR": str(state),
            "CHECKPOINT_DIR": str(state / "checkpoints"),
            "JARS_DIR": str(jars),
            "SPARK_JARS_DIR": str(jars),
            "RULES_FILE": str(rules.for_these_sensors(contender.root, state)),
            "HEARTBEAT_FILE": str(state / "heartbeat"),
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [contender.python, *contender.command], env=os.environ | environment, cwd=state,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_unused: object) -> None:
        """End all its processes, in order if they can."""
        processes = self._all()
        self._process.terminate()
        _ended, left = psutil.wait_procs(processes, timeout=STOP_SECONDS)
        for each in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait()

    def ended(self) -> str | None:
        """Return the end of its log if it is no longer there, else None."""
        if self._process.poll() is None:
            return None
        return self.log.read_text("utf-8", "replace")[-6000:]

    def cpu_seconds(self) -> float:
        """Return what all its processes have used of the processors so far."""
        return self._sum(lambda each: sum(each.cpu_times()[:2]))

    def memory(self) -> float:
        """Return the memory of all its processes in MiB; what they share is counted once (PSS)."""
        return self._sum(lambda each: each.memory_full_info().pss) / 2**20

    def _sum(self, of: Callable[[psutil.Process], float]) -> float:
        """Return a figure of all its processes together; one that ends meanwhile has none."""
        total = 0.0
        for each in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += of(each)
        return total

    def _all(self) -> list[psutil.Process]:
        if self._process.poll() is not None:
            return []
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]
