"""Rules are configuration: a changed limit, the factory, and a third quantity, all without a line of Python."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from devstack.kafka import Kafka
from devstack.layout import ROOT
from devstack.monitor_process import TOPICS, Client, MonitorProcess, create_topics
from messages.topics import MESIN

SHIPPED = ROOT / "services/spark-monitor/rules.yaml"
TOPICS_FILE = ROOT / "infra/topic-init/topics.yaml"
CO2 = {
    "topic": "sensor-co2-gudang",
    "entity_field": "gudang_id",
    "value_field": "co2",
    "value_type": "integer",
    "label": "CO₂",
    "unit": " ppm",
    "plausible": [0, 50_000],
}


@pytest.fixture(scope="module")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the shipped rules to where the tests may change them."""
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(SHIPPED.read_text("utf-8"), "utf-8")
    return file


@pytest.fixture(scope="module")
def monitor(
    broker: Kafka, java: dict[str, str], rules_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MonitorProcess]:
    """Run a monitor on that file; its checkpoint lives on over the changes."""
    folder = tmp_path_factory.mktemp("monitor")
    process = MonitorProcess(broker.bootstrap, folder, java, RULES_FILE=str(rules_file))
    process.start()
    yield process
    process.end()


def change(file: Path, changed: dict[str, Any]) -> None:
    """Write rules with some parts changed, given as path -> content."""
    rules = yaml.safe_load(file.read_text("utf-8"))
    for path, content in changed.items():
        *above, last = path.split(".")
        part = rules
        for name in above:
            part = part[name]
        part[last] = content
    file.write_text(yaml.safe_dump(rules, allow_unicode=True, sort_keys=False), "utf-8")


def alert_lines(monitor: MonitorProcess) -> list[str]:
    return [line for line in monitor.lines if line.startswith(("[Peringatan", "[CO₂]"))]


def test_the_factorys_messages_are_answered_in_its_own_words(
    monitor: MonitorProcess, client: Client, broker: Kafka
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for temperature in (80, 91):
        producer.produce(MESIN, b'{"sensor_id":"S1","temperature":%d}' % temperature, "S1")
    assert producer.flush(10) == 0
    monitor.wait_for_line("[Peringatan Suhu Mesin] Sensor S1: Suhu 91°C - Suhu terlalu tinggi - ")
    client.reading("suhu", "BOTH-SITES", 85)
    client.flush()
    monitor.wait_for("BOTH-SITES", ["Suhu 85.00°C"])
    assert sum("Sensor S1" in line for line in monitor.lines) == 1, "80 is not above 80"
    (alert,) = client.alerts("S1")
    assert (alert["keterangan"], alert["value"], alert["rule"]) == ("Suhu terlalu tinggi", 91.0, "suhu_mesin_tinggi")


def test_a_changed_limit_takes_effect_and_the_state_is_kept(
    monitor: MonitorProcess, client: Client, rules_file: Path
) -> None:
    at = time.time()
    client.reading("kelembaban", "LIMIT", 60, at)
    client.flush()
    monitor.wait_for("LIMIT", ["suhu belum ada"])
    assert monitor.stop() == 0
    printed = len(alert_lines(monitor))
    change(rules_file, {"alerts.suhu_tinggi.above": 86, "alerts.suhu_tinggi.overrides": {"OWN": 70}})
    monitor.start()
    client.reading("suhu", "LIMIT", 85, at)
    client.flush()
    # Paired with the humidity of before the stop: the checkpoint was kept.
    monitor.wait_for("LIMIT", ["- Kelembaban: 60.00%\n- Status: Aman"])
    client.reading("suhu", "OWN", 71)
    client.reading("suhu", "LIMIT", 87, at + 1)
    client.flush()
    monitor.wait_for("LIMIT", ["Suhu 87.00°C -"])
    monitor.wait_for("OWN", ["Suhu 71.00°C -"])
    assert len(alert_lines(monitor)) == printed + 2


def test_a_third_quantity_by_data_alone(
    monitor: MonitorProcess, client: Client, broker: Kafka, rules_file: Path, tmp_path: Path
) -> None:
    """The status's state gets another layout: it is built again, no reading is lost and no line comes again."""
    assert monitor.stop() == 0
    printed = len(alert_lines(monitor))
    at = time.time()
    client.reading("suhu", "CO2", 88, at)
    client.reading("kelembaban", "CO2", 60, at)
    client.flush()

    topics = yaml.safe_load(TOPICS_FILE.read_text())
    topics["topics"].append({"name": "sensor-co2-gudang", "config": {"message.timestamp.type": "LogAppendTime"}})
    (tmp_path / "topics.yaml").write_text(yaml.safe_dump(topics))
    create_topics(broker.bootstrap, tmp_path / "topics.yaml")
    hot, damp, stuffy = "suhu_tinggi", "kelembaban_tinggi", "co2_tinggi"
    combinations = [[], [hot], [damp], [stuffy], [hot, damp], [hot, stuffy], [damp, stuffy], [hot, damp, stuffy]]
    change(
        rules_file,
        {
            "streams.co2": CO2,
            "alerts.co2_tinggi": {"stream": "co2", "at_least": 1000, "message": "[CO₂] Gudang {entity}: {value}{unit}"},
            "statuses.gudang.streams": ["suhu", "kelembaban", "co2"],
            "statuses.gudang.texts": [{"alerts": each, "text": " + ".join(each) or "Aman"} for each in combinations],
        },
    )
    TOPICS["co2"] = "sensor-co2-gudang"
    client.reading("co2", "CO2", 1000, at)
    client.flush()
    monitor.start()
    assert [event["query"] for event in monitor.events if "starting over" in str(event.get("event"))] == [
        "alerts",
        "status",
    ]
    monitor.wait_for("CO2", ["Suhu 88.00°C -", "[CO₂] Gudang CO2: 1000 ppm", "suhu_tinggi + co2_tinggi"])
    (block,) = [said for said in monitor.about("CO2") if "suhu_tinggi + co2_tinggi" in said]
    assert "- Suhu: 88.00°C\n- Kelembaban: 60.00%\n- CO₂: 1000 ppm\n" in block
    client.reading("suhu", "AFTER-CO2", 90)
    client.flush()
    monitor.wait_for("AFTER-CO2", ["Suhu 90.00°C -"])
    new = alert_lines(monitor)[printed:]
    assert len(new) == 3, "lines of before were printed again"
    before = [said for said in monitor.about("LIMIT") if said.startswith("[Status")]
    assert len(before) == len(set(before)), "statuses of before were printed again"


@pytest.mark.long
def test_a_topic_may_go_and_come_back(monitor: MonitorProcess, client: Client, broker: Kafka, rules_file: Path) -> None:
    """The checkpoint has the topic's partition, for which the query without it has no task slot."""
    with_machines = rules_file.read_text("utf-8")
    assert monitor.stop() == 0
    printed = len(alert_lines(monitor))
    rules = yaml.safe_load(with_machines)
    del rules["streams"]["mesin"], rules["alerts"]["suhu_mesin_tinggi"]
    rules["statuses"]["renamed"] = rules["statuses"].pop("gudang")
    rules_file.write_text(yaml.safe_dump(rules, allow_unicode=True, sort_keys=False), "utf-8")
    events = len(monitor.events)
    monitor.start()
    started_over = [event["query"] for event in monitor.events[events:] if "starting over" in str(event.get("event"))]
    assert started_over == ["alerts", "status"]
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(MESIN, b'{"sensor_id":"S9","temperature":95}', "S9")
    assert producer.flush(10) == 0
    at = time.time()
    for stream, value in ("suhu", 91), ("kelembaban", 60), ("co2", 400):
        client.reading(stream, "GONE", value, at)
    client.flush()
    monitor.wait_for("GONE", ["Suhu 91.00°C -", "- Kelembaban: 60.00%\n- CO₂: 400 ppm\n- Status: suhu_tinggi"])

    assert monitor.stop() == 0
    rules_file.write_text(with_machines, "utf-8")
    monitor.start()
    monitor.wait_for_line("[Peringatan Suhu Mesin] Sensor S9: Suhu 95°C")
    client.reading("suhu", "BACK", 92)
    client.flush()
    monitor.wait_for("BACK", ["Suhu 92.00°C -"])
    assert len(alert_lines(monitor)) == printed + 3, "lines of before were printed again"


def test_a_bad_file_is_refused_with_every_mistake(tmp_path: Path) -> None:
    bad = tmp_path / "rules.yaml"
    bad.write_text(
        SHIPPED.read_text("utf-8").replace("above: 70", "above: 700").replace("{time}", "{when}", 1), "utf-8"
    )
    env = os.environ | {"RULES_FILE": str(bad)}
    run = [sys.executable, "-m", "spark_monitor"]
    refused = subprocess.run([*run, "run"], env=env, capture_output=True, text=True, check=False)
    checked = subprocess.run([*run, "check-rules", str(bad)], capture_output=True, text=True, check=False)
    assert (refused.returncode, checked.returncode) == (1, 1)
    assert refused.stderr == checked.stdout
    lines = checked.stdout.splitlines()
    assert len(lines) == 2, lines
    assert all(line.startswith(f"{bad}:") for line in lines)


def test_the_rules_own_tests_show_a_changed_limit(tmp_path: Path, java: dict[str, str]) -> None:
    """That all pass on the shipped rules is tested in the container (tests/stack/test_stack.py)."""
    changed = tmp_path / "rules.yaml"
    changed.write_text(SHIPPED.read_text("utf-8").replace("above: 70", "above: 71"), "utf-8")
    failed = subprocess.run(
        [sys.executable, "-m", "spark_monitor", "test-rules", str(changed), str(SHIPPED.with_suffix(".test.yaml"))],
        env=os.environ | java, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert failed.returncode == 1
    assert "[Stage" not in failed.stderr
    assert "-[Peringatan Kelembaban Tinggi] Gudang G1: Kelembaban 70.01% - 2026-11-22 11:29:18" in failed.stdout
    assert failed.stdout.endswith("11 passed, 1 failed\n")


def test_what_the_field_sends_is_judged_through_spark_as_without_it(tmp_path: Path, java: dict[str, str]) -> None:
    """The unit tests judge the same readings without Spark's decode."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(SHIPPED.read_text("utf-8"), "utf-8")
    change(rules, {"streams.suhu.fault_values": [85, -127], "streams.suhu.max_step": 30})
    change(rules, {"streams.suhu.stuck_after": 3600})
    done = subprocess.run(
        [sys.executable, "-m", "spark_monitor", "test-rules", str(rules), str(ROOT / "tests/field/faults.test.yaml")],
        env=os.environ | java, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rules_test_on_an_unknown_topic_is_said(tmp_path: Path) -> None:
    tests = tmp_path / "rules.test.yaml"
    tests.write_text("- name: strange\n  readings: [{at: 0, topic: sensor-x, suhu: 1}]\n  lines: ''\n")
    run = [sys.executable, "-m", "spark_monitor", "test-rules", str(SHIPPED), str(tests)]
    refused = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, "")
    assert refused.stdout.startswith(
        f"{tests}: strange: readings.0.topic: expected one of the streams' topics sensor-suhu-gudang, "
    )
