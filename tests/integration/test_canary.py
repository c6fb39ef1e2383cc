"""The alert chain watched from inside: each link is broken for real, and the monitor must say which, and be unhealthy.

Also what else comes of looking at Kafka each second: silent topics, a silent Kafka, and the alarms' own figures.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.layout import ROOT
from devstack.monitor_process import Client, MonitorProcess, records
from messages.topics import ALERTS, CANARY, HEARTBEATS, INCIDENTS, SUHU

BREAK_SECONDS = 45
"""15 s until a pulse is overdue, and what a loaded machine needs."""


@pytest.fixture(scope="module")
def monitor(broker: Kafka, java: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitorProcess]:
    """Run a monitor whose rules wait for the temperatures."""
    folder = tmp_path_factory.mktemp("canary")
    rules = yaml.safe_load((ROOT / "services/spark-monitor/rules.yaml").read_text("utf-8"))
    for stream in rules["streams"].values():
        stream.pop("silence", None)
    rules["streams"]["suhu"]["silence"] = {"interval": 1}
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True))
    process = MonitorProcess(broker.bootstrap, folder, java, RULES_FILE=str(folder / "rules.yaml"))
    process.start()
    yield process
    process.end()


def said(monitor: MonitorProcess, start: int, event: str) -> list[dict[str, Any]]:
    """Return the events of a kind, from a number on."""
    return [each for each in monitor.events[start:] if each.get("event") == event]


def wait_for_break(monitor: MonitorProcess, start: int, at: str) -> None:
    broken = "the alert chain is broken: unhealthy"
    eventually(lambda: said(monitor, start, broken), lambda: f"not noticed: {monitor.events[start:]}", BREAK_SECONDS)
    assert [each["at"] for each in said(monitor, start, broken)] == [at]
    since = time.time()
    beat = monitor.heartbeat.stat().st_mtime
    eventually(lambda: time.time() > since + 3, lambda: "", 10)
    assert monitor.heartbeat.stat().st_mtime == beat, "a heartbeat although the chain is broken"


def wait_until_whole(monitor: MonitorProcess, start: int) -> None:
    broken, whole = "the alert chain is broken: unhealthy", "the alert chain is whole again"
    eventually(lambda: said(monitor, start, whole), lambda: f"not whole: {monitor.events[start:]}", BREAK_SECONDS)
    back = time.time()
    eventually(lambda: monitor.heartbeat.stat().st_mtime > back, lambda: "no heartbeat", BREAK_SECONDS)
    assert len(said(monitor, start, broken)) == 1, "each break is told once"


def test_a_heartbeat_is_on_its_topic_every_5_s_and_nowhere_else(monitor: MonitorProcess, client: Client) -> None:
    start = client.end(HEARTBEATS)
    found = records(client.read(HEARTBEATS, start, lambda messages: len(messages) >= 3))
    assert {beat["rule"] for beat in found} == {"kenari"}
    assert {beat["entity_id"] for beat in found} == {"spark-monitor"}
    assert all(beat["message"].startswith("[Detak] spark-monitor berjalan - ") for beat in found)
    apart = [later["value"] - one["value"] for one, later in itertools.pairwise(found)]
    assert all(4500 <= each <= 10_000 for each in apart), apart
    assert all(0 <= beat["received_at"] * 1000 - beat["value"] < 2000 for beat in found)
    assert not client.alerts("spark-monitor")
    assert not [line for line in monitor.lines if "spark-monitor" in line]


def test_a_silent_topic_is_said_and_that_it_speaks_again(monitor: MonitorProcess, client: Client) -> None:
    client.reading("suhu", "SOURCE", 70)
    client.flush()
    monitor.wait_for_line("[Sumber Diam] sensor-suhu-gudang: tidak ada data sejak ", 20)
    client.reading("suhu", "SOURCE", 70)
    client.flush()
    monitor.wait_for_line("[Sumber Kembali] sensor-suhu-gudang: ada data lagi setelah ", 20)
    found = [each for each in records(client.read(INCIDENTS)) if each["entity_id"] == SUHU]
    opened, closed = next((one, two) for one, two in itertools.pairwise(found) if two["state"] == "recovered")
    assert (opened["state"], opened["rule"], opened["kind"]) == ("opened", "sumber", "silence")
    assert opened["incident_id"] == closed["incident_id"]
    assert 5 <= opened["duration_seconds"] <= 5 + 3, "found within silent_after + 3 s"
    assert monitor.lines.count(opened["message"]) == 1


def test_a_stopped_broker_is_told_at_once_and_fails_the_health(
    monitor: MonitorProcess, client: Client, broker: Kafka
) -> None:
    start = len(monitor.events)
    broker.stop_broker()
    try:
        monitor.wait_for_line("[Kafka Diam] Kafka tidak menjawab sejak ", 30)
        wait_for_break(monitor, start, "broker")
    finally:
        broker.start_broker()
    monitor.wait_for_line("[Kafka Kembali] Kafka menjawab lagi setelah ", 30)
    wait_until_whole(monitor, start)

    def of_kafka() -> list[str]:
        return [each["state"] for each in records(client.read(INCIDENTS)) if each["rule"] == "kafka"]

    eventually(lambda: of_kafka() == ["opened", "recovered"], lambda: f"{of_kafka()}", 30)
    client.reading("suhu", "AFTER-BROKER", 85)
    client.flush()
    monitor.wait_for("AFTER-BROKER", ["Suhu 85.00°C -"])
    assert sum("[Kafka Diam]" in line for line in monitor.lines) == 1


def broken_and_whole(monitor: MonitorProcess, start: int) -> tuple[str, str]:
    """Start a monitor again that gave up; return what it told of that since a line, before and after the start."""
    monitor.start()
    monitor.wait_for_line("[Monitor Pulih]", BREAK_SECONDS)
    broken, whole = (line for line in monitor.lines[start:] if line.startswith("[Monitor "))
    return broken, whole


def test_a_spark_that_is_killed_is_told_and_the_next_start_tells_that_alerts_come_again(
    monitor: MonitorProcess, client: Client
) -> None:
    start = len(monitor.lines)
    os.kill(monitor.spark(), signal.SIGKILL)
    assert monitor.process.wait(30) == 1
    broken, whole = broken_and_whole(monitor, start)
    assert re.fullmatch(
        r"\[Monitor Rusak\] peringatan tidak sampai \(Java berhenti\), monitor dimulai ulang - 20\S+ \S+", broken
    )
    assert re.fullmatch(r"\[Monitor Pulih\] peringatan sampai lagi setelah (1 menit )?\d+ detik - 20\S+ \S+", whole)
    client.reading("suhu", "AFTER-KILL", 85)
    client.flush()
    monitor.wait_for("AFTER-KILL", ["Suhu 85.00°C -"])


@pytest.mark.long
def test_a_spark_that_hangs_fails_the_health_and_is_started_again(monitor: MonitorProcess, client: Client) -> None:
    """Java is stopped and stays so: all that asks it waits."""
    start, first_line, since = len(monitor.events), len(monitor.lines), time.monotonic()
    stopped = monitor.spark()
    os.kill(stopped, signal.SIGSTOP)
    wait_for_break(monitor, start, "Spark")
    assert monitor.process.wait(100) == 1
    assert 60 < time.monotonic() - since < 100
    eventually(lambda: not has_java(monitor), lambda: f"Java {stopped} lives on")
    client.reading("suhu", "HUNG", 85)
    client.flush()
    broken, whole = broken_and_whole(monitor, first_line)
    assert re.match(
        r"\[Monitor Rusak\] peringatan tidak sampai sejak 1 menit 1\d detik \(Spark tidak menjawab\), "
        r"monitor dimulai ulang - 20",
        broken,
    )
    assert re.match(r"\[Monitor Pulih\] peringatan sampai lagi setelah \d menit", whole)
    monitor.wait_for("HUNG", ["Suhu 85.00°C -"])


def has_java(monitor: MonitorProcess) -> bool:
    try:
        monitor.spark()
    except AssertionError:
        return False
    return True


@pytest.mark.long
def test_a_pulse_that_kafka_refuses_fails_the_health(monitor: MonitorProcess, broker: Kafka) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})

    def largest_message(value: str) -> None:
        entry = ConfigEntry("max.message.bytes", value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource("topic", CANARY, incremental_configs=[entry])
        for changed in admin.incremental_alter_configs([resource]).values():
            changed.result(10)

    start = len(monitor.events)
    largest_message("10")
    try:
        wait_for_break(monitor, start, "producer")
    finally:
        largest_message("1048588")
    wait_until_whole(monitor, start)


@pytest.mark.long
def test_a_reporter_that_hangs_fails_the_health(monitor: MonitorProcess, client: Client) -> None:
    """Nobody reads the container's output, so its pipe fills up."""
    start = len(monitor.events)
    monitor.stop_listening()
    try:
        for number in range(3000):
            client.reading("suhu", "PIPE", 81 + number / 1000)
        client.flush()
        wait_for_break(monitor, start, "reporter")
    finally:
        monitor.listen()
    wait_until_whole(monitor, start)


def test_alarms_says_what_the_topics_have(monitor: MonitorProcess, client: Client, broker: Kafka) -> None:
    for _ in range(3):
        client.reading("suhu", "ALARMS", 85)
    client.flush()
    monitor.wait_for("ALARMS", ["Suhu 85.00°C -"] * 3)
    run = [sys.executable, "-m", "spark_monitor", "alarms", "--minutes", "30"]
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "TZ": "Asia/Jakarta"}

    def opened() -> int:
        """Return how many there are; what is silent is said again after a start, as the same incident."""
        return len({each["incident_id"] for each in records(client.read(INCIDENTS)) if each["state"] == "opened"})

    before = opened()
    shown = subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[0].startswith("Alarm 30 menit terakhir, sampai 20")
    alerts = records(client.read(ALERTS))
    number = len({alert["alert_id"] for alert in alerts})
    assert shown[1] == f"- Peringatan: {number} ({number / 3:.1f} per 10 menit)"
    assert "ALARMS (3)" in shown[2]
    # Time goes on, and with it silences begin.
    meanwhile = range(before, opened() + 1)
    assert shown[3] in {f"- Insiden dibuka: {number} ({number / 3:.1f} per 10 menit)" for number in meanwhile}
    assert len(shown) == 9


@pytest.mark.long
def test_alarms_without_a_broker_is_one_line() -> None:
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": "localhost:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "spark_monitor", "alarms"], env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("KAFKA_BOOTSTRAP_SERVERS='localhost:1': ")
