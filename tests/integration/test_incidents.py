"""Incidents of the real monitor: what is printed and published, over a restart, and of sensors that fall silent."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.layout import ROOT
from devstack.monitor_process import Client, MonitorProcess, records
from messages.topics import CANARY, INCIDENTS
from rules import file as rules
from spark_monitor.engine.incident_query import BATCH_SECONDS

LATEST = 5 + BATCH_SECONDS + 1
"""Seconds after which a silence is found: those that the rules say, and a batch."""


def jakarta(at: float) -> str:
    return dt.datetime.fromtimestamp(at, ZoneInfo("Asia/Jakarta")).strftime("%Y-%m-%d %H:%M:%S")


@pytest.fixture(scope="module")
def started_for_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of programs by which Hadoop may ask and set what files are; each notes its use in `log`."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("chmod", "readlink", "ls", "stat"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\nexec {shutil.which(name)} "$@"\n')
        program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the shipped rules, which also expect a warehouse that nobody has, and call wet what is so for 3 s."""
    rules = yaml.safe_load((ROOT / "services/spark-monitor/rules.yaml").read_text("utf-8"))
    rules["streams"]["suhu"]["silence"]["expected"] = ["NEVER"]
    rules["alerts"]["kelembaban_tinggi"]["incident"]["on_delay"] = 3
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(yaml.safe_dump(rules, allow_unicode=True), "utf-8")
    return file


@pytest.fixture(scope="module")
def monitor(
    broker: Kafka,
    java: dict[str, str],
    rules_file: Path,
    started_for_files: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MonitorProcess]:
    path = f"{started_for_files}:{os.environ['PATH']}"
    folder = tmp_path_factory.mktemp("monitor")
    process = MonitorProcess(broker.bootstrap, folder, java, PATH=path, RULES_FILE=str(rules_file))
    process.start()
    yield process
    process.end()


def steady(client: Client, gudang: str, begin: float, values: list[float], sensor: str = "suhu-7f3a") -> None:
    """Send one reading for each second from a time on, at once."""
    for second, value in enumerate(values):
        message = {"gudang_id": gudang, "suhu": value, "timestamp": begin + second, "sensor_id": sensor}
        client.send("suhu", message, gudang)
    client.flush()


@contextmanager
def speaking(client: Client, gudang: str) -> Iterator[None]:
    """Let another warehouse's sensor report all the time, so that its topic is not silent."""
    ends = threading.Event()

    def speak() -> None:
        while not ends.wait(0.5):
            steady(client, gudang, time.time(), [75.0], "other")

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def of(client: Client, gudang: str) -> list[dict[str, Any]]:
    return [record for record in records(client.read(INCIDENTS), gudang) if record["kind"] == "threshold"]


def test_an_incident_opens_and_closes_with_exactly_these_lines(
    monitor: MonitorProcess, client: Client, rules_file: Path
) -> None:
    # The first batch starts a process, and Java compiles: seconds, after which a sensor of this test would be silent.
    steady(client, "FIRST-BATCH", time.time() - 300, [84.31] * 40)
    monitor.wait_for_line("[Insiden Dibuka] Gudang FIRST-BATCH: ")
    begin = time.time() - 300
    steady(client, "OPENS", begin, [84.31] * 40)
    opened = f"[Insiden Dibuka] Gudang OPENS: Suhu 84.31°C > 80 - {jakarta(begin)}"
    monitor.wait_for_line(opened)
    steady(client, "OPENS", begin + 40, [*[84.31] * 61, 88.02, *[84.31] * 150, *[79.0] * 31])
    closed = (
        f"[Insiden Selesai] Gudang OPENS: Suhu, 4 menit 12 detik, puncak 88.02°C, MKT 84.33°C - {jakarta(begin + 252)}"
    )
    monitor.wait_for_line(closed)
    assert [line for line in monitor.incidents_of("OPENS") if line.startswith("[Insiden")] == [opened, closed]
    first, last = of(client, "OPENS")
    assert (first["state"], first["message"], first["incident_id"]) == ("opened", opened, last["incident_id"])
    assert first["incident_id"] == f"suhu_tinggi-OPENS-{round(begin * 1000)}"
    assert first["rules_version"] == rules.load(rules_file).version
    assert (last["state"], last["closed_at"], last["readings"], last["coverage"]) == (
        "closed", pytest.approx(begin + 252), 252, 1.0
    )  # fmt: skip
    assert last["degree_minutes"] == pytest.approx((4.31 * 251 + 8.02) / 60)


def test_short_excursions_open_nothing(monitor: MonitorProcess, client: Client) -> None:
    begin = time.time() - 200
    steady(client, "FLAPS", begin, [*[85.0] * 25, 78.5] * 5)
    steady(client, "AFTER", begin, [85.0] * 40)
    monitor.wait_for_line("[Insiden Dibuka] Gudang AFTER:")
    assert of(client, "FLAPS") == []


def test_a_silent_sensor_is_found_in_time(monitor: MonitorProcess, client: Client) -> None:
    with speaking(client, "SPEAKS"):
        # A first one, as at the start each silence waits for a larger cause.
        steady(client, "FIRST", time.time() - 1, [75.0, 75.0])
        monitor.wait_for_line("[Sensor Diam] Gudang FIRST: ")
        # The best of three: a batch that Java still compiles takes seconds where both cores are full.
        found_after: dict[str, float] = {}
        while len(found_after) < 3 and not any(seconds < LATEST for seconds in found_after.values()):
            gudang = f"SILENT-{len(found_after)}"
            steady(client, gudang, time.time() - 1, [75.0, 75.0])
            at = time.time()
            monitor.wait_for_line(f"[Sensor Diam] Gudang {gudang}: suhu tidak terkirim sejak ")
            found_after[gudang] = time.time() - at
        assert min(found_after.values()) < LATEST, found_after
        (line,) = monitor.incidents_of(gudang)
        assert line.endswith(" detik (suhu-7f3a)")
        steady(client, gudang, time.time(), [75.0])
        monitor.wait_for_line(f"[Sensor Kembali] Gudang {gudang}: suhu terkirim lagi setelah ")


def test_a_persons_word_ends_what_no_data_ends(monitor: MonitorProcess, client: Client, broker: Kafka) -> None:
    with speaking(client, "SPEAKS"):
        steady(client, "CLOSED", time.time() - 1, [75.0, 75.0])
        monitor.wait_for_line("[Sensor Diam] Gudang CLOSED: ")
        command = [sys.executable, "-m", "spark_monitor", "retire", "CLOSED", "--by", "Budi", "--reason", "ditutup"]
        env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
        assert subprocess.run(command, env=env, check=False, timeout=30).returncode == 0
        monitor.wait_for_line("[Sensor Dilepas] Gudang CLOSED: suhu tidak ditunggu lagi setelah ")
        assert monitor.incidents_of("CLOSED")[-1].endswith(" detik (suhu-7f3a), oleh Budi: ditutup")
        (last,) = [each for each in records(client.read(INCIDENTS), "CLOSED") if each["state"] == "retired"]
        assert (last["kind"], last["sensor_id"]) == ("silence", "suhu-7f3a")


def test_a_sensor_whose_clock_is_wrong_alarms_all_the_same(monitor: MonitorProcess, client: Client) -> None:
    begun = time.time()
    clocks: dict[str, Callable[[int], float]] = {
        "FIRSTDAY": float,
        "STANDS": lambda _second: begun,
        "BEHIND": lambda second: begun + second - 7_200,
        "AHEAD": lambda second: begun + second + 3_600,
    }
    for second in range(10):
        for gudang, clock in clocks.items():
            message = {"gudang_id": gudang, "kelembaban": 90 + second, "timestamp": clock(second), "sensor_id": "k-1"}
            client.send("kelembaban", message, gudang)
        client.flush()
        time.sleep(max(0, begun + second + 1 - time.time()))  # this makes the rate: a sensor reports once a second
    for gudang in clocks:
        monitor.wait_for_line(f"[Jam Sensor Salah] Gudang {gudang}: k-1 ")
        monitor.wait_for_line(f"[Insiden Dibuka] Gudang {gudang}: Kelembaban ")
        alerts = [line for line in monitor.about(gudang) if line.startswith("[Peringatan")]
        assert len(alerts) == 10, alerts
        opened = [each for each in of(client, gudang) if each["state"] == "opened"]
        assert [each["time_source"] for each in opened] == ["kafka"]
        assert opened[0]["opened_at"] == pytest.approx(begun, abs=5)
    assert any(line.endswith("FIRSTDAY: k-1 tertinggal 56 tahun, waktu Kafka dipakai") for line in list(monitor.lines))


def test_what_a_gateway_tells_after_the_live_reading_has_its_incident(monitor: MonitorProcess, client: Client) -> None:
    begin = time.time() - 600
    steady(client, "LATE", time.time(), [75.0])
    # In one batch with it they would be in order, and not late.
    seen = monitor.boundaries("incidents")
    eventually(lambda: monitor.boundaries("incidents") >= seen + 2, lambda: "the live reading is not judged", 60)
    steady(client, "LATE", begin, [*[84.31] * 60, *[75.0] * 40])
    monitor.wait_for_line(f"[Insiden Dibuka] Gudang LATE: Suhu 84.31°C > 80 - {jakarta(begin)} (data terlambat)")
    monitor.wait_for_line("[Insiden Selesai] Gudang LATE: Suhu, 1 menit, puncak 84.31°C")
    assert [(each["state"], each["late"]) for each in of(client, "LATE")] == [("opened", True), ("closed", True)]


def test_one_hot_sensor_of_three_opens_its_room(monitor: MonitorProcess, client: Client) -> None:
    begin = time.time() - 300
    for sensor, value in ("s-1", 75.0), ("s-2", 84.31), ("s-3", 75.0):
        steady(client, "THREE", begin, [value] * 40, sensor)
    monitor.wait_for_line(f"[Insiden Dibuka] Gudang THREE: Suhu 84.31°C > 80 - {jakarta(begin)}")
    (opened,) = of(client, "THREE")
    assert opened["sensors"] == ["s-2"]


def test_an_expected_warehouse_that_never_spoke_is_missed(monitor: MonitorProcess, client: Client) -> None:
    """A minute after the start of the monitor that the tests share, while others speak."""
    with speaking(client, "SPEAKS"):
        monitor.wait_for_line("[Sensor Diam] Gudang NEVER: suhu belum pernah terkirim sejak ", 90)


def test_without_readings_only_the_canary_makes_batches(monitor: MonitorProcess, started_for_files: Path) -> None:
    seen = monitor.boundaries("incidents")
    eventually(lambda: monitor.boundaries("incidents") >= seen + 5, lambda: "no batches without readings", 60)
    # From the second on: the first may have been planned before the last reading of the test before was there.
    found = [monitor.read_until("incidents", seen + number) for number in range(2, 6)]
    pulses = [sum(topics.pop(CANARY).values()) for topics in found]
    assert pulses == sorted(set(pulses)), "a batch without a pulse"
    assert found == [found[0]] * 4, "readings that nobody sent"
    used = started_for_files / "log"
    assert not used.exists(), used.read_text()[:2000]


def test_a_restart_goes_on_with_an_open_incident(monitor: MonitorProcess, client: Client) -> None:
    begin = time.time() - 200
    steady(client, "RESTART", begin, [85.0] * 40)
    monitor.wait_for_line("[Insiden Dibuka] Gudang RESTART:")
    assert monitor.stop() == 0
    steady(client, "RESTART", begin + 40, [90.0] * 20)
    monitor.start()
    steady(client, "RESTART", begin + 60, [75.0] * 31)
    closed = f"[Insiden Selesai] Gudang RESTART: Suhu, 1 menit, puncak 90.00°C, MKT 86.87°C - {jakarta(begin + 60)}"
    monitor.wait_for_line(closed)
    told = [
        line for line in monitor.incidents_of("RESTART") if line.startswith(("[Insiden Dibuka", "[Insiden Selesai"))
    ]
    assert len(told) == 2
    (last,) = [record for record in of(client, "RESTART") if record["state"] == "closed"]
    assert (last["readings"], last["gap_seconds"]) == (60, 0)


@pytest.mark.long
def test_a_kill_loses_and_repeats_nothing(monitor: MonitorProcess, client: Client) -> None:
    begin = time.time() - 200
    steady(client, "KILL", begin, [85.0] * 40)
    monitor.wait_for_line("[Insiden Dibuka] Gudang KILL:")
    monitor.kill()
    monitor.start()
    steady(client, "KILL", begin + 40, [75.0] * 31)
    monitor.wait_for_line("[Insiden Selesai] Gudang KILL:")
    told = [line.split("]")[0] for line in monitor.incidents_of("KILL") if line.startswith("[Insiden")]
    assert (told.count("[Insiden Dibuka"), told.count("[Insiden Selesai")) == (1, 1)


@pytest.mark.long
def test_only_incidents_are_shown_when_asked_for(
    monitor: MonitorProcess, broker: Kafka, client: Client, java: dict[str, str], tmp_path: Path
) -> None:
    assert monitor.stop() == 0
    quiet = MonitorProcess(broker.bootstrap, tmp_path, java, SHOW="incidents", STARTING_OFFSETS="latest")
    try:
        quiet.start()
        steady(client, "QUIET", time.time() - 200, [85.0] * 40)
        quiet.wait_for_line("[Insiden Dibuka] Gudang QUIET:")
        assert quiet.about("QUIET") == []
        # A flood, too: the tests before have opened enough.
        told = ("[Insiden", "[Sensor", "[Sumber", "[Banjir")
        assert [line for line in quiet.lines if not line.startswith(told)] == []
    finally:
        quiet.end()
