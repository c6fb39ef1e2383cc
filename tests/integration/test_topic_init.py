"""topic-init as a process against a real Kafka."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic

from servicekit.kafka_client import connection
from topic_init.errors import NotYetError
from topic_init.kafka_admin import Cluster
from topic_init.plan import Wanted, actions

NOBODY = "localhost:1"
DEADLINE = 60
Event = dict[str, Any]
Start = Callable[..., subprocess.Popen[str]]


class Broker:
    """What the test sees of Kafka, by a client of its own."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers})

    def create(self, name: str, partitions: int = 1) -> None:
        """Create a topic, as another program would."""
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(DEADLINE)

    def add_partitions(self, name: str, total: int) -> None:
        """Bring the topic to that many partitions."""
        self.admin.create_partitions([NewPartitions(name, total)])[name].result(DEADLINE)

    def partitions(self, *names: str) -> dict[str, int]:
        """Return the number of partitions that have a leader, for each of the topics that exist."""
        topics = self.admin.list_topics(timeout=DEADLINE).topics
        return {
            name: sum(each.leader >= 0 for each in topics[name].partitions.values()) for name in names if name in topics
        }

    def config(self, name: str) -> dict[str, str | None]:
        """Return the topic's config in force."""
        resource = ConfigResource("topic", name)
        return {
            key: entry.value
            for key, entry in self.admin.describe_configs([resource])[resource].result(DEADLINE).items()
        }

    def set_config(self, name: str, key: str, value: str) -> None:
        """Set one value, as an administrator would."""
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource("topic", name, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(DEADLINE)


@pytest.fixture
def broker(kafka: str) -> Broker:
    return Broker(kafka)


@pytest.fixture
def name() -> str:
    return f"topic-init-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the program with these topics (a list of entries, or the file's text) and variables."""
    running: list[subprocess.Popen[str]] = []

    def start_one(servers: str, topics: list[Event] | str, **variables: str) -> subprocess.Popen[str]:
        file = tmp_path / str(len(running)) / "topics.yaml"
        file.parent.mkdir()
        file.write_text(topics if isinstance(topics, str) else yaml.safe_dump({"topics": topics}))
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TOPIC", "KAFKA", "LOG"))}
        settings = {"KAFKA_BOOTSTRAP_SERVERS": servers, "TOPICS_FILE": str(file), "WAIT_SECONDS": "30"}
        process = subprocess.Popen(
            [sys.executable, "-m", "topic_init"],
            env=inherited | settings | {"LOG_FORMAT": "json"} | variables,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start_one
    for process in running:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[int, list[Event]]:
    """Wait for the end; return the exit status and what was logged (every line must be JSON)."""
    _, lines = process.communicate(timeout=DEADLINE)
    return process.returncode, [json.loads(line) for line in lines.splitlines()]


def named(logged: list[Event]) -> list[tuple[str, str]]:
    return [(each["event"], each["topic"]) for each in logged if "topic" in each]


def test_it_creates_what_is_missing(broker: Broker, start: Start, name: str) -> None:
    topics: list[Event] = [
        {"name": name, "config": {"message.timestamp.type": "LogAppendTime"}},
        {"name": f"{name}-b", "partitions": 3, "config": {"retention.ms": "123456"}},
    ]
    status, logged = end(start(broker.servers, topics, TOPIC_PARTITIONS="2", TOPIC_RETENTION_HOURS="5"))
    assert status == 0
    assert broker.partitions(name, f"{name}-b") == {name: 2, f"{name}-b": 3}
    config = broker.config(name)
    assert (config["message.timestamp.type"], config["retention.ms"]) == ("LogAppendTime", str(5 * 3_600_000))
    assert broker.config(f"{name}-b")["retention.ms"] == "123456"
    assert named(logged) == [("topic created", name), ("topic created", f"{name}-b")]
    assert (logged[-1]["event"], logged[-1]["topics"], logged[-1]["partitions"]) == ("topics ready", 2, 5)


def test_a_second_run_changes_nothing(broker: Broker, start: Start, name: str) -> None:
    topics = [{"name": name, "config": {"cleanup.policy": "compact, delete"}}]
    assert end(start(broker.servers, topics))[0] == 0
    status, logged = end(start(broker.servers, topics))
    assert status == 0
    assert named(logged) == [("topic unchanged", name)]


def test_it_adds_partitions(broker: Broker, start: Start, name: str) -> None:
    broker.create(name)
    status, logged = end(start(broker.servers, [{"name": name}], TOPIC_PARTITIONS="4"))
    assert status == 0
    assert broker.partitions(name) == {name: 4}
    assert ("partitions added", name) in named(logged)


def test_it_changes_only_the_declared_config(broker: Broker, start: Start, name: str) -> None:
    broker.create(name)
    broker.set_config(name, "segment.ms", "98765")
    status, logged = end(start(broker.servers, [{"name": name, "config": {"max.message.bytes": "2097152"}}]))
    assert status == 0
    config = broker.config(name)
    assert (config["max.message.bytes"], config["segment.ms"]) == ("2097152", "98765")
    (change,) = [each for each in logged if each["event"] == "config changed"]
    assert change["after"]["max.message.bytes"] == "2097152"


def test_contradictions_are_all_told_and_nothing_is_changed(broker: Broker, start: Start, name: str) -> None:
    broker.create(f"{name}-many", partitions=3)
    broker.create(f"{name}-few", partitions=1)
    topics = [{"name": f"{name}-new"}, {"name": f"{name}-many"}, {"name": f"{name}-few"}]
    status, logged = end(start(broker.servers, topics, TOPIC_PARTITIONS="2", TOPIC_REPLICATION="2"))
    assert status == 1
    assert [each["event"].split(" asked for")[0] for each in logged if each["level"] == "error"] == [
        f"{name}-many: has 3 partitions, 2",
        f"{name}-many: has replication factor 1, 2",
        f"{name}-few: has replication factor 1, 2",
    ]
    assert broker.partitions(*(topic["name"] for topic in topics)) == {f"{name}-many": 3, f"{name}-few": 1}


def test_what_kafka_refuses_is_told_at_once_and_nothing_is_changed(broker: Broker, start: Start, name: str) -> None:
    topics: list[Event] = [
        {"name": name},
        {"name": f"{name}-b", "config": {"message.timestamp.type": "Sometimes"}},
        {"name": f"{name}-c", "config": {"no.such": "1"}},
    ]
    status, logged = end(start(broker.servers, topics))
    assert status == 1
    refused, unknown = logged
    assert refused["event"].startswith(f"{name}-b: Invalid value Sometimes")
    assert unknown["event"] == f"{name}-c: Unknown topic config name: no.such"
    assert not broker.partitions(*(topic["name"] for topic in topics))


def test_several_at_once_all_succeed(broker: Broker, start: Start, name: str) -> None:
    topics = [{"name": f"{name}-{number}"} for number in range(5)]
    processes = [start(broker.servers, topics, TOPIC_PARTITIONS="2") for _ in range(4)]
    assert [end(process)[0] for process in processes] == [0, 0, 0, 0]
    assert broker.partitions(*(topic["name"] for topic in topics)) == {topic["name"]: 2 for topic in topics}


def test_a_lost_race_is_no_refusal(broker: Broker, name: str) -> None:
    """Both kinds of change, done by another one between our look and our act."""
    ours = Cluster(connection(broker.servers), request_seconds=10)
    wanted = Wanted(name, 1, 1, {})
    (create,) = actions(wanted, ours.found([name]).get(name))
    broker.create(name)
    with pytest.raises(NotYetError, match="already exists"):
        ours.apply(create)
    (add,) = actions(wanted._replace(partitions=2), ours.found([name])[name])
    broker.add_partitions(name, 2)
    with pytest.raises(NotYetError, match="already has 2 partition"):
        ours.apply(add)


def test_too_few_brokers_are_waited_for(broker: Broker, start: Start, name: str) -> None:
    """A cluster's brokers come one after the other."""
    status, logged = end(start(broker.servers, [{"name": name}], TOPIC_REPLICATION="9", WAIT_SECONDS="1"))
    assert status == 1
    assert logged[0]["event"] == "waiting"
    assert f"gave up after 1 s (WAIT_SECONDS): {name}: Replication factor: 9 larger" in logged[-1]["event"]


def test_no_broker_ends_with_one_line_that_names_the_servers(start: Start, name: str) -> None:
    status, logged = end(start(NOBODY, [{"name": name}], WAIT_SECONDS="2"))
    assert status == 1
    assert {each["event"] for each in logged[:-1]} == {"waiting"}
    assert logged[-1]["event"].startswith(f"gave up after 2 s (WAIT_SECONDS): no answer from Kafka at {NOBODY}: ")
    assert "Connection refused" in logged[-1]["event"]


def test_a_broker_that_comes_late_is_waited_for(broker: Broker, start: Start, name: str) -> None:
    """A door to the broker that opens only after the program has begun to wait."""
    with socket.create_server(("localhost", 0)) as reserved:
        address = reserved.getsockname()
    process = start(f"localhost:{address[1]}", [{"name": name}], WAIT_SECONDS="4")
    assert process.stderr
    assert json.loads(process.stderr.readline())["event"] == "waiting"
    with socket.create_server(address) as door:
        threading.Thread(target=forward, args=(door, broker.servers), daemon=True).start()
        assert end(process)[0] == 0
    assert broker.partitions(name) == {name: 1}


def forward(door: socket.socket, servers: str) -> None:
    """Pass everything that comes through the door on to the first of the servers, and back."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    host, _, port = servers.split(",", 1)[0].rpartition(":")
    while True:
        try:
            client, _ = door.accept()
        except OSError:
            return
        upstream = socket.create_connection((host, int(port)))
        for pair in ((client, upstream), (upstream, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def test_sigterm_ends_it_promptly_and_not_as_a_success(start: Start, name: str) -> None:
    process = start(NOBODY, [{"name": name}], WAIT_SECONDS="8")
    assert process.stderr
    assert json.loads(process.stderr.readline())["event"] == "waiting"
    process.send_signal(signal.SIGTERM)
    # Less than the 4 s that the request under way lasts.
    _, rest = process.communicate(timeout=3)
    assert process.returncode == 143
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped before the topics were ready"


def test_a_malformed_file_ends_with_a_line_for_each_mistake(start: Start) -> None:
    status, logged = end(start(NOBODY, "topics: [{name: a b}, {name: c, partitions: x}]"))
    assert status == 1
    first, second = (each["event"] for each in logged)
    assert "topics.yaml: topics[0].name: " in first
    assert "topics.yaml: topics[1].partitions: " in second


def test_a_wrong_variable_ends_with_a_line(start: Start, name: str) -> None:
    process = start(NOBODY, [{"name": name}], TOPIC_PARTITIONS="none")
    _, lines = process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    assert lines.startswith("TOPIC_PARTITIONS='none': expected a whole number of at least 1; ")
