"""The producers as processes against a real Kafka that comes, goes and comes back."""

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.integration.conftest import new_site

from devstack.eventually import eventually
from devstack.kafka import Kafka, local_kafka

DEADLINE = 30
STOP_SECONDS = 10
MEMORY_KIB = 64 * 1024
NOT_KNOWN = "Kafka does not know the topic: readings wait"
FULL = "local queue is full, the loop waits for Kafka"
LITTLE_ROOM = 5
NAMES_OF_SETTINGS = ("KAFKA_", "LOG_", "SUHU_", "KELEMBABAN_", "GUDANG_", "SENSOR_", "HEARTBEAT_")


def gaps(times: list[float]) -> list[float]:
    return [late - early for early, late in itertools.pairwise(times)]


class Topic:
    """A topic of one test, as another client sees it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.name = f"producer-{uuid.uuid4().hex[:12]}"
        self._known: list[Message] = []

    def create(self) -> None:
        """Make it, with the broker's clock as its timestamps."""
        new = NewTopic(self.name, 1, 1, config={"message.timestamp.type": "LogAppendTime"})
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([new])[self.name].result(DEADLINE)

    def delete(self) -> None:
        """Remove it with all that is in it."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.delete_topics([self.name])[self.name].result(DEADLINE)
        self._known.clear()

    def messages(self) -> list[Message]:
        """Return what is in it now."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.name, "log_level": 0})
        try:
            place = TopicPartition(self.name, 0, len(self._known))
            deadline = time.monotonic() + DEADLINE
            while (end := self._end(consumer)) is None:
                assert time.monotonic() < deadline, "the broker does not know the topic's end"
            consumer.assign([place])
            while len(self._known) < end:
                assert time.monotonic() < deadline, f"{len(self._known)} of {end} messages read"
                self._known += consumer.consume(end - len(self._known), 0.2)
        finally:
            consumer.close()
        assert all(message.error() is None for message in self._known)
        return list(self._known)

    def _end(self, consumer: Consumer) -> int | None:
        """Return the end offset, or None: a broker that has just come back does not know its topics for a moment."""
        try:
            return int(consumer.get_watermark_offsets(TopicPartition(self.name, 0), timeout=1)[1])
        except KafkaException:
            return None

    def readings(self) -> list[dict[str, Any]]:
        """Return the readings in it now."""
        return [json.loads(message.value() or b"") for message in self.messages()]

    def wait_for(self, count: int) -> None:
        """Wait until so many messages are in it."""
        eventually(lambda: len(self.messages()) >= count, lambda: f"only {len(self.messages())} of {count} messages")

    def wait_for_reading_since(self, since: float) -> None:
        """Wait until a reading that was taken after that time is in it."""
        eventually(lambda: max(self.times(), default=0) > since, lambda: f"nothing since {since}, only {self.times()}")

    def times(self, gudang: str = "G1") -> list[float]:
        """Return one warehouse's timestamps in the topic's order."""
        return [reading["timestamp"] for reading in self.readings() if reading["gudang_id"] == gudang]


class Running:
    """A producer, its log and its heartbeat."""

    def __init__(self, quantity: str, topic: Topic, folder: Path, **variables: str) -> None:
        self.heartbeat = folder / "heartbeat"
        self._log = folder / "log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NAMES_OF_SETTINGS)}
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": topic.bootstrap,
            f"{quantity.upper()}_TOPIC": topic.name,
            "HEARTBEAT_FILE": str(self.heartbeat),
        }
        with self._log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"producer_{quantity}"], env=inherited | settings | variables, stderr=file
            )

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return what was logged so far, or the events of one name; every whole line must be JSON."""
        text = self._log.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()
        assert [line for line in lines if not line.startswith("{")] == [], "not JSON"
        events = [json.loads(line) for line in lines]
        return [event for event in events if name in {None, event["event"]}]

    def wait_for(self, name: str, **fields: object) -> None:
        """Wait until it logs such an event."""
        eventually(
            lambda: any(fields.items() <= event.items() for event in self.events(name)),
            lambda: f"not logged: {name} {fields}; {self.events()}",
        )

    def stop(self) -> dict[str, Any]:
        """SIGTERM; return the exit code and the last line's figures. It has 10 seconds."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        last = self.events()[-1]
        assert last["event"] == "stopped"
        return {"code": code, **{name: last[name] for name in ("acknowledged", "failed", "unsent")}}

    def memory(self, name: str) -> int:
        """Return one of the kernel's figures of its memory in KiB: VmRSS, or VmHWM, the highest so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(dict(re.findall(r"(\w+):\s+(\d+) kB", status))[name])


Start = Callable[..., Running]


@contextlib.contextmanager
def producers(folder: Path) -> Iterator[Start]:
    """Start a producer of a quantity for a topic, with these variables; none outlives the test."""
    started: list[Running] = []

    def start_one(topic: Topic, quantity: str = "suhu", **variables: str) -> Running:
        own = folder / f"producer-{len(started)}"
        own.mkdir()
        started.append(Running(quantity, topic, own, **variables))
        return started[-1]

    try:
        yield start_one
    finally:
        for each in started:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with producers(tmp_path) as start:
        yield start


@pytest.fixture
def topic(kafka: str) -> Topic:
    """Make a topic on the broker that all tests share."""
    topic = Topic(kafka)
    topic.create()
    return topic


@pytest.mark.parametrize(("quantity", "low", "high"), [("suhu", 70, 90), ("kelembaban", 60, 80)])
def test_messages_are_the_design_s(topic: Topic, start: Start, quantity: str, low: float, high: float) -> None:
    producer = start(topic, quantity, **{f"{quantity.upper()}_INTERVAL_SECONDS": "0.05"})
    topic.wait_for(30)
    assert producer.stop()["code"] == 0
    form = re.compile(
        rb'\{"gudang_id":"(G[123])","%b":(\d\d\.\d\d?),"timestamp":(\d{10}\.\d+),"sensor_id":"%b"\}'
        % (quantity.encode(), re.escape(socket.gethostname()).encode())
    )
    for message in topic.messages():
        match = form.fullmatch(message.value() or b"")
        assert match, message.value()
        gudang, value, stamp = match.groups()
        assert message.key() == gudang
        assert low <= float(value) <= high
        assert abs(message.timestamp()[1] / 1000 - float(stamp)) < 5, "the broker's clock is the same machine's"
    assert [reading["gudang_id"] for reading in topic.readings()[:6]] == ["G1", "G2", "G3"] * 2


def test_a_warehouse_has_the_partition_that_java_s_clients_choose(kafka: str, start: Start) -> None:
    """The numbers are `Utils.toPositive(Utils.murmur2(key)) % 4`, by kafka-clients 3.9.2."""
    expected = {"G1": 0, "G2": 1, "G3": 0, "S1": 3, "Gudang Utara": 3, "Gudang Sé": 3}
    topic = Topic(kafka)
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic.name, 4, 1)])[topic.name].result(DEADLINE)
    start(topic, SUHU_INTERVAL_SECONDS="0.1", GUDANG_IDS=",".join(expected))
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic.name, "log_level": 0})
    consumer.assign([TopicPartition(topic.name, number, 0) for number in range(4)])
    found: dict[str, int | None] = {}

    def every_warehouse_was_read() -> bool:
        for message in consumer.consume(100, 0.2):
            # A partition whose leader is still being chosen answers with an error first.
            if message.error() is None:
                found[(message.key() or b"").decode()] = message.partition()
        return found.keys() == expected.keys()

    try:
        eventually(every_warehouse_was_read, lambda: str(found))
    finally:
        consumer.close()
    assert found == expected


def test_variables_shape_the_readings(topic: Topic, start: Start) -> None:
    variables = {"SUHU_MIN": "-5", "SUHU_MAX": "-4.5", "SUHU_SEED": "7", "SUHU_INTERVAL_SECONDS": "0.05"}
    producer = start(topic, **variables, GUDANG_IDS="Utara,B", SENSOR_ID="s-1")
    topic.wait_for(20)
    assert producer.stop()["code"] == 0
    readings = topic.readings()
    assert {reading["sensor_id"] for reading in readings} == {"s-1"}
    assert {reading["gudang_id"] for reading in readings} == {"Utara", "B"}
    assert all(-5 <= reading["suhu"] <= -4.5 for reading in readings)


def test_the_interval_is_between_the_readings_of_a_warehouse(topic: Topic, start: Start) -> None:
    producer = start(topic, SUHU_INTERVAL_SECONDS="0.4")
    topic.wait_for(15)
    producer.stop()
    times = topic.times()
    rounds = [(at - times[0]) / 0.4 for at in times]
    assert [round(each) for each in rounds] == list(range(len(times)))
    assert max(abs(each - round(each)) for each in rounds) < 0.4, "off the grid"


def test_a_stop_leaves_nothing_behind(topic: Topic, start: Start) -> None:
    """So many readings that some are always on their way."""
    ids = [f"G{number}" for number in range(500)]
    producer = start(topic, SUHU_INTERVAL_SECONDS="0.001", GUDANG_IDS=",".join(ids))
    topic.wait_for(2000)
    stopped = producer.stop()
    assert stopped == {"code": 0, "acknowledged": len(topic.messages()), "failed": 0, "unsent": 0}
    assert stopped["acknowledged"] >= 2000
    started, *_, last = producer.events()
    assert (started["event"], last["event"]) == ("started", "stopped")
    assert (started["topic"], started["entity_ids"]) == (topic.name, ids)


def test_a_producer_is_small_and_healthy(topic: Topic, start: Start) -> None:
    producer = start(topic, SUHU_INTERVAL_SECONDS="0.01")
    topic.wait_for(300)
    assert producer.memory("VmRSS") <= MEMORY_KIB
    eventually(producer.heartbeat.exists, lambda: "no heartbeat")


def test_a_missing_topic_is_waited_for(kafka: str, start: Start) -> None:
    topic = Topic(kafka)
    producer = start(topic)
    producer.wait_for("waiting for Kafka", topic=topic.name, cause="topic does not exist")
    topic.create()
    topic.wait_for(3)
    assert producer.stop() == {"code": 0, "acknowledged": len(topic.messages()), "failed": 0, "unsent": 0}


def test_a_producer_that_waits_for_its_topic_stops_in_order(kafka: str, start: Start) -> None:
    producer = start(Topic(kafka))
    producer.wait_for("waiting for Kafka", attempt=2)
    assert producer.stop() == {"code": 0, "acknowledged": 0, "failed": 0, "unsent": 0}
    assert not producer.heartbeat.exists()


def test_readings_wait_while_the_broker_does_not_know_the_topic(topic: Topic, start: Start) -> None:
    """As a broker that has just started, for a second or two; here the topic is deleted and created again."""
    producer = start(topic, SUHU_INTERVAL_SECONDS="0.1")
    topic.wait_for(9)
    topic.delete()
    producer.wait_for(NOT_KNOWN)
    known_no_longer = time.time()
    time.sleep(2)  # this is what is tested: all that is measured meanwhile waits
    topic.create()
    back = time.time()
    topic.wait_for_reading_since(back)
    ended = producer.stop()
    assert (ended["code"], ended["failed"], ended["unsent"]) == (0, 0, 0)
    times = sorted(topic.times())
    assert times[0] < known_no_longer + 0.2
    assert max(gaps(times)) < 0.4, "readings are missing"


def test_a_broker_that_comes_late_is_waited_for(stoppable_kafka: Kafka, start: Start) -> None:
    topic = Topic(stoppable_kafka.bootstrap)
    topic.create()
    stoppable_kafka.stop_broker()
    producer = start(topic)
    producer.wait_for("waiting for Kafka", topic=topic.name)
    producer.wait_for("Kafka client")
    assert not producer.heartbeat.exists()
    stoppable_kafka.start_broker()
    topic.wait_for(3)
    eventually(producer.heartbeat.exists, lambda: "no heartbeat")
    assert producer.stop() == {"code": 0, "acknowledged": len(topic.messages()), "failed": 0, "unsent": 0}

    errors = [event["cause"] for event in producer.events("Kafka client")]
    assert any("refused" in cause for cause in errors)
    assert len(errors) <= 4, "each kind of error once; the client finds one many times a second"


@dataclass(frozen=True)
class Outage:
    """A broker away in mid-stream, from `gone` to `back`, and what three producers did, by how they ended.

    `patient` has room for all its readings. `crowded` has little, none from `full` on. `stopped` was stopped meanwhile.
    `full` lies behind `gone`: a slow machine fills so small a queue before, too.
    """

    gone: float
    full: float
    back: float
    topics: dict[str, Topic]
    ended: dict[str, dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    crowded_memory: int
    heartbeat_at: float


PATIENT_INTERVAL = 0.5


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    """Stop the broker under three producers and start it again; it is away as long as `stopped` tries to flush."""
    variables = {
        "patient": {"SUHU_INTERVAL_SECONDS": str(PATIENT_INTERVAL)},
        "crowded": {"SUHU_INTERVAL_SECONDS": "0.05", "SUHU_QUEUE_MESSAGES": str(LITTLE_ROOM)},
        "stopped": {"SUHU_INTERVAL_SECONDS": "0.05"},
    }
    site = new_site(tmp_path_factory.mktemp("outage-kafka"))
    with local_kafka(site) as broker, producers(tmp_path_factory.mktemp("outage")) as start:
        topics = {name: Topic(broker.bootstrap) for name in variables}
        for topic in topics.values():
            topic.create()
        running = {name: start(topics[name], **variables[name]) for name in variables}
        for topic in topics.values():
            topic.wait_for(9)

        before = len(running["crowded"].events(FULL))
        broker.stop_broker()
        gone = time.time()
        eventually(lambda: len(running["crowded"].events(FULL)) > before, lambda: "the queue never fills")
        full = time.time()
        ended = {"stopped": running["stopped"].stop()}
        heartbeat_at = running["patient"].heartbeat.stat().st_mtime
        back = time.time()
        broker.start_broker()
        for name in ("patient", "crowded"):
            topics[name].wait_for_reading_since(back)
        memory = running["crowded"].memory("VmHWM")
        ended |= {name: running[name].stop() for name in ("patient", "crowded")}
        events = {name: each.events() for name, each in running.items()}
        yield Outage(gone, full, back, topics, ended, events, memory, heartbeat_at)


@pytest.mark.parametrize("name", ["patient", "crowded"])
def test_what_is_acknowledged_outlives_the_broker_s_absence(outage: Outage, name: str) -> None:
    """Nor is a reading there twice, but for one case.

    The broker knows those again whose acknowledgement was lost. If it came back without its topics, the client gave up
    what was under way: that is sent again as new, and may have been written before.
    """
    messages = outage.topics[name].messages()
    different = len({message.value() for message in messages})
    assert outage.ended[name] == {"code": 0, "acknowledged": different, "failed": 0, "unsent": 0}
    given_up = any(event["event"] == NOT_KNOWN for event in outage.events[name])
    assert len(messages) - different <= (LITTLE_ROOM if given_up else 0)


@pytest.mark.parametrize("gudang", ["G1", "G2", "G3"])
def test_no_reading_is_lost_while_the_broker_is_away(outage: Outage, gudang: str) -> None:
    times = outage.topics["patient"].times(gudang)
    assert outage.back - outage.gone > 7
    assert sum(outage.gone < at < outage.back for at in times) >= 12, "taken while the broker was away"
    assert max(gaps(times)) < 1.8 * PATIENT_INTERVAL, "a reading is missing"
    assert times == sorted(times), "what was queued keeps its order"


def test_a_full_queue_slows_the_sensor(outage: Outage) -> None:
    times = outage.topics["crowded"].times()
    assert not any(outage.full < at < outage.back for at in times), "taken though there was no room"
    assert outage.crowded_memory <= MEMORY_KIB


def test_a_stop_while_the_broker_is_away_tells_what_is_unsent(outage: Outage) -> None:
    ended = outage.ended["stopped"]
    assert (ended["code"], ended["failed"]) == (1, 0)
    assert ended["unsent"] > 0
    assert outage.events["stopped"][-1]["level"] == "error"
    # The broker may have written some whose acknowledgement was lost.
    assert 0 <= len(outage.topics["stopped"].messages()) - ended["acknowledged"] <= ended["unsent"]


def test_the_heartbeat_stops_with_the_acknowledgements(outage: Outage) -> None:
    assert outage.heartbeat_at < outage.gone + 2


@pytest.mark.parametrize("name", ["patient", "crowded", "stopped"])
def test_the_absence_is_logged_but_not_all_the_time(outage: Outage, name: str) -> None:
    causes = [event["cause"] for event in outage.events[name] if event["event"] == "Kafka client"]
    assert any("refused" in cause or "Disconnected" in cause for cause in causes)
    assert len(causes) <= 6
