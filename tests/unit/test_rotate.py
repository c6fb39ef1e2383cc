"""`make rotate`: in which order who gets what, on one machine and as a cluster; a stand-in for Docker takes notes."""

import os
import subprocess
from typing import NamedTuple

import pytest

from devstack.layout import ROOT

OVERLAYS = {
    "one machine": "compose.yaml compose.secure.yaml",
    "cluster": "compose.yaml compose.secure.yaml compose.cluster.yaml compose.cluster-secure.yaml",
}
RUNNING = {
    "one machine": "kafka notifier producer-suhu spark-monitor zookeeper",
    "cluster": "kafka kafka-2 kafka-3 spark-master spark-monitor spark-worker zookeeper zookeeper-2 zookeeper-3",
}
SERVICES = {"one machine": "notifier producer-suhu spark-monitor", "cluster": "spark-master spark-monitor spark-worker"}
BROKERS = {"one machine": "kafka", "cluster": "kafka kafka-2 kafka-3"}
NODES = {"one machine": "zookeeper", "cluster": "zookeeper zookeeper-2 zookeeper-3"}

STAND_IN = """#!/bin/bash
shift
files=()
while [ "$1" = -f ]; do files+=("$2"); shift 2; done
case $* in
    *" ps "*) tr ' ' '\\n' <<<"$RUNNING" ;;
    *) echo "${files[*]}|$*|$(cat "$SECRETS_DIR"/passwords/{spark-monitor,zookeeper} | tr '\\n' '|')" >>"$NOTES" ;;
esac
"""


class Step(NamedTuple):
    """A call of `docker compose`, and the passwords that stood in the files then."""

    files: str
    command: str
    of_monitor: str
    of_zookeeper: str


@pytest.fixture(scope="module", params=RUNNING)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def steps(kind: str, tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """Return what was called, `make secrets` before it as the first."""
    tmp_path = tmp_path_factory.mktemp("rotate")
    for name, program in (("docker", STAND_IN), ("chown", "#!/bin/sh\n")):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    env = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SECRETS_DIR": str(tmp_path / "secrets"),
        "NOTES": str(tmp_path / "notes"),
        "RUNNING": RUNNING[kind],
    }
    subprocess.run([ROOT / "infra/make-secrets"], env=env, capture_output=True, check=True)
    subprocess.run(["docker", "compose", "before"], env=env, check=True)
    subprocess.run([ROOT / "infra/rotate"], env=env, capture_output=True, check=True)
    return [Step(*line.split("|")[:4]) for line in (tmp_path / "notes").read_text().splitlines()]


def test_the_brokers_learn_the_passwords_then_all_who_have_them_start_again(kind: str, steps: list[Step]) -> None:
    """The brokers last and all at once, as they know each other by a password, too; ZooKeeper while they are away."""
    assert [step.command for step in steps[1:]] == [
        "run --rm --no-deps kafka-users",
        "run --rm --no-deps topic-init",
        f"restart {SERVICES[kind]}",
        f"stop {BROKERS[kind]}",
        f"restart {NODES[kind]}",
        f"start {BROKERS[kind]}",
    ]


def test_it_knows_by_itself_what_runs(kind: str, steps: list[Step]) -> None:
    """On one machine topic-init would make a cluster's partitions."""
    assert {step.files for step in steps[1:]} == {OVERLAYS[kind]}


def test_zookeeper_s_password_changes_when_nobody_uses_it(steps: list[Step]) -> None:
    before, users, topics, restart, stop, *after = steps
    assert {step.of_zookeeper for step in (before, users, topics, restart, stop)} == {before.of_zookeeper}
    assert len({before.of_zookeeper, *(step.of_zookeeper for step in after)}) == 2


def test_the_users_passwords_change_once(steps: list[Step]) -> None:
    before, *rest = steps
    assert len({step.of_monitor for step in rest} - {before.of_monitor}) == len({step.of_monitor for step in rest}) == 1
