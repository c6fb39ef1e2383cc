"""The reporter by itself: it may be minutes behind what the queries write, and start before Kafka is ready."""

import io
import itertools
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.layout import ROOT
from devstack.monitor_process import Client, create_topics
from messages.topics import ALERTS, HEARTBEATS, INCIDENTS, REFUSED, RESULTS, STATUSES
from rules.file import load
from servicekit.kafka_client import connection
from spark_monitor.console.console import Console
from spark_monitor.console.display import Display
from spark_monitor.health.alarm_quality import AlarmQuality
from spark_monitor.health.alert_chain import AlertChain
from spark_monitor.health.throughput import Throughput
from spark_monitor.results.reporter import GROUP, Reporter

RULES = ROOT / "services/spark-monitor/rules.yaml"


def write(bootstrap: str, offsets: Iterable[int]) -> int:
    """Write alerts of the readings at these offsets, as Spark does; return where their topic ends then."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for offset in offsets:
        alert: dict[str, Any] = {
            "alert_id": f"sensor-suhu-gudang-0-{offset}-suhu_tinggi", "rule": "suhu_tinggi", "stream": "suhu",
            "entity_id": "R", "received_at": time.time(), "message": f"reading {offset}",
        }  # fmt: skip
        producer.produce(ALERTS, json.dumps(alert))
    assert producer.flush(30) == 0
    return Client(bootstrap).end(ALERTS)


def reporter(bootstrap: str, positions: Path, out: io.StringIO, quality: AlarmQuality | None = None) -> Reporter:
    rules = load(RULES)
    listeners = [Console(Display(rules, "all"), out), Throughput({}), quality or AlarmQuality(), AlertChain()]
    return Reporter(
        connection(bootstrap), dict.fromkeys(RESULTS, 1), listeners,
        may_repeat={}, combined_streams=rules.combined_streams, positions=positions,
    )  # fmt: skip


def finish(reporter: Reporter) -> None:
    """Let it print what is there."""
    reporter.finish()
    reporter.join(30)
    assert not reporter.is_alive()
    assert reporter.failure is None


def test_what_is_repeated_before_a_boundary_is_known_however_late_it_is_read(
    stoppable_kafka: Kafka, tmp_path: Path
) -> None:
    """A query dies and repeats; it passes two boundaries before the reporter, which is behind, has read any of it."""
    create_topics(stoppable_kafka.bootstrap, ROOT / "infra/topic-init/topics.yaml")
    bootstrap, out = stoppable_kafka.bootstrap, io.StringIO()
    late = reporter(bootstrap, tmp_path, out)
    write(bootstrap, [0, 1, 2])
    late.boundary({ALERTS: {"0": write(bootstrap, [0, 1, 2, 3])}})
    late.boundary({ALERTS: {"0": write(bootstrap, [4])}})
    write(bootstrap, [4, 5])
    late.start()
    finish(late)
    assert out.getvalue().splitlines() == [f"reading {offset}" for offset in range(6)]
    kafka = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP})
    (committed,) = kafka.committed([TopicPartition(ALERTS, 0)], timeout=10)
    kafka.close()
    # Reading back would begin at the last boundary but one.
    assert (committed.offset, committed.metadata) == (10, "7")


def test_a_kafka_that_is_not_ready_is_waited_for(stoppable_kafka: Kafka, tmp_path: Path) -> None:
    """A broker that has just started has its topics, but may not yet say what was committed."""
    create_topics(stoppable_kafka.bootstrap, ROOT / "infra/topic-init/topics.yaml")
    out = io.StringIO()
    write(stoppable_kafka.bootstrap, [0])
    stoppable_kafka.stop_broker()
    early = reporter(stoppable_kafka.bootstrap, tmp_path, out)
    early.start()
    early.join(15)  # longer than the broker is asked for
    assert early.is_alive(), early.failure
    stoppable_kafka.start_broker()
    eventually(out.getvalue, lambda: "nothing printed", 30)
    finish(early)
    assert out.getvalue() == "reading 0\n"


AT = 1_795_321_758.0
JSON_RECORDS: dict[str, dict[str, Any]] = {
    ALERTS: {
        "alert_id": "sensor-suhu-gudang-0-900-suhu_tinggi", "rule": "suhu_tinggi", "stream": "suhu",
        "entity_id": "X", "received_at": AT, "message": "[Peringatan] odd",
    },
    STATUSES: {
        "status_id": "sensor-suhu-gudang-0-900-gudang", "rule": "gudang", "entity_id": "X", "suhu": 84.0,
        "kelembaban": None, "status": "odd", "event_time": AT, "complete": False, "suhu_age_seconds": 0.0,
        "kelembaban_age_seconds": 43.0, "stream": "suhu", "alerts": [], "received_at": AT,
    },
    INCIDENTS: {
        "incident_id": "suhu_tinggi-X-1", "state": "opened", "entity_id": "X", "rule": "suhu_tinggi",
        "opened_at": AT, "emitted_at": AT, "message": "[Insiden Dibuka] odd",
    },
    HEARTBEATS: {"alert_id": "monitor-kenari-0-900-kenari", "value": 5.0},
}  # fmt: skip
ODD_VALUES = [None, 5, True, 1e300, "x", "x-0-99999999999999999999-r", [], [[1]], {}, {"a": None}, "x" * 70_000]
NO_JSON = [None, b"", b"\xff\x00", b"null", b"[]", b"{}", b"{", b"[" * 60_000, b'{"a":' * 9_000, b'{"x": NaN}']
HEADER = "__connect.errors."
Headers = list[tuple[str, str | bytes | None]]
ODD_OFFSETS = (b"\xff", b"-1", b"9223372036854775808", b"9" * 5_000, None)
ODD_HEADERS: list[Headers] = [
    [],
    [("event", b"x"), ("\x1b[2J", None)],
]
ODD_HEADERS += [
    [
        (HEADER + "topic", b"t"),
        (HEADER + "partition", b"0"),
        (HEADER + "offset", offset),
        (HEADER + "exception.class.name", b"InvalidJson"),
    ]
    for offset in ODD_OFFSETS
]


def odd_records(topic: str) -> list[bytes | None]:
    """Return what is JSON of no record, and the topic's record with each field in turn as something else."""
    record = JSON_RECORDS[topic]
    changed = (record | {name: odd} for name, odd in itertools.product(record, ODD_VALUES))
    missing = ({other: record[other] for other in record if other != name} for name in record)
    return [*NO_JSON, *(json.dumps(each).encode() for each in itertools.chain(changed, missing))]


def test_odd_records_of_every_kind_are_told_and_end_nothing(stoppable_kafka: Kafka, tmp_path: Path) -> None:
    create_topics(stoppable_kafka.bootstrap, ROOT / "infra/topic-init/topics.yaml")
    bootstrap, out, quality = stoppable_kafka.bootstrap, io.StringIO(), AlarmQuality()
    first = reporter(bootstrap, tmp_path, out, quality)
    first.start()
    producer = Producer({"bootstrap.servers": bootstrap})
    for topic in JSON_RECORDS:
        for value in odd_records(topic):
            producer.produce(topic, value)
    for headers in ODD_HEADERS:
        producer.produce(REFUSED, b"x", headers=headers)
    forged = JSON_RECORDS[ALERTS] | {
        "alert_id": "sensor-suhu-gudang-0-901-suhu_tinggi",
        "message": "84\u00a0°C\n[Peringatan] forged\x1b[2J\u202e\u2028",
    }
    in_a_century = int(time.time() + 100 * 365 * 86_400) * 1000
    producer.produce(ALERTS, json.dumps(forged), timestamp=in_a_century)
    assert producer.flush(30) == 0
    write(bootstrap, [1])
    eventually(
        lambda: "reading 1\n" in out.getvalue(), lambda: f"no good alert: {first.failure}\n{out.getvalue()[-2000:]}"
    )
    lines = out.getvalue().split("\n")
    assert "84\u00a0°C�[Peringatan] forged�[2J��" in lines
    assert all(line.replace("\u00a0", "").isprintable() for line in lines)
    finish(first)
    told = [line for line in out.getvalue().splitlines() if line.startswith("[Catatan Rusak]")]
    for topic in RESULTS:
        at_once, rest = (line for line in told if line.startswith(f"[Catatan Rusak] {topic}: "))
        assert at_once == f"[Catatan Rusak] {topic}: 1 catatan dilewati karena bukan dari monitor ({topic}-0-0)"
        assert f" catatan dilewati karena bukan dari monitor ({topic}-0-" in rest
    assert quality.figures(time.time())["alerts"] >= 2
    assert quality.figures(time.time() + 601)["alerts"] == 0, "a record's own time keeps nothing"

    out = io.StringIO()
    again = reporter(bootstrap, tmp_path, out)
    again.start()
    write(bootstrap, [2])
    eventually(out.getvalue, lambda: f"no good alert after a restart: {again.failure}")
    finish(again)
    assert out.getvalue() == "reading 2\n", "what was told is not told again"
