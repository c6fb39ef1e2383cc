"""Checkpoints on a real S3 server: the monitor's place survives its machine, and what is damaged there is said."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import FileSelector, FileType, S3FileSystem  # type: ignore[import-untyped]

from devstack import jars
from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.layout import ROOT, Site
from devstack.monitor_process import Client, MonitorProcess
from devstack.ports import free_ports
from devstack.processes import running

pytestmark = pytest.mark.long

BUCKET = "warehouse"
LOCATION = f"s3a://{BUCKET}/checkpoints"
REGION, KEY, SECRET = "us-east-1", "the-key", "the-secret"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an S3 server that asks for keys and keeps its objects in memory; yield its address."""
    folder = tmp_path_factory.mktemp("object-store")
    (port,) = free_ports(1)
    settings = folder / "s3proxy.properties"
    settings.write_text(
        f"s3proxy.endpoint=http://127.0.0.1:{port}\n"
        "s3proxy.authorization=aws-v2-or-v4\n"
        f"s3proxy.identity={KEY}\n"
        f"s3proxy.credential={SECRET}\n"
        "jclouds.provider=transient\n"
        "jclouds.identity=unused\n"
        "jclouds.credential=unused\n"
    )
    with running(folder / "logs") as processes:
        s3proxy = jars.fetch(Path(__file__).parent / "object_store/pom.xml", Site().jars, processes)
        command = ["java", "-cp", f"{s3proxy}/*", "org.gaul.s3proxy.Main", "--properties", str(settings)]
        server = processes.start("s3proxy", command)

        def answers() -> bool:
            with socket.socket() as asked:
                return asked.connect_ex(("127.0.0.1", port)) == 0

        processes.wait_for(server, answers, timeout=60)
        address = f"127.0.0.1:{port}"
        client_of(address).create_dir(BUCKET)
        yield address


def client_of(address: str) -> S3FileSystem:
    """Return a client of the server other than the monitor's."""
    with pytest.MonkeyPatch.context() as environment:
        # Read when a client is made, and meant for this one only. The server does not know the checksums of today.
        environment.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        environment.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        return S3FileSystem(
            endpoint_override=address, scheme="http", access_key=KEY, secret_key=SECRET, region=REGION,
            allow_bucket_creation=True,
        )  # fmt: skip


@pytest.fixture
def store(endpoint: str) -> S3FileSystem:
    return client_of(endpoint)


def spark_settings(file: Path, endpoint: str, secret: str) -> str:
    """Write the file that says where the server is and how to be let in; return its path."""
    file.write_text(
        f"spark.hadoop.fs.s3a.endpoint http://{endpoint}\n"
        f"spark.hadoop.fs.s3a.endpoint.region {REGION}\n"
        "spark.hadoop.fs.s3a.path.style.access true\n"
        # Not every server knows how to delete several at once.
        "spark.hadoop.fs.s3a.multiobjectdelete.enable false\n"
        f"spark.hadoop.fs.s3a.access.key {KEY}\n"
        f"spark.hadoop.fs.s3a.secret.key {secret}\n"
    )
    return str(file)


def monitor_on(folder: Path, broker: Kafka, java: dict[str, str], endpoint: str) -> MonitorProcess:
    """Return a monitor with a folder of its own and its checkpoints in the store."""
    settings = spark_settings(folder / "spark.properties", endpoint, SECRET)
    return MonitorProcess(broker.bootstrap, folder, java, CHECKPOINT_LOCATION=LOCATION, SPARK_PROPERTIES_FILE=settings)


@pytest.fixture(scope="module")
def monitor(
    broker: Kafka, java: dict[str, str], endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MonitorProcess]:
    process = monitor_on(tmp_path_factory.mktemp("monitor"), broker, java, endpoint)
    process.start()
    yield process
    process.end()


def boundaries(store: S3FileSystem, folder: str) -> list[int]:
    """Return the numbers of a query's boundaries in the store."""
    commits = FileSelector(f"{BUCKET}/checkpoints/{folder}/commits", allow_not_found=True)
    return sorted(int(file.base_name) for file in store.get_file_info(commits) if file.base_name.isdigit())


def send(client: Client, warehouse: str, first: int, last: int) -> None:
    for number in range(first, last):
        client.reading("suhu", warehouse, 81 + number / 100)
    client.flush()


def test_a_killed_monitor_goes_on_at_its_boundary_in_the_store(
    monitor: MonitorProcess, client: Client, store: S3FileSystem
) -> None:
    send(client, "STORED", 0, 100)
    client.reading("kelembaban", "STORED", 60)
    client.flush()
    monitor.wait_for("STORED", ["Suhu 81.99°C", "Suhu tinggi, kelembaban normal"])
    for query in "alerts-1", "status-1", "incidents-1":
        eventually(partial(boundaries, store, query), partial(str, f"no boundary of {query}"), 150)
    send(client, "STORED", 100, 200)
    monitor.wait_for("STORED", ["Suhu 82.99°C"])
    monitor.kill()
    send(client, "STORED", 200, 300)
    monitor.start()
    monitor.wait_for("STORED", [f"Suhu {81 + number / 100:.2f}°C" for number in range(300)])
    lines = Counter(line for line in monitor.about("STORED") if line.startswith("[Peringatan"))
    # The line that was being printed when it was killed may come twice, no more.
    assert lines.total() <= 300 + 1
    assert not [event for event in monitor.events if "starting over" in event.get("event", "")]
    # The state is there, too: the humidity of before is known, though it is too old now.
    monitor.wait_for("STORED", ["- Suhu: 83.99°C\n- Kelembaban: -\n- Status: Data tidak lengkap (kelembaban terakhir "])


def test_nothing_of_the_checkpoints_is_on_the_monitors_own_disk(monitor: MonitorProcess) -> None:
    assert monitor.boundaries("alerts") == monitor.boundaries("status") == -1


def lease(store: S3FileSystem) -> dict[str, Any]:
    with store.open_input_stream(f"{BUCKET}/checkpoints/lease.json") as file:
        found: dict[str, Any] = json.loads(file.read())
    return found


@pytest.fixture
def other(broker: Kafka, java: dict[str, str], endpoint: str, tmp_path: Path) -> MonitorProcess:
    """Return a monitor that is not started yet, with a CHECKPOINT_DIR of its own, as on another machine."""
    return monitor_on(tmp_path, broker, java, endpoint)


def test_another_monitor_is_refused_while_this_one_lives_and_takes_over_after_a_kill(
    monitor: MonitorProcess, other: MonitorProcess, client: Client, store: S3FileSystem, tmp_path: Path
) -> None:
    elsewhere = {"CHECKPOINT_DIR": str(tmp_path / "checkpoints"), "HEARTBEAT_FILE": str(tmp_path / "heartbeat")}
    held = lease(store)
    second = monitor.run_beside(seconds=90, **elsewhere)
    assert second.returncode == 1, second.stderr
    assert f"[Monitor Ganda] Pemantau lain sedang memakai CHECKPOINT_LOCATION='{LOCATION}'" in second.stdout
    assert f"CHECKPOINT_LOCATION='{LOCATION}': another monitor is running with it" in second.stderr
    assert lease(store)["run"] == held["run"]
    send(client, "LEASED", 0, 1)
    monitor.wait_for("LEASED", ["Suhu 81.00°C"])

    monitor.kill()
    killed = time.monotonic()
    try:
        other.start()
        assert 30 <= time.monotonic() - killed < 90
        assert lease(store)["run"] != held["run"]
        send(client, "TAKEN-OVER", 0, 1)
        other.wait_for("TAKEN-OVER", ["Suhu 81.00°C"])
        # The first comes back: now it is the one that is refused.
        assert monitor.run_beside(seconds=90).returncode == 1
        # A running one ends when it finds another's lease, and leaves that alone.
        taken = lease(store) | {"run": "another's"}
        with store.open_output_stream(f"{BUCKET}/checkpoints/lease.json") as file:
            file.write(json.dumps(taken).encode())
        assert other.process.wait(60) == 1
        eventually(lambda: any("[Monitor Ganda]" in line for line in other.lines), lambda: str(other.lines[-3:]), 10)
        assert lease(store) == taken
    finally:
        other.end()
    # As a person may: without the file nobody need be waited for.
    store.delete_file(f"{BUCKET}/checkpoints/lease.json")
    monitor.start()


def test_a_file_that_was_cut_off_is_said(monitor: MonitorProcess, client: Client, store: S3FileSystem) -> None:
    eventually(partial(boundaries, store, "alerts-1"), partial(str, "no boundary of alerts-1"), 150)
    monitor.kill()
    last = boundaries(store, "alerts-1")[-1]
    store.open_output_stream(f"{BUCKET}/checkpoints/alerts-1/commits/{last}").close()
    monitor.start()
    news = f"alerts-1/commits/{last} is damaged: starting over where it last stood"
    eventually(lambda: any(event.get("event") == news for event in monitor.events), lambda: str(monitor.events), 10)
    send(client, "ANEW", 0, 1)
    monitor.wait_for("ANEW", ["Suhu 81.00°C"])


def test_a_wrong_key_is_refused_with_the_name_of_the_setting(
    broker: Kafka, java: dict[str, str], endpoint: str, tmp_path: Path
) -> None:
    env = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "CHECKPOINT_DIR": str(tmp_path),
        "CHECKPOINT_LOCATION": LOCATION,
        "SPARK_PROPERTIES_FILE": spark_settings(tmp_path / "spark.properties", endpoint, "another"),
        **java,
        "RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "spark_monitor", "run"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert f"CHECKPOINT_LOCATION='{LOCATION}': expected a place to write" in ended.stderr
    assert "another" not in ended.stderr


def test_a_stop_in_order_gives_the_lease_back(monitor: MonitorProcess, store: S3FileSystem) -> None:
    assert lease(store)["renewals"] >= 1
    assert monitor.stop() == 0
    assert store.get_file_info(f"{BUCKET}/checkpoints/lease.json").type == FileType.NotFound
