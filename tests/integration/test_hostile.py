"""A real monitor and batches that are small as sent and huge when unpacked, in each place where one can be hidden."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from tests.nasty import BOMB_MEGABYTES, MEGABYTE, Nasty, Sender, bomb, judged

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.monitor_process import Client, MonitorProcess
from messages.topics import ALERTS, INCIDENTS, KELEMBABAN, REFUSED, STATUSES

MOST_RESIDENT_MIB = 1024
"""Of Java, which has 512 MB of heap, 256 MB of buffers and its own code."""


@pytest.fixture(scope="module")
def monitor(broker: Kafka, java: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitorProcess]:
    process = MonitorProcess(broker.bootstrap, tmp_path_factory.mktemp("hostile"), java)
    process.start()
    yield process
    process.end()


def highest_resident_mib(process: int) -> float:
    """Return the most memory that a process ever had."""
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def test_no_bomb_ends_java_and_each_is_answered(monitor: MonitorProcess, client: Client, broker: Kafka) -> None:
    java, sender = monitor.spark(), Sender(broker.bootstrap)
    for codec in BOMB_MEGABYTES:
        for where in ("value", "key", "header"):
            sender.send(bomb(codec, where))
            sender.flush()
    assert not sender.failed

    def unanswered() -> set[str]:
        return sender.places.keys() - judged(client.read(ALERTS), client.read(REFUSED))

    eventually(lambda: not unanswered(), lambda: f"{[sender.places[each] for each in unanswered()]}", 60)
    client.reading("suhu", "BEHIND-BOMBS", 85)
    client.flush()
    monitor.wait_for("BEHIND-BOMBS", ["Suhu 85.00°C -"])
    assert monitor.spark() == java
    assert highest_resident_mib(java) < MOST_RESIDENT_MIB
    told = (dict(message.headers() or []) for message in client.read(REFUSED))
    # What has a huge key or header is a reading all the same, unless more comes out of the batch than may.
    assert Counter(each["__connect.errors.exception.class.name"] for each in told) == {
        b"MessageTooLarge": 2, b"BatchTooLarge": 6
    }  # fmt: skip


def test_a_batch_of_many_records_is_read_as_far_as_it_may_be(
    monitor: MonitorProcess, client: Client, broker: Kafka
) -> None:
    """The readings at its beginning are judged; the others are refused together, with the number of them."""
    count, size, java = 40_000, 2_000, monitor.spark()
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "compression.type": "zstd",
            "linger.ms": 60_000,
            "batch.num.messages": count,
            "batch.size": 200 * MEGABYTE,
            "message.max.bytes": 200 * MEGABYTE,
        }
    )
    before, start = client.end(REFUSED), client.end(KELEMBABAN)
    for _ in range(count):
        message = {"gudang_id": "MANY", "kelembaban": 50, "x": "x" * size}
        producer.produce(KELEMBABAN, json.dumps(message), "MANY")
    assert producer.flush(60) == 0
    assert client.end(KELEMBABAN) == start + count
    (refusal,) = client.read(REFUSED, before, lambda found: len(found) >= 1)
    told = dict(refusal.headers() or [])
    assert told["__connect.errors.exception.class.name"] == b"BatchTooLarge"
    first = int(told["__connect.errors.offset"]) - start
    assert 10_000 < first < count
    assert f"{count - first} pesan terakhirnya tidak dibaca".encode() in told["__connect.errors.exception.message"]
    client.reading("kelembaban", "BEHIND-MANY", 85)
    client.flush()
    monitor.wait_for("BEHIND-MANY", ["Kelembaban 85.00% -"])
    assert monitor.spark() == java


@pytest.mark.parametrize("topic", [ALERTS, STATUSES, REFUSED, INCIDENTS])
def test_the_broker_refuses_a_bomb_in_a_topic_of_the_monitors_own(broker: Kafka, topic: str) -> None:
    """Its sender hears of it; who reads the topic could not bound what gzip unpacks."""
    sender = Sender(broker.bootstrap)
    for codec in ("gzip", "snappy", "lz4"):
        sender.send(Nasty(codec, b"x" * (3 * MEGABYTE), codec=codec), topic)
        sender.flush()
    assert sender.failed == [f"{codec}: MSG_SIZE_TOO_LARGE" for codec in ("gzip", "snappy", "lz4")]


def test_a_bomb_that_is_in_an_own_topic_all_the_same_is_stepped_over(
    monitor: MonitorProcess, client: Client, broker: Kafka
) -> None:
    """From before the topics were stored unpacked, or where somebody changed that."""
    admin, sender = AdminClient({"bootstrap.servers": broker.bootstrap}), Sender(broker.bootstrap)

    def compression(value: str) -> None:
        for topic in (ALERTS, REFUSED):
            entry = ConfigEntry("compression.type", value, incremental_operation=AlterConfigOpType.SET)
            resource = ConfigResource("topic", topic, incremental_configs=[entry])
            for changed in admin.incremental_alter_configs([resource]).values():
                changed.result(10)

    def is_taken(topic: str) -> bool:
        """Send it; the broker refuses it until it knows the topic's new setting."""
        sender.failed.clear()
        sender.send(Nasty("zstd", b"x" * (20 * MEGABYTE), codec="zstd"), topic)
        sender.flush()
        return not sender.failed

    compression("producer")
    try:
        for topic in (ALERTS, REFUSED):
            eventually(partial(is_taken, topic), lambda: f"not taken: {sender.failed}")
    finally:
        compression("uncompressed")
    client.reading("suhu", "BEHIND-OWN", 85)
    client.flush()
    monitor.wait_for("BEHIND-OWN", ["Suhu 85.00°C -"])
    monitor.wait_for_line("[Catatan Rusak] monitor-peringatan: 1 catatan dilewati")
    assert monitor.process.poll() is None
    for command in (["alarms"], ["refused", "--last", "3"]):
        env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
        run = [sys.executable, "-m", "spark_monitor", *command]
        ended = subprocess.run(run, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
