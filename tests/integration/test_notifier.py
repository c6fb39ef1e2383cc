"""The notifier as a process between a real Kafka and a real HTTPS server: nothing is lost, whatever happens to them."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.integration.conftest import new_site
from tests.integration.webhook_receiver import Receiver, closes, receiver_running, says, takes, waits

from devstack.eventually import eventually
from devstack.kafka import Kafka, local_kafka
from messages.topics import INCIDENTS

TOPIC = INCIDENTS
GROUP = "notifier"
SECRET = "s3cret-7f3a"  # noqa: S105 - not one
DEADLINE = 30
STOP_SECONDS = 12
PARTITIONS = 2
PLACES = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
MEMORY_KIB = 128 * 1024


def record(entity: str, name: str, state: str = "opened") -> dict[str, Any]:
    """Return an incident's record."""
    return {
        "incident_id": f"{name}-{entity}", "kind": "threshold", "state": state, "entity_id": entity,
        "rule": "suhu_tinggi", "severity": "critical", "opened_at": 1795321758.142,
        "closed_at": 1795321958.0 if state == "closed" else None, "peak": 88.02, "mean": 84.5,
        "duration_seconds": 252.0, "degree_minutes": 12.5, "readings": 252, "coverage": 1.0, "gap_seconds": 0.0,
        "mkt": None, "rules_version": "0f1e2d3c4b5a", "emitted_at": 1795321788.5,
        "message": f"[Insiden] Gudang {entity}: {name} {state}",
    }  # fmt: skip


class Topic:
    """The incidents' topic, as the monitor and an operator's tools see it."""

    def __init__(self, bootstrap: str) -> None:
        options: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._admin = AdminClient(options)
        self._producer = Producer(options | {"queue.buffering.max.messages": 1_000_000})
        # Its group is the notifier's, but it never joins: it only asks.
        self._consumer = Consumer(options | {"group.id": GROUP, "enable.auto.commit": False})

    def exists(self) -> bool:
        """Whether Kafka has it."""
        return TOPIC in self._admin.list_topics(timeout=10).topics

    def create(self) -> None:
        """Make it with two partitions; return when Kafka shows both."""

        def is_there() -> bool:
            found = self._admin.list_topics(timeout=10).topics.get(TOPIC)
            return found is not None and len(found.partitions) == PARTITIONS

        self._admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(DEADLINE)
        eventually(is_there, lambda: f"no {TOPIC}")

    def send(self, *records: dict[str, Any] | bytes | None, key: str | None = None) -> None:
        """Send records, keyed by entity as the monitor does, or raw bytes; return when Kafka has them."""
        for each in records:
            if isinstance(each, dict):
                self._producer.produce(TOPIC, json.dumps(each).encode(), each["entity_id"])
            else:
                self._producer.produce(TOPIC, each, key)
            self._producer.poll(0)
        assert self._producer.flush(DEADLINE) == 0

    def ends(self) -> dict[int, int]:
        """Return the end offset of each partition."""
        return {place.partition: self._consumer.get_watermark_offsets(place, timeout=10)[1] for place in PLACES}

    def committed(self) -> dict[int, int]:
        """Return the notifier's positions; those of partitions where it has none are left out."""
        known = self._consumer.committed(PLACES, timeout=10)
        return {place.partition: place.offset for place in known if place.offset >= 0}

    def wait_until_all_is_committed(self) -> None:
        """Return when the notifier's positions are at the ends of all partitions that have records."""

        def behind() -> dict[int, int]:
            try:
                ends, committed = self.ends(), self.committed()
            except KafkaException:  # a broker that has just started
                return {-1: 0}
            return {number: end for number, end in ends.items() if end and committed.get(number, 0) != end}

        eventually(lambda: not behind(), lambda: f"not committed: {behind()}")

    def skip_what_earlier_tests_left(self) -> None:
        """Set the notifier's positions to the ends; waits until a killed notifier is no member any more."""

        def is_set() -> bool:
            places = [TopicPartition(TOPIC, number, end) for number, end in self.ends().items()]
            try:
                answered: Any = self._consumer.commit(offsets=places, asynchronous=False)
            except KafkaException:
                return False
            return all(place.error is None for place in answered)

        eventually(is_set, lambda: "the group has members")

    def forget_the_group(self) -> None:
        """Make the next start the first one."""

        def is_gone() -> bool:
            try:
                self._admin.delete_consumer_groups([GROUP])[GROUP].result(DEADLINE)
            except KafkaException as error:
                return "does not exist" in str(error)
            return True

        eventually(is_gone, lambda: "the group has members")


class Running:
    """A notifier, its log and its heartbeat."""

    def __init__(self, bootstrap: str, receiver: Receiver, folder: Path, **variables: str) -> None:
        folder.mkdir()
        self.heartbeat = folder / "heartbeat"
        self.token_file = folder / "token"
        self.token_file.write_text(SECRET)
        self._log = folder / "log"
        names = ("KAFKA_", "LOG_", "WEBHOOK_", "HEARTBEAT_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "WEBHOOK_URL": receiver.url,
            "WEBHOOK_TOKEN_FILE": str(self.token_file),
            "WEBHOOK_CA_FILE": str(receiver.ca_file),
            "WEBHOOK_GROUP_SECONDS": "1",
            "WEBHOOK_TIMEOUT_SECONDS": "10",
            "HEARTBEAT_FILE": str(self.heartbeat),
        }
        with self._log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "notifier"], env=inherited | settings | variables, stderr=file
            )

    def log(self) -> str:
        """Return all of its stderr."""
        return self._log.read_text()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return what was logged so far, or the events of one name; every whole line must be JSON."""
        text = self.log()
        lines = text[: text.rfind("\n") + 1].splitlines()
        assert [line for line in lines if not line.startswith("{")] == [], "not JSON"
        events = [json.loads(line) for line in lines]
        return [event for event in events if name in {None, event["event"]}]

    def wait_for(self, name: str, number: int = 1, **fields: object) -> None:
        """Wait until it has logged so many of such events."""
        eventually(
            lambda: sum(fields.items() <= event.items() for event in self.events(name)) >= number,
            lambda: f"not logged {number} times: {name} {fields}; {self.events()}",
        )

    def wait_until_it_reads(self) -> None:
        """Return when it has all partitions of the topic."""
        self.wait_for("reading", partitions=list(range(PARTITIONS)))

    def stop(self) -> dict[str, Any]:
        """SIGTERM; return the exit status and how many records were left for the next start. It has 12 seconds."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS)
        last = self.events()[-1]
        return {"status": status, "event": last["event"], "not_posted": last.get("not_posted")}

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        self.process.kill()
        self.process.wait()

    def highest_memory(self) -> int:
        """Return the kernel's figure of the most memory that it has had, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(dict(re.findall(r"(\w+):\s+(\d+) kB", status))["VmHWM"])


FULL = "the webhook does not keep up: the rest waits in Kafka"
STOPPED = {"status": 0, "event": "stopped", "not_posted": 0}

Start = Callable[..., Running]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Run a broker of this module's own: the topic and the group have fixed names."""
    with local_kafka(new_site(tmp_path_factory.mktemp("notifier-kafka"))) as broker:
        yield broker


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiver_running(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def start(broker: Kafka, receiver: Receiver, tmp_path: Path) -> Iterator[Start]:
    """Start a notifier with these variables; none outlives the test."""
    started: list[Running] = []

    def start_one(**variables: str) -> Running:
        started.append(Running(broker.bootstrap, receiver, tmp_path / f"notifier-{len(started)}", **variables))
        return started[-1]

    yield start_one
    for each in started:
        # In order, so that it leaves its group: the next test would have to wait for one that was killed.
        each.process.terminate()
    for each in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.process.wait(STOP_SECONDS)
        each.kill()
        assert SECRET not in each.log()


@pytest.fixture(scope="module")
def made_topic(broker: Kafka) -> Topic:
    """Return the topic, made or not."""
    return Topic(broker.bootstrap)


@pytest.fixture
def topic(made_topic: Topic) -> Topic:
    """Return the topic; what is in it already is not this test's."""
    if not made_topic.exists():
        made_topic.create()
    made_topic.skip_what_earlier_tests_left()
    return made_topic


@pytest.fixture
def gudang() -> str:
    """Return a warehouse that only this test has."""
    return f"G-{uuid.uuid4().hex[:8]}"


def wait_for(receiver: Receiver, entity: str, *told: tuple[str, str], seconds: float = DEADLINE) -> None:
    """Wait until exactly these incidents (name and state) of a warehouse were taken, in this order."""
    wanted = [(f"{name}-{entity}", state) for name, state in told]
    eventually(lambda: receiver.told(entity) == wanted, lambda: f"{receiver.told(entity)}, not {wanted}", seconds)


def test_a_missing_topic_is_waited_for(made_topic: Topic, start: Start, receiver: Receiver, gudang: str) -> None:
    """The first test: nobody has made the topic yet."""
    assert not made_topic.exists()
    notifier = start()
    notifier.wait_for("waiting for Kafka", topic=TOPIC)
    made_topic.create()
    notifier.wait_until_it_reads()
    made_topic.send(record(gudang, "a"))
    wait_for(receiver, gudang, ("a", "opened"))
    assert notifier.stop() == STOPPED


def test_one_that_waits_for_kafka_stops_in_order(start: Start) -> None:
    notifier = start(KAFKA_BOOTSTRAP_SERVERS="localhost:1")
    notifier.wait_for("waiting for Kafka", attempt=1)
    assert notifier.stop() == STOPPED
    assert not notifier.heartbeat.exists()


@pytest.mark.long
def test_the_first_start_begins_at_the_end_and_the_second_where_the_first_stopped(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    topic.forget_the_group()
    topic.send(record(gudang, "long-ago"))
    first = start()
    first.wait_for("first start: begins at the topic's end")
    # Although it has posted nothing yet: what comes from now on may not be left out.
    first.kill()
    topic.send(record(gudang, "meanwhile"))
    second = start()
    wait_for(receiver, gudang, ("meanwhile", "opened"))
    assert second.events("first start: begins at the topic's end") == []
    assert second.stop() == STOPPED
    topic.send(record(gudang, "later"))
    start()
    wait_for(receiver, gudang, ("meanwhile", "opened"), ("later", "opened"))


def test_an_opened_incident_is_posted_at_once(topic: Topic, start: Start, receiver: Receiver, gudang: str) -> None:
    notifier = start(WEBHOOK_GROUP_SECONDS="60")
    notifier.wait_until_it_reads()
    sent = time.monotonic()
    topic.send(record(gudang, "a"), record(gudang, "b"))
    wait_for(receiver, gudang, ("a", "opened"), ("b", "opened"))
    (post,) = receiver.posts
    assert post.at - sent < 3
    assert post.headers["Authorization"] == f"Bearer {SECRET}"
    assert post.headers["Content-Type"] == "application/json"
    assert post.path == "/in?site=a"
    assert (post.said["version"], post.said["status"], len(post.said["alerts"])) == ("4", "firing", 2)
    assert post.said["groupLabels"] == {"entity_id": gudang}
    assert post.said["alerts"][0]["annotations"]["message"] == f"[Insiden] Gudang {gudang}: a opened"
    notifier.wait_for("posted", entity_id=gudang, incidents=2, host="localhost")
    topic.wait_until_all_is_committed()
    eventually(notifier.heartbeat.exists, lambda: "no heartbeat")
    assert notifier.stop() == STOPPED


def test_one_post_a_warehouse_and_interval(topic: Topic, start: Start, receiver: Receiver, gudang: str) -> None:
    """A dozen records of two warehouses in seven seconds, with an interval of three."""
    notifier = start(WEBHOOK_GROUP_SECONDS="3")
    notifier.wait_until_it_reads()
    other = f"{gudang}-2"
    names = [f"i{number:02}" for number in range(12)]
    for name in names:
        topic.send(record(gudang, name), record(other, name))
        time.sleep(0.6)  # this is what is tested: they come one after the other
    for entity in (gudang, other):
        wait_for(receiver, entity, *((name, "opened") for name in names))
        times = [post.at for post in receiver.of(entity)]
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 2.95
        assert 3 <= len(times) <= 4
    assert notifier.stop() == STOPPED


def test_nothing_is_lost_on_a_webhook_that_is_ill(topic: Topic, start: Start, receiver: Receiver, gudang: str) -> None:
    """It fails in every way; the same post comes again until it is taken, and the next ones keep their order."""
    receiver.answers.extend([says(500), closes, says(429, Retry_After="5"), waits(2, closes)])
    notifier = start(WEBHOOK_TIMEOUT_SECONDS="1")
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"))
    eventually(lambda: receiver.posts, lambda: "no post")
    topic.send(record(gudang, "b"), record(gudang, "a", "closed"))
    wait_for(receiver, gudang, ("a", "opened"), ("b", "opened"), ("a", "closed"), seconds=90)

    *repeated, last = receiver.of(gudang)
    assert len(repeated) == 5
    assert {post.raw for post in repeated} == {repeated[0].raw}
    assert {post.headers["Authorization"] for post in receiver.posts} == {f"Bearer {SECRET}"}
    opened, closed = repeated[0].said["alerts"][0], last.said["alerts"][1]
    assert (opened["status"], closed["status"]) == ("firing", "resolved")
    assert opened["fingerprint"] == closed["fingerprint"]
    causes = [event["cause"] for event in notifier.events("the webhook did not take the post")]
    assert causes == [
        "status 500",
        "Server disconnected without sending a response.",
        "status 429",
        "no answer within 1 s",
    ]
    topic.wait_until_all_is_committed()
    assert notifier.stop() == STOPPED


@pytest.mark.long
def test_a_webhook_that_is_down_is_waited_for_over_a_kill(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    """Nothing is committed before it is posted."""
    before = topic.committed()
    receiver.down()
    notifier = start()
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"), record(gudang, "b"), record(gudang, "a", "closed"))
    notifier.wait_for("the webhook did not take the post", number=2)
    assert topic.committed() == before
    notifier.kill()
    assert topic.committed() == before
    receiver.up()
    start()
    wait_for(receiver, gudang, ("a", "opened"), ("b", "opened"), ("a", "closed"))
    topic.wait_until_all_is_committed()


def test_an_answer_that_comes_too_late_makes_the_same_post_come_again(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    """The receiver took it, but nobody heard: at least once, not exactly once."""
    receiver.answers.append(waits(1.5, takes))
    notifier = start(WEBHOOK_TIMEOUT_SECONDS="1")
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"))
    wait_for(receiver, gudang, ("a", "opened"), ("a", "opened"))
    first, second = receiver.taken(gudang)
    assert first.raw == second.raw


def test_a_refused_token_loses_nothing(topic: Topic, start: Start, receiver: Receiver, gudang: str) -> None:
    receiver.answers.append(says(401))
    notifier = start()
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"))
    notifier.wait_for(
        "the webhook refuses the post: look at WEBHOOK_URL and its token",
        level="error", host="localhost", cause="status 401", next_try_seconds=30,
    )  # fmt: skip
    assert notifier.stop() == STOPPED | {"not_posted": 1}
    start()
    wait_for(receiver, gudang, ("a", "opened"))


def test_what_is_no_incident_is_told_and_left_out(topic: Topic, start: Start, receiver: Receiver, gudang: str) -> None:
    notifier = start()
    notifier.wait_until_it_reads()
    broken = [
        record(gudang, "broken") | wrong
        for wrong in ({"readings": 10**4000}, {"peak": "84.31"}, {"opened_at": [1]}, {"state": "asleep"})
    ]
    topic.send(b"\xff\x00", None, b"[]", *(json.dumps(each).encode() for each in broken), key=gudang)
    topic.send(record(gudang, "a"))
    wait_for(receiver, gudang, ("a", "opened"))
    topic.wait_until_all_is_committed()
    assert notifier.stop() == STOPPED
    told = notifier.events("no incident: left out")
    assert [event["count"] for event in told] == [1, 6], "a flood of them is a line a minute"
    assert "state: Input should be 'opened'" in told[-1]["cause"]


@pytest.mark.long
def test_memory_is_bounded_while_the_webhook_is_down(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    entities = [f"{gudang}-{number}" for number in range(12)]
    names = [f"i{number:04}" for number in range(1000)]
    receiver.down()
    notifier = start()
    notifier.wait_until_it_reads()
    topic.send(*(record(entity, name) for name in names for entity in entities))
    notifier.wait_for(FULL)
    notifier.wait_for("the webhook did not take the post", number=2)
    receiver.up()
    for entity in entities:
        wait_for(receiver, entity, *((name, "opened") for name in names), seconds=60)
    assert max(event["waiting"] for event in notifier.events(FULL)) <= 5500
    assert max(len(post.said["alerts"]) for post in receiver.posts) == 500
    assert notifier.highest_memory() < MEMORY_KIB
    topic.wait_until_all_is_committed()
    assert notifier.stop() == STOPPED


def test_a_stop_waits_for_the_post_that_is_on_its_way(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    receiver.answers.append(waits(3, takes))
    notifier = start()
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"))
    eventually(lambda: not receiver.answers, lambda: "no post")
    assert notifier.stop() == STOPPED
    assert receiver.told(gudang) == [(f"a-{gudang}", "opened")]
    topic.wait_until_all_is_committed()


def test_a_stop_does_not_wait_for_a_webhook_that_is_away(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    receiver.down()
    notifier = start()
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"), record(gudang, "b"))
    notifier.wait_for("the webhook did not take the post")
    began = time.monotonic()
    assert notifier.stop() == {"status": 0, "event": "stopped", "not_posted": 2}
    assert time.monotonic() - began < 5
    receiver.up()
    start()
    wait_for(receiver, gudang, ("a", "opened"), ("b", "opened"))


@pytest.mark.long
def test_two_share_the_work_and_nothing_is_lost_when_one_comes_or_goes(
    topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    entities = [f"{gudang}-{number}" for number in range(8)]

    def all_told(name: str) -> None:
        eventually(
            lambda: all((f"{name}-{entity}", "opened") in receiver.told(entity) for entity in entities),
            lambda: f"{name} is missing: {[receiver.told(entity) for entity in entities]}",
            60,
        )

    first = start()
    first.wait_until_it_reads()
    topic.send(*(record(entity, "a") for entity in entities))
    second = start()
    second.wait_for("reading")
    topic.send(*(record(entity, "b") for entity in entities))
    all_told("a")
    all_told("b")
    assert first.stop()["status"] == 0
    topic.send(*(record(entity, "c") for entity in entities))
    all_told("c")
    topic.wait_until_all_is_committed()
    shared = [event["partitions"] for event in second.events("reading")]
    assert [0] in shared or [1] in shared
    assert shared[-1] == [0, 1]


@pytest.mark.long
def test_a_broker_that_is_away_is_waited_for(
    broker: Kafka, topic: Topic, start: Start, receiver: Receiver, gudang: str
) -> None:
    """The last test: it leaves the broker stopped.

    The first post is taken while there is nobody to commit it to. When the group has given the notifier up meanwhile,
    it reads from the old position again: then the same post comes twice.
    """
    receiver.answers.append(waits(5, takes))
    notifier = start()
    notifier.wait_until_it_reads()
    topic.send(record(gudang, "a"))
    eventually(lambda: not receiver.answers, lambda: "no post")
    broker.stop_broker()
    notifier.wait_for("Kafka client")
    wait_for(receiver, gudang, ("a", "opened"))
    broker.start_broker()
    topic.send(record(gudang, "b"))
    eventually(
        lambda: list(dict.fromkeys(receiver.told(gudang))) == [(f"{name}-{gudang}", "opened") for name in "ab"],
        lambda: f"told {receiver.told(gudang)}",
        60,
    )
    topic.wait_until_all_is_committed()
    broker.stop_broker()
    assert notifier.stop() == STOPPED
