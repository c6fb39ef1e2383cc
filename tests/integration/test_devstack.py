"""`make run`'s ZooKeeper and Kafka, for real."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from devstack import prerequisites
from devstack.eventually import eventually
from devstack.kafka import Kafka, kafka_running, local_kafka
from devstack.layout import Site

TOPIC = "test-devstack"


def create_topic(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)


def write(bootstrap: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(TOPIC, value)
    assert producer.flush(30) == 0


def read(bootstrap: str) -> bytes | None:
    """Return the topic's first message."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": TOPIC, "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    message = consumer.poll(30)
    consumer.close()
    return None if message is None else message.value()


def processes_of(site: Site) -> list[int]:
    """Return the pids of ZooKeeper and Kafka: what works in the site's folder."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve(strict=True) == site.state:
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


def test_runs_a_real_broker_and_leaves_no_process(site: Site) -> None:
    with kafka_running(site) as bootstrap:
        assert bootstrap == f"localhost:{site.kafka_port}"
        create_topic(bootstrap)
        assert len(processes_of(site)) == 2
    assert processes_of(site) == []
    assert prerequisites.port_problems(site) == []


def test_leaves_no_process_when_the_test_fails(site: Site) -> None:
    with pytest.raises(RuntimeError), kafka_running(site):
        raise RuntimeError
    assert processes_of(site) == []


def test_broker_keeps_its_port_and_data_over_a_restart(stoppable_kafka: Kafka, site: Site) -> None:
    create_topic(stoppable_kafka.bootstrap)
    write(stoppable_kafka.bootstrap, b"before")

    stoppable_kafka.stop_broker()
    assert len(prerequisites.port_problems(site)) == 1, "only ZooKeeper's port is taken"

    stoppable_kafka.start_broker()
    assert read(stoppable_kafka.bootstrap) == b"before"


@pytest.mark.long
def test_starts_after_a_crash(site: Site) -> None:
    """ZooKeeper still knows the killed broker; Kafka would refuse to start beside that registration."""
    with local_kafka(site) as crashing:
        create_topic(crashing.bootstrap)
        write(crashing.bootstrap, b"before")
        for pid in processes_of(site):
            os.kill(pid, signal.SIGKILL)
    with local_kafka(site) as again:
        assert read(again.bootstrap) == b"before"


def test_busy_port_is_told_in_one_line(site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.kafka_port)):
        command = [sys.executable, "-m", "devstack", "--state", str(site.state)]
        ports = ["--kafka-port", str(site.kafka_port), "--zookeeper-port", str(site.zookeeper_port)]
        ended = subprocess.run([*command, *ports], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        f"Port {site.kafka_port} (for Kafka) is in use; is another `make run` or the compose stack up?"
    ]


def minutes_kept(site: Site) -> int:
    """Return of how many minutes the stack's own PostgreSQL has something."""
    # The form of the file: https://www.postgresql.org/docs/18/storage-file-layout.html
    _pid, _data, _started, port, socket_folder, *_ = (site.state / "postgres/postmaster.pid").read_text().splitlines()
    with psycopg.connect(host=socket_folder, port=int(port), user="postgres", dbname="postgres") as connection:
        if connection.execute("SELECT to_regclass('minute')").fetchall() == [(None,)]:
            return 0
        ((number,),) = connection.execute("SELECT count(*) FROM minute").fetchall()
    return int(number)


def test_make_run_shows_the_alerts_of_both_sites_and_ends_without_a_trace(site: Site) -> None:
    """The whole of it: topics, three producers, the monitor with a real Spark, PostgreSQL; Ctrl-C ends them."""
    command = [sys.executable, "-m", "devstack", "--site", "pabrik", "--state", str(site.state)]
    ports = ["--kafka-port", str(site.kafka_port), "--zookeeper-port", str(site.zookeeper_port)]
    errors = site.state.with_name("errors")
    with errors.open("w") as stderr:
        stack = subprocess.Popen([*command, *ports], stdout=subprocess.PIPE, stderr=stderr, text=True)
        try:
            assert stack.stdout is not None
            missing = {
                "[Peringatan Suhu Tinggi]",
                "[Peringatan Kelembaban Tinggi]",
                "[Peringatan Suhu Mesin]",
                "- Status:",
            }
            for line in stack.stdout:
                missing = {start for start in missing if not line.startswith(start)}
                if not missing:
                    break
            assert not missing, errors.read_text()
            eventually(lambda: minutes_kept(site), lambda: f"nothing is kept: {errors.read_text()}", 60)
            stack.send_signal(signal.SIGINT)
            stack.stdout.read()
            assert stack.wait(60) == 0, errors.read_text()
        finally:
            stack.terminate()
            stack.wait(60)
    assert processes_of(site) == []
    assert prerequisites.port_problems(site) == []
    stopped = [log for log in site.logs.glob("*.log") if '"stopped"' in log.read_text()]
    assert len(stopped) == 4, "three producers and the monitor say that they stopped in order"
    assert not (site.state / "postgres/postmaster.pid").exists(), "PostgreSQL goes on"
