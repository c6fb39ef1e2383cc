"""The reporter by itself: it may be minutes behind what the queries write, and start before Kafka is ready."""

import io
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from tests.eventually import eventually
from tests.integration.monitor_process import ROOT, Client, create_topics

from local_stack.kafka import Kafka
from spark_monitor.chain import Chain
from spark_monitor.display import Display
from spark_monitor.figures import Figures
from spark_monitor.outgoing import ALERTS
from spark_monitor.quality import Quality
from spark_monitor.reporter import GROUP, TOPICS, Reporter
from spark_monitor.rules_file import load

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


def reporter(bootstrap: str, notes: Path, out: io.StringIO) -> Reporter:
    return Reporter(
        bootstrap, dict.fromkeys(TOPICS, 1), Display(load(RULES), "all"), Figures({}), out,
        quality=Quality(), chain=Chain(), may_repeat={}, notes=notes,
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
