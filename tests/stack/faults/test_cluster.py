"""compose.cluster.yaml: the same lines as on one machine, and what of the cluster may be lost under load."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource
from tests.stack.faults.test_monitor import kill_the_monitor
from tests.stack.hardening import HOLDS, assert_as_the_table_says
from tests.stack.test_stack import printed, send

from devstack.compose_project import Stack, eventually
from messages.topics import ALERTS, CANARY, KELEMBABAN, SUHU

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

RATE = 2000
"""Readings a second. Two cores that three brokers, three workers and who watches them share are full with it."""

SPREAD = 96
"""Warehouses that take turns: with so many, each of the twelve partitions has some, and each must come back."""

SLOTS_NEEDED = 65
"""37 partitions of the alerts, 24 and two of state of the status, and one each for incidents and history."""

NODES = ("zookeeper", "zookeeper-2", "zookeeper-3")
SENSORS = (SUHU, KELEMBABAN)

DANGER = "- Status: Bahaya tinggi! Barang berisiko rusak\n------------------------------\n"
ASK = "import urllib.request as web; print(web.urlopen('http://spark-master:8080/json/').read().decode())"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    files = "compose.yaml:compose.cluster.yaml:tests/stack/faults/observed.yaml"
    stack = Stack.new("warehouse-cluster", tmp_path_factory.mktemp("rules"), COMPOSE_FILE=files, CHECKPOINT_MINUTES="1")
    with stack.running():
        stack.wait_until_healthy()
        yield stack


def assert_pair_gives_its_lines(stack: Stack, warehouse: str) -> None:
    """Send a pair that is too high: both alerts and the status are printed, as on one machine."""
    at = time.time()
    send(stack, "suhu", {"gudang_id": warehouse, "suhu": 85.25, "timestamp": at})
    send(stack, "kelembaban", {"gudang_id": warehouse, "kelembaban": 75.5, "timestamp": at})
    lines = [
        f"[Peringatan Suhu Tinggi] Gudang {warehouse}: Suhu 85.25°C - ",
        f"[Peringatan Kelembaban Tinggi] Gudang {warehouse}: Kelembaban 75.50% - ",
        f"[Status Gabungan] Gudang {warehouse}:\n- Suhu: 85.25°C\n- Kelembaban: 75.50%\n{DANGER}",
    ]

    def missing() -> list[str]:
        # Of a million lines each look would take a minute.
        log = "\n".join(stack.log("spark-monitor", since=at))
        return [line for line in lines if line not in log]

    eventually(lambda: not missing(), lambda: f"not printed: {missing()}", 60)


def container(stack: Stack, service: str) -> dict[str, Any]:
    """Return what Docker knows of a service's first container."""
    return stack.containers(service)[0]


def ask_the_master(stack: Stack) -> dict[str, Any]:
    """Return what the master knows, or nothing while it does not answer."""
    said = stack.compose("exec", "-T", "spark-master", "python", "-c", ASK, check=False)
    # In its first moments it answers with its page for people, whatever it is asked for.
    return dict(json.loads(said)) if said.startswith("{") else {}


def applications(stack: Stack) -> list[str]:
    """Return the ids of the applications that the master knows to run."""
    return [app["id"] for app in ask_the_master(stack).get("activeapps", []) if app["state"] == "RUNNING"]


def workers_alive(stack: Stack) -> int:
    """Return how many workers the master knows to be there."""
    return sum(worker["state"] == "ALIVE" for worker in ask_the_master(stack).get("workers", []))


def threads_with_tasks(stack: Stack, worker: dict[str, Any]) -> int:
    """Return how many threads of a worker's executor do tasks, or did so in the last minute."""
    names = stack.docker("exec", worker["Id"], "sh", "-c", "cat /proc/[0-9]*/task/*/comm 2>/dev/null || true")
    return sum(name.startswith("Executor task") for name in names.splitlines())


def test_the_topics_have_three_copies_and_twelve_partitions(cluster: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    found = admin.list_topics(timeout=20)
    assert len(found.brokers) == 3
    assert {name: len(found.topics[name].partitions) for name in SENSORS} == dict.fromkeys(SENSORS, 12)
    copies = {
        len(partition.replicas)
        for name in (*SENSORS, ALERTS, CANARY, "__consumer_offsets")
        for partition in found.topics[name].partitions.values()
    }
    assert copies == {3}
    wanted = ConfigResource(ConfigResource.Type.TOPIC, SENSORS[0])
    config = admin.describe_configs([wanted])[wanted].result(20)
    assert (config["min.insync.replicas"].value, config["unclean.leader.election.enable"].value) == ("2", "false")


def test_the_lines_are_those_of_one_machine(cluster: Stack) -> None:
    assert_pair_gives_its_lines(cluster, "X1")


def test_incidents_are_found_by_a_python_in_a_worker(cluster: Stack) -> None:
    send(cluster, "suhu", *({"gudang_id": "X9", "suhu": 75 + n, "timestamp": time.time()} for n in range(2)))
    eventually(lambda: printed(cluster, "[Sensor Diam] Gudang X9"), lambda: str(printed(cluster, "X9")), 90)
    processes = "".join(cluster.docker("top", worker["Id"]) for worker in cluster.containers("spark-worker"))
    assert "spark_monitor.incidents.worker" in processes


@pytest.mark.parametrize("item", HOLDS)
def test_the_containers_are_held_to_the_same_table(cluster: Stack, item: str) -> None:
    assert_as_the_table_says(item, cluster.containers())


def test_a_broker_is_lost(cluster: Stack, around: Callable[..., Any]) -> None:
    with around("cluster: a broker killed", rate=RATE, on=cluster, spread=SPREAD) as fault:
        cluster.compose("kill", "kafka-2")
        fault.is_over()
        cluster.compose("start", "kafka-2")
        fault.remark = "the other two go on"
    assert_pair_gives_its_lines(cluster, "X2")


def test_a_worker_is_lost(cluster: Stack, around: Callable[..., Any]) -> None:
    """The slots of the other two are enough, so nothing waits for its return."""
    with around("cluster: a worker killed", rate=RATE, on=cluster, spread=SPREAD) as fault:
        starts = container(cluster, "spark-monitor")["RestartCount"]
        (worker, *_) = cluster.containers("spark-worker")
        cluster.docker("kill", worker["Id"])
        fault.is_over()
        assert_pair_gives_its_lines(cluster, "X3")
        cluster.docker("start", worker["Id"])
        fault.remark = "the queries begin again at their boundary, in the other two"
    assert container(cluster, "spark-monitor")["RestartCount"] == starts


def test_the_master_is_lost_and_knows_again_what_runs(cluster: Stack, around: Callable[..., Any]) -> None:
    with around("cluster: the master killed", rate=RATE, on=cluster, spread=SPREAD) as fault:
        starts = container(cluster, "spark-monitor")["RestartCount"]
        before = applications(cluster)
        assert len(before) == 1
        cluster.compose("kill", "spark-master")
        fault.is_over()
        assert_pair_gives_its_lines(cluster, "X4")
        cluster.compose("start", "spark-master")
        eventually(lambda: applications(cluster) == before, lambda: str(ask_the_master(cluster)), 90)
        fault.is_over()
        fault.remark = "what runs does not need it"
    assert container(cluster, "spark-monitor")["RestartCount"] == starts


def test_master_and_workers_start_again_at_once(cluster: Stack, around: Callable[..., Any]) -> None:
    """As when the host was restarted: the master looks for the workers that it knew, where there are new ones now."""
    with around("cluster: master and workers restarted", rate=RATE, on=cluster, spread=SPREAD) as fault:
        cluster.compose("restart", "spark-master", "spark-worker")
        eventually(lambda: workers_alive(cluster) == 3, lambda: str(ask_the_master(cluster)), 60)
        fault.is_over(cluster.start_seconds)
        fault.remark = "the queries begin again at their boundary"


def test_the_monitor_is_lost(cluster: Stack, around: Callable[..., Any]) -> None:
    with around("cluster: the monitor killed", rate=RATE, on=cluster, spread=SPREAD) as fault:
        kill_the_monitor(cluster)
        # Its own start, and what came meanwhile is judged first.
        fault.is_over(cluster.start_seconds)
        fault.remark = "Docker starts it again; it begins at the last boundary"
        fault.may_come_twice = 1


def test_zookeeper_s_leader_is_lost(cluster: Stack, around: Callable[..., Any]) -> None:
    """The worst of the three: the others must choose a new one first."""
    ask = ("sh", "-c", "echo srvr | nc localhost 2181")
    (leader,) = [node for node in NODES if "Mode: leader" in cluster.compose("exec", "-T", node, *ask)]
    with around("cluster: ZooKeeper's leader killed", rate=RATE, on=cluster, spread=SPREAD) as fault:
        cluster.compose("kill", leader)
        fault.is_over()
        cluster.compose("start", leader)
        fault.remark = "the other two go on"


def test_a_worker_that_is_added_works_from_the_next_boundary_on(cluster: Stack, around: Callable[..., Any]) -> None:
    before = {worker["Id"] for worker in cluster.containers("spark-worker")}
    with around("cluster: a fourth worker added", rate=RATE, on=cluster, spread=SPREAD) as fault:
        starts = container(cluster, "spark-monitor")["RestartCount"]
        begun = time.monotonic()
        cluster.compose("up", "--detach", "--no-recreate", "--no-deps", "--scale", "spark-worker=4", "spark-worker")
        (added,) = [worker for worker in cluster.containers("spark-worker") if worker["Id"] not in before]
        # More than the one or two that a batch of the incidents' query takes. Its own start, then up to a minute until
        # the boundary.
        eventually(lambda: threads_with_tasks(cluster, added) >= 5, lambda: "no task in the new worker", 180)
        fault.remark = f"has tasks after {time.monotonic() - begun:.0f} s"
        fault.is_over()
    assert container(cluster, "spark-monitor")["RestartCount"] == starts


def test_a_cluster_that_is_too_small_is_refused_with_the_number(cluster: Stack) -> None:
    begun = time.time()
    scale = ("up", "--detach", "--no-deps", "--scale", "spark-worker=3", "spark-worker")
    cluster.set(WORKER_SLOTS="20")
    cluster.compose(*scale)
    # They are counted when it starts.
    cluster.compose("restart", "spark-monitor")

    def causes() -> list[str]:
        return [event["cause"] for event in cluster.events(begun) if event["event"] == "giving up"]

    expected = f"{SLOTS_NEEDED} task slots are needed, the workers offer 60: {SLOTS_NEEDED - 60} are missing"
    eventually(lambda: any(expected in cause for cause in causes()), lambda: str(causes()), 240)
    cluster.set(WORKER_SLOTS="36")
    cluster.compose(*scale)
    cluster.wait_until_healthy()
    assert_pair_gives_its_lines(cluster, "X5")
