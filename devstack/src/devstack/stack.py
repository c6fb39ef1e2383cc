"""The services of the stack, each run by this interpreter: topics, the monitor, the producers."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

from devstack.layout import ROOT, Site
from devstack.processes import Child, Processes
from servicekit.old_name import old_display

TOPICS_SECONDS = 150
READY_SECONDS = 180
PRODUCERS = {"producer-suhu": "producer_suhu", "producer-kelembaban": "producer_kelembaban"}
AT_SITE = {"gudang": PRODUCERS, "pabrik": PRODUCERS | {"producer-mesin": "producer_mesin"}}
"""The producers that run, by the name of the site; the factory comes on top of the warehouses."""


def user_environment(dotenv: Path, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the real environment over what the file `dotenv` says."""
    return {name: value for name, value in dotenv_values(dotenv).items() if value is not None} | dict(inherited)


def old_setting(dotenv: Path, inherited: Mapping[str, str] = os.environ) -> str | None:
    """Return the operator's line for a DISPLAY without a SHOW, wherever it stands; a desktop's own hides a file's."""
    written = dotenv_values(dotenv)
    if inherited.get("SHOW") or written.get("SHOW"):
        return None
    return old_display(inherited.get("DISPLAY")) or old_display(written.get("DISPLAY"))


class Services:
    """The services of one site. All get the environment `user`, with what this stack decides on top."""

    def __init__(self, site: Site, processes: Processes, user: Mapping[str, str]) -> None:
        self._state = site.state
        self._processes = processes
        # Nothing here has a window; of a DISPLAY that was meant for the monitor `old_setting` tells.
        self._env = {name: value for name, value in user.items() if name != "DISPLAY"}
        self._env |= {"KAFKA_BOOTSTRAP_SERVERS": site.bootstrap, "PYTHONUNBUFFERED": "1"}
        self._rules = {
            "CONFIG_DIR": str(ROOT / self._env.get("CONFIG_DIR", "config")),
            "SHIPPED_RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
        }
        self._heartbeats: list[tuple[Child, Path]] = []

    def create_topics(self) -> None:
        """Return when every topic exists."""
        env = {**self._env, "TOPICS_FILE": str(ROOT / "infra" / "topic-init" / "topics.yaml")}
        self._processes.run("topic-init", [sys.executable, "-m", "topic_init"], env=env, timeout=TOPICS_SECONDS)

    def start_monitor(self, java: Mapping[str, str]) -> None:
        """Start the monitor with the settings of its Java; its alerts go to this program's stdout."""
        env = {
            **java,
            "CHECKPOINT_DIR": str(self._state / "checkpoints"),
            **self._rules,
        }
        self._start("spark-monitor", ["spark_monitor", "run"], env, own_stdout=True, deadline=30)

    def start_web(self) -> str:
        """Start the page; return its address."""
        address = f"127.0.0.1:{self._env.get('WEB_PORT') or 8080}"
        env = {"WEB_ADDRESS": address, "PEOPLE_DIR": str(self._state / "people"), **self._rules}
        if own := self._env.get("WEB_DATABASE_URL"):
            env["DATABASE_URL"] = own
        self._start("web", ["web"], env, own_stdout=False, deadline=10)
        return f"http://{address}"

    def start_producers(self, producers: Mapping[str, str]) -> None:
        """Start one producer of each kind, given as name and module."""
        for name, module in producers.items():
            self._start(name, [module], {}, own_stdout=False, deadline=10)

    def wait_until_ready(self) -> None:
        """Return when every service has done its work once, which is what its heartbeat says."""
        for child, heartbeat in self._heartbeats:
            self._processes.wait_for(child, heartbeat.exists, timeout=READY_SECONDS)

    def _start(
        self, name: str, module: Sequence[str], env: Mapping[str, str], *, own_stdout: bool, deadline: float
    ) -> None:
        """Start a module with its arguments."""
        heartbeat = self._state / "heartbeats" / name
        heartbeat.parent.mkdir(parents=True, exist_ok=True)
        heartbeat.unlink(missing_ok=True)
        env = {**self._env, **env, "HEARTBEAT_FILE": str(heartbeat)}
        command = [sys.executable, "-m", *module]
        child = self._processes.start(name, command, env=env, own_stdout=own_stdout, deadline=deadline)
        self._heartbeats.append((child, heartbeat))
