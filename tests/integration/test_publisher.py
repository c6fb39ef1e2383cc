"""What a source that must acknowledge upstream needs of the publisher: no waiting, and an answer for each message."""

import threading
import time
import uuid

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, NewTopic

from devstack.ports import free_ports
from servicekit.kafka_client import connection
from servicekit.publisher import Publisher

ROOM = 5


def publisher(bootstrap: str, topic: str, seconds: float = 1) -> Publisher:
    return Publisher(
        connection(bootstrap), topic, threading.Event(), client_id="source", queue_messages=ROOM,
        delivery_timeout=seconds,
    )  # fmt: skip


def test_each_message_is_answered_once_when_kafka_has_it(kafka: str) -> None:
    topic = f"publisher-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    source = publisher(kafka, topic, seconds=60)
    assert source.wait_for_topic()
    answers: list[KafkaError | None] = []
    for number in range(3):
        assert source.offer(b"G1", b"%d" % number, answers.append)
    assert source.flush(60) == 0
    assert answers == [None] * 3
    assert source.acknowledged == 3


def test_without_room_an_offer_is_declined_at_once_and_what_was_taken_is_answered_with_why() -> None:
    (nobody_listens,) = free_ports(1)
    source = publisher(f"localhost:{nobody_listens}", "t")
    answers: list[KafkaError | None] = []
    taken = [source.offer(b"G1", b"%d" % number, answers.append) for number in range(ROOM)]
    assert all(taken)
    begun = time.monotonic()
    assert not source.offer(b"G1", b"one too many", answers.append)
    assert time.monotonic() - begun < 0.1
    source.flush(10)
    assert [answer and answer.code() for answer in answers] == [KafkaError._MSG_TIMED_OUT] * ROOM  # noqa: SLF001
    assert (source.acknowledged, source.failed, source.unsent) == (0, ROOM, 0)
