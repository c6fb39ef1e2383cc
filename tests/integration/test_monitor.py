"""The monitor from outside: messages in, lines and topics out, on a real Kafka and a real Spark."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.layout import ROOT
from devstack.monitor_process import TOPICS, Client, MonitorProcess, create_topics, records
from messages.topics import ALERTS, REFUSED, STATUSES


@pytest.fixture(scope="module")
def monitor(broker: Kafka, java: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitorProcess]:
    """Run the monitor that the tests share; those that stop it start it again."""
    process = MonitorProcess(broker.bootstrap, tmp_path_factory.mktemp("monitor"), java)
    process.start()
    yield process
    process.end()


def test_each_minute_it_says_what_it_did(monitor: MonitorProcess, client: Client) -> None:
    """The first test here: what the others send would be in the figures of the same minute."""
    client.reading("suhu", "FIGURES", 85)
    client.send("suhu", b"no reading")
    client.flush()
    minutes: list[dict[str, Any]] = []

    def refused() -> Counter[str]:
        return sum((Counter(minute["refused_for"]) for minute in minutes), Counter())

    def both_counted() -> bool:
        minutes[:] = [event for event in monitor.events if event.get("event") == "last minute"]
        return any(minute["alerts"] for minute in minutes) and bool(refused())

    eventually(both_counted, lambda: f"no figures; {monitor.events}", 135)
    assert refused() == {"InvalidJson": 1}
    assert sum(minute["alerts"] for minute in minutes) == 1
    # A refused message is one when a reading behind it is judged, or at once, by which comes first.
    assert sum(minute["readings"] for minute in minutes) in {1, 2}
    said = next(minute for minute in minutes if minute["alerts"])
    assert -20 < said["alert_p50_ms"] <= said["alert_p99_ms"], "by Kafka's clock, which has stamped the reading"
    assert said["lag"] == 0


COMBINATIONS = [
    ("T1", 85.25, 75.5, ["Suhu 85.25°C", "Kelembaban 75.50%"], "Bahaya tinggi! Barang berisiko rusak"),
    ("T2", 85.5, 60, ["Suhu 85.50°C"], "Suhu tinggi, kelembaban normal"),
    ("T3", 70, 75.25, ["Kelembaban 75.25%"], "Kelembaban tinggi, suhu aman"),
    ("T4", 80.0, 70.0, [], "Aman"),
]


@pytest.mark.parametrize("case", COMBINATIONS, ids=[text for *_, text in COMBINATIONS])
def test_three_field_messages_are_answered_with_exactly_these_lines(
    monitor: MonitorProcess, client: Client, case: tuple[str, float, float, list[str], str]
) -> None:
    gudang, suhu, kelembaban, alerts, text = case
    at = time.time()
    client.reading("suhu", gudang, suhu, at)
    client.flush()
    monitor.wait_for(gudang, ["Data tidak lengkap (kelembaban belum ada)"])
    client.reading("kelembaban", gudang, kelembaban, at)
    client.flush()
    monitor.wait_for(gudang, [text, *alerts])
    kinds = {"Suhu": "[Peringatan Suhu Tinggi]", "Kelembaban": "[Peringatan Kelembaban Tinggi]"}
    expected = [f"{kinds[alert.split()[0]]} Gudang {gudang}: {alert} - {jakarta(at)}" for alert in alerts]
    for humidity, status in (("-", "Data tidak lengkap (kelembaban belum ada)"), (f"{kelembaban:.2f}%", text)):
        block = [f"[Status Gabungan] Gudang {gudang}:", f"- Suhu: {suhu:.2f}°C", f"- Kelembaban: {humidity}"]
        expected.append("\n".join([*block, f"- Status: {status}", "-" * 30]))
    assert sorted(monitor.about(gudang)) == sorted(expected)


def test_a_pair_11_s_apart_is_not_paired_and_says_so(monitor: MonitorProcess, client: Client) -> None:
    at = time.time()
    client.reading("suhu", "APART", 85, at - 11)
    client.flush()
    monitor.wait_for("APART", ["kelembaban belum ada"])
    client.reading("kelembaban", "APART", 75, at)
    client.flush()
    monitor.wait_for("APART", ["Data tidak lengkap (suhu terakhir 11 detik lalu)"])


BAD: dict[str, Any] = {
    "not JSON": b"suhu=84",
    "empty": b"",
    "null": None,
    "invalid UTF-8": b'{"gudang_id":"BAD","suhu":99,"x":"\xff"}',
    "no object": [99],
    "no name": {"suhu": 99},
    "empty name": {"gudang_id": "", "suhu": 99},
    "over-long name": {"gudang_id": "x" * 65, "suhu": 99},
    "no value": {"gudang_id": "BAD"},
    "string as value": {"gudang_id": "BAD", "suhu": "99"},
    "NaN": b'{"gudang_id":"BAD","suhu":NaN}',
    "NaN as text": {"gudang_id": "BAD", "suhu": "NaN"},
    "Infinity": b'{"gudang_id":"BAD","suhu":Infinity}',
    "-Infinity": b'{"gudang_id":"BAD","suhu":-Infinity}',
    "1e999": b'{"gudang_id":"BAD","suhu":1e999}',
    "too hot": {"gudang_id": "BAD", "suhu": 200.1},
    "too cold": {"gudang_id": "BAD", "suhu": -90.1},
    "string as time": {"gudang_id": "BAD", "suhu": 99, "timestamp": "now"},
    "900 kB": b'{"gudang_id":"BAD","suhu":99,"x":"' + b"x" * 900_000 + b'"}',
}


def test_each_bad_message_is_refused_once_and_whole_and_raises_nothing(monitor: MonitorProcess, client: Client) -> None:
    refused_before, alerts_before = client.end(REFUSED), client.end(ALERTS)
    first = client.end(TOPICS["suhu"])
    for message in BAD.values():
        client.send("suhu", message, "a key")
    client.flush()
    refused = client.read(REFUSED, refused_before, lambda messages: len(messages) >= len(BAD))
    headers = [{name: value.decode() for name, value in message.headers()} for message in refused]
    by_offset = {int(h["__connect.errors.offset"]) - first: (h, m) for h, m in zip(headers, refused, strict=True)}
    assert sorted(by_offset) == list(range(len(BAD)))
    for (name, original), (_, (header, message)) in zip(BAD.items(), sorted(by_offset.items()), strict=True):
        sent = original if original is None or isinstance(original, bytes) else json.dumps(original).encode()
        assert message.value() == sent, name
        assert message.key() == b"a key"
        assert header["__connect.errors.topic"] == TOPICS["suhu"]
        assert header["__connect.errors.partition"] == "0"
        assert header["__connect.errors.exception.class.name"]
        assert header["__connect.errors.exception.message"]

    client.reading("suhu", "AFTER-BAD", 85)
    client.flush()
    monitor.wait_for("AFTER-BAD", ["Suhu 85.00°C"])
    assert len(client.read(REFUSED, refused_before)) == len(BAD)
    assert [alert["entity_id"] for alert in records(client.read(ALERTS, alerts_before))] == ["AFTER-BAD"]
    assert not [line for line in monitor.lines if "BAD:" in line and "AFTER-BAD" not in line]


@pytest.mark.usefixtures("monitor")
def test_refused_messages_are_shown_to_a_person_and_as_lines_to_mend(broker: Kafka, client: Client) -> None:
    sent = b'{"gudang_id":"MEND","suhu":"84\x1b[31m"}'
    before = client.end(REFUSED)
    client.send("suhu", sent, "MEND")
    client.flush()
    client.read(REFUSED, before, bool)
    run = [sys.executable, "-m", "spark_monitor", "refused", "--last", "1"]
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "TZ": "Asia/Jakarta"}
    shown = subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(shown) == 2
    assert shown[0].startswith(jakarta(time.time())[:10])
    assert f"  {TOPICS['suhu']}-0-{client.end(TOPICS['suhu']) - 1}  InvalidJson: pesan bukan JSON" in shown[0]
    assert shown[1] == r'    MEND|{"gudang_id":"MEND","suhu":"84\x1b[31m"}', "control characters reach no terminal"
    whole = subprocess.run([*run, "--as-input"], env=env, capture_output=True, check=True).stdout
    assert whole == b"MEND|" + sent + b"\n"


def test_extra_fields_and_a_missing_time_are_accepted(monitor: MonitorProcess, client: Client) -> None:
    client.send("suhu", {"gudang_id": "EXTRA", "suhu": 85, "firmware": {"version": [1, 2]}}, "EXTRA")
    client.flush()
    monitor.wait_for("EXTRA", ["Suhu 85.00°C"])


def test_52000_historic_readings_lose_nothing(monitor: MonitorProcess, client: Client) -> None:
    """Years old, as fast as a client can, the warehouses' pairs one second apart."""
    pairs, warehouses = 26_000, 13
    alerts_before, statuses_before = client.end(ALERTS), client.end(STATUSES)
    start = time.time() - 5 * 365 * 86400
    expected_alerts, expected_pairs = Counter[tuple[str, str, float]](), set()
    for number in range(pairs):
        gudang, at = f"H{number % warehouses}", start + number // warehouses
        suhu, kelembaban = 70 + (number * 7 % 2000) / 100, 60 + (number * 11 % 2000) / 100
        client.reading("suhu", gudang, suhu, at)
        client.reading("kelembaban", gudang, kelembaban, at)
        expected_pairs.add((gudang, at, suhu, kelembaban))
        expected_alerts.update([(gudang, "suhu_tinggi", at)] * (suhu > 80))
        expected_alerts.update([(gudang, "kelembaban_tinggi", at)] * (kelembaban > 70))
    client.flush()

    alerts: dict[str, tuple[str, str, float]] = {}
    looked_at = 0

    def all_alerts_are_there(messages: list[Any]) -> bool:
        """Look by id: under load the gear changes, and what came since the last boundary is in the topic again."""
        nonlocal looked_at
        new, looked_at = messages[looked_at:], len(messages)
        of_these = [each for each in records(new) if re.fullmatch(r"H\d+", each["entity_id"])]
        alerts.update({each["alert_id"]: (each["entity_id"], each["rule"], each["event_time"]) for each in of_these})
        return len(alerts) >= expected_alerts.total()

    client.read(ALERTS, alerts_before, all_alerts_are_there)
    assert Counter(alerts.values()) == expected_alerts

    paired: set[tuple[str, float, float, float]] = set()
    seen = 0

    def all_pairs_are_there(messages: list[Any]) -> bool:
        nonlocal seen
        new, seen = messages[seen:], len(messages)
        paired.update(
            (s["entity_id"], s["event_time"], s["suhu"], s["kelembaban"]) for s in records(new) if s["complete"]
        )
        return expected_pairs <= paired

    statuses = client.read(STATUSES, statuses_before, all_pairs_are_there)
    # The last test's status may be among them: it waited for its alert only.
    ids = {status["status_id"] for status in records(statuses) if status["entity_id"].startswith("H")}
    assert len(ids) <= 2 * pairs, "more than one status a reading"

    def printed() -> int:
        return sum(line.startswith("[Peringatan") and "Gudang H" in line for line in list(monitor.lines))

    eventually(lambda: printed() >= expected_alerts.total(), lambda: f"{printed()} of {expected_alerts.total()}", 60)
    lines = Counter(line for line in monitor.lines if line.startswith("[Peringatan") and "Gudang H" in line)
    assert lines.total() == expected_alerts.total()


@pytest.mark.long  # make test stops the container instead: tests/stack/test_stack.py
def test_what_came_while_it_was_stopped_is_printed_once_and_nothing_again(
    monitor: MonitorProcess, client: Client
) -> None:
    client.reading("suhu", "BEFORE", 85)
    client.flush()
    monitor.wait_for("BEFORE", ["Suhu 85.00°C"])
    assert monitor.stop() == 0
    printed = len(monitor.lines)
    for number in range(200):
        client.reading("suhu", "STOPPED", 81 + number / 100)
    client.flush()
    monitor.start()
    monitor.wait_for("STOPPED", [f"Suhu {81 + number / 100:.2f}°C" for number in range(200)])
    client.reading("suhu", "SINCE", 85)
    client.flush()
    monitor.wait_for("SINCE", ["Suhu 85.00°C"])
    new = [line for line in monitor.lines[printed:] if line.startswith("[Peringatan")]
    assert len(new) == 201, "lines of before the stop were printed again"


@pytest.mark.long
def test_kill_9_in_mid_stream_loses_no_line_and_repeats_none(monitor: MonitorProcess, client: Client) -> None:
    """Its like in the containers is among the short faults."""

    def send(first: int) -> None:
        for number in range(first, first + 100):
            client.reading("suhu", "KILLED", 81 + number / 100)
        client.flush()

    send(0)
    monitor.wait_for("KILLED", ["Suhu 81.50°C"])
    send(100)
    monitor.kill()
    send(200)
    monitor.start()
    monitor.wait_for("KILLED", [f"Suhu {81 + number / 100:.2f}°C" for number in range(300)])
    client.reading("suhu", "REVIVED", 85)
    client.flush()
    monitor.wait_for("REVIVED", ["Suhu 85.00°C"])
    lines = Counter(line for line in monitor.about("KILLED") if line.startswith("[Peringatan"))
    # The line that was being printed when it was killed may come twice, no more.
    assert lines.total() <= 300 + 1


def test_the_broker_may_restart(monitor: MonitorProcess, client: Client, broker: Kafka) -> None:
    broker.stop_broker()
    broker.start_broker()
    client.reading("suhu", "NEW-BROKER", 85)
    client.reading("kelembaban", "NEW-BROKER", 75)
    client.flush()
    monitor.wait_for("NEW-BROKER", ["Suhu 85.00°C", "Kelembaban 75.00%", "Bahaya tinggi!"], 60)
    assert monitor.process.poll() is None


@pytest.mark.long
def test_topics_made_anew_are_read_from_their_beginning(monitor: MonitorProcess, client: Client, broker: Kafka) -> None:
    """Offsets, and so the results' ids, begin again: nothing may be taken for read or printed."""
    for _ in range(10):
        client.reading("suhu", "OLD", 85)
    client.flush()
    monitor.wait_for("OLD", ["Suhu 85.00°C -"] * 10)
    boundaries = monitor.boundaries()
    eventually(lambda: monitor.boundaries() > boundaries, lambda: "no boundary", 90)
    assert monitor.stop() == 0
    names = [*TOPICS.values(), ALERTS, STATUSES]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for deleted in admin.delete_topics(names).values():
        deleted.result(30)
    eventually(lambda: not set(names) & admin.list_topics(timeout=5).topics.keys(), lambda: "not deleted yet")
    create_topics(broker.bootstrap, ROOT / "infra/topic-init/topics.yaml")
    client_of_the_new = Client(broker.bootstrap)
    client_of_the_new.reading("suhu", "ANEW", 85)
    client_of_the_new.flush()
    events = len(monitor.events)
    monitor.start()
    said = [str(event.get("event")) for event in monitor.events[events:]]
    assert any("less than was read of" in event for event in said), said
    monitor.wait_for("ANEW", ["Suhu 85.00°C -", "kelembaban belum ada"])


def test_without_a_reporter_it_ends_and_the_next_start_prints_the_rest(monitor: MonitorProcess, client: Client) -> None:
    """Nobody reads its stdout any more: the reporter dies of that, and with it the process."""
    monitor.close_stdout(lambda: client.reading("suhu", "LAST-HEARD", 85))
    client.reading("suhu", "UNHEARD", 85)
    client.flush()
    assert monitor.process.wait(60) != 0
    assert any("the reporter ended: BrokenPipeError" in str(event) for event in monitor.events)
    monitor.start()
    monitor.wait_for("UNHEARD", ["Suhu 85.00°C -", "kelembaban belum ada"])


def test_a_second_monitor_on_the_same_checkpoints_ends_and_disturbs_nothing(
    monitor: MonitorProcess, client: Client
) -> None:
    def working() -> set[str]:
        return {file.name for file in (monitor.checkpoints / "working").iterdir()}

    before = working()
    assert before
    second = monitor.run_beside()
    assert second.returncode == 1, second.stderr
    assert second.stdout.startswith(
        f"[Monitor Ganda] Pemantau lain sedang memakai CHECKPOINT_DIR='{monitor.checkpoints}'"
    )
    assert f"CHECKPOINT_DIR='{monitor.checkpoints}': another monitor is running with it" in second.stderr
    assert before <= working()
    client.reading("suhu", "BESIDE", 85)
    client.flush()
    monitor.wait_for("BESIDE", ["Suhu 85.00°C"])


def test_spark_s_java_machine_does_not_keep_the_lock(monitor: MonitorProcess) -> None:
    """It may outlive a killed monitor for a moment, and the next one must start."""

    def open_files(process: int) -> set[str]:
        return {str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir() if file.is_symlink()}

    lock = str(monitor.checkpoints / "monitor.lock")
    assert lock in open_files(monitor.process.pid)
    assert lock not in open_files(monitor.spark())


def test_a_wrong_setting_ends_the_start_with_one_line() -> None:
    env = os.environ | {"SHOW": "loud", "TZ": "Mars/Olympus"}
    ended = subprocess.run(
        [sys.executable, "-m", "spark_monitor", "run"], env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "SHOW='loud': expected all, changes or incidents; Input should be 'all', 'changes' or 'incidents'",
        "TZ='Mars/Olympus': expected a time zone like Asia/Jakarta; no such time zone",
    ]


def jakarta(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(at) + 7 * 3600))
