"""A compose project as the tests see it: what a user can do with `docker compose` and `docker`."""

import contextlib
import datetime as dt
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer, TopicPartition

from devstack import eventually as polling
from devstack.layout import ROOT
from devstack.ports import free_ports

READABLE = 0o055
"""A folder's rights for everybody to look into it."""

BACK = {"stop": "start", "pause": "unpause"}


def eventually(condition: Callable[[], Any], what: Callable[[], str], seconds: float = 60) -> None:
    """Poll as all tests do, but not as often: each look is a call of Docker."""
    polling.eventually(condition, what, seconds, look_every=0.5)


class Stack:
    """One compose project."""

    other_brokers: tuple[str, ...] = ()
    """Addresses of the second and the third broker, where there are some."""

    start_seconds: float = 150
    """How long all of it may take until it is healthy."""

    def __init__(self, project: str, port: int, rules_file: Path, **env: str) -> None:
        self.project = project
        self.bootstrap = f"localhost:{port}"
        self.page = f"http://localhost:{env.get('WEB_PORT', 8080)}"
        self.rules_file = rules_file
        self._env = os.environ | {
            "COMPOSE_PROJECT_NAME": project,
            "KAFKA_HOST_PORT": str(port),
            "CONFIG_DIR": str(rules_file.parent),
            **env,
        }

    @classmethod
    def new(cls, name: str, folder: Path, **env: str) -> Self:
        """Make a project on a free port; its rules are a copy in `folder` that may change."""
        # Who reads the rules in the container is another user. What is open already may be no folder of ours.
        for above in folder, folder.parent, folder.parent.parent:
            if (mode := above.stat().st_mode) & READABLE != READABLE:
                above.chmod(mode | READABLE)
        rules_file = folder / "config" / "rules.yaml"
        rules_file.parent.mkdir(exist_ok=True)
        rules_file.parent.chmod(0o755)
        for shipped in ("rules.yaml", "rules.test.yaml"):
            shutil.copy(ROOT / "services/spark-monitor" / shipped, rules_file.parent)
            (rules_file.parent / shipped).chmod(0o644)
        port, second, third, page = free_ports(4)
        # The other brokers are of the cluster.
        env = {"KAFKA_2_HOST_PORT": str(second), "KAFKA_3_HOST_PORT": str(third), "WEB_PORT": str(page)} | env
        stack = cls(f"{name}-{os.getpid()}", port, rules_file, **env)
        if "compose.cluster.yaml" in env.get("COMPOSE_FILE", ""):
            stack.other_brokers = (f"localhost:{second}", f"localhost:{third}")
            # Eight Java machines more, which start together: alone, on two cores, the last is there after 80 s.
            stack.start_seconds = 300
        return stack

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Start all of it from nothing, as a user does; leave nothing behind."""
        try:
            self.compose("up", "--detach", "--build", "--quiet-pull")
            yield self
        finally:
            # Nothing is kept, so nothing need be said good-bye to.
            self.compose("--profile", "*", "down", "--volumes", "--timeout", "0", check=False)

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run `docker compose`; return its output. Fails with what it said."""
        ended = subprocess.run(
            ["docker", "compose", *arguments], cwd=ROOT, env=self._env, capture_output=True, text=True, check=False
        )
        assert not check or ended.returncode == 0, f"docker compose {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def fails(self, *arguments: str) -> str:
        """Run `docker compose`, which must fail; return what it said."""
        command = ["docker", "compose", *arguments]
        ended = subprocess.run(command, cwd=ROOT, env=self._env, capture_output=True, text=True, check=False)
        assert ended.returncode != 0, f"docker compose {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def shell(self, script: str) -> str:
        """Run what a user types, in the repository's folder; return its output. Fails with what it said."""
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT, env=self._env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"{script}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def make(self, *targets: str) -> str:
        """Run `make` on this project; return its output. Fails with what it said."""
        return self.shell(shlex.join(["make", *targets]))

    def away(self, service: str, how: str, seconds: float) -> None:
        """Stop or pause a service for a while."""
        self.compose(how, service)
        time.sleep(seconds)  # this is the fault: nothing is waited for
        self.compose(BACK[how], service)

    def crash(self, service: str, *command: str) -> None:
        """Run a command in a service's first container that ends it from inside, until Docker has started it again."""
        before = self.containers(service)[0]["RestartCount"]
        # Not checked: the command may be gone together with the container.
        self.compose("exec", "-T", service, *command, check=False)

        def is_back() -> bool:
            now = self.containers(service)[0]
            return bool(now["RestartCount"] > before and now["State"]["Running"])

        eventually(is_back, lambda: f"{service} was not started again", 30)

    def variables(self) -> dict[str, str]:
        """Return what a program of ours is told so that Kafka lets it in."""
        return {}

    def client(self) -> dict[str, Any]:
        """Return the configuration of a client that Kafka lets in."""
        return {"bootstrap.servers": self.bootstrap}

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """Return what Docker knows of the services' containers, without those of `docker compose run`."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        # Not checked: one of `docker compose run` may be gone meanwhile. The others are told all the same.
        inspected = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=False)
        found: list[dict[str, Any]] = json.loads(inspected.stdout)
        return [each for each in found if each["Config"]["Labels"]["com.docker.compose.oneoff"] == "False"]

    def log(self, service: str, since: float = 0) -> list[str]:
        """Return a service's log since an epoch second, stdout and stderr, without prefixes."""
        return self.compose("logs", "--no-log-prefix", "--since", f"{since:.3f}", service).splitlines()

    def statuses(self, warehouse: str) -> list[str]:
        """Return the printed statuses of a warehouse, each as its three lines."""
        log = "\n".join(self.log("spark-monitor"))
        return re.findall(rf"\[Status Gabungan\] Gudang {re.escape(warehouse)}:\n(.*?)\n-{{30}}\n", log, re.DOTALL)

    @staticmethod
    def seconds(stamp: str) -> float:
        """Return Docker's UTC time stamp (nanoseconds, Z) as epoch seconds."""
        return dt.datetime.fromisoformat(stamp[:26].rstrip("Z")).replace(tzinfo=dt.UTC).timestamp()

    def events(self, since: float, service: str = "spark-monitor") -> list[dict[str, Any]]:
        """Return what a service's own log said since an epoch second."""
        return [json.loads(line) for line in self.errors(since, service) if line.startswith("{")]

    def errors(self, since: float, service: str) -> list[str]:
        """Return what a service wrote to stderr since an epoch second."""
        found = []
        for container in self.containers(service):
            logs = ["docker", "logs", "--since", f"{since:.3f}", container["Id"]]
            said = subprocess.run(logs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True).stderr
            found += said.splitlines()
        return found

    def read(self, topic: str, since: float) -> list[Any]:
        """Return what is in a topic since an epoch second, as JSON; what is none is left out."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "test", "enable.auto.commit": False})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            wanted = [TopicPartition(topic, number, int(since * 1000)) for number in partitions]
            starts = consumer.offsets_for_times(wanted, timeout=10)
            # Below 0 where nothing came since.
            reached = {start.partition: start.offset for start in starts if start.offset >= 0}
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                for number in reached
            }
            consumer.assign([start for start in starts if start.offset >= 0])
            found: list[Any] = []
            while any(reached[number] < end for number, end in ends.items()):
                for message in consumer.consume(5000, 0.2):
                    reached[message.partition() or 0] = (message.offset() or 0) + 1
                    if message.error() is None:
                        with contextlib.suppress(ValueError):
                            found.append(json.loads(message.value() or b""))
        finally:
            consumer.close()
        return found

    def docker(self, *arguments: str) -> str:
        """Run `docker`; return its output. Fails with what it said."""
        ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"docker {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def health(self) -> dict[str, str]:
        """Return each container's health, by name, of those that have a check."""
        return {
            container["Name"]: container["State"]["Health"]["Status"]
            for container in self.containers()
            if "Health" in container["State"]
        }

    def health_of(self, service: str) -> str:
        """Return the health of a service's first container."""
        return str(self.containers(service)[0]["State"]["Health"]["Status"])

    def set(self, **env: str) -> None:
        """Change variables for what compose does from now on."""
        self._env |= env

    def wait_until_healthy(self) -> None:
        """Return when all health checks are green."""
        eventually(lambda: set(self.health().values()) == {"healthy"}, lambda: str(self.health()), self.start_seconds)
