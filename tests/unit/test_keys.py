"""Every producer of ours sends a key where Java's clients send it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from rules import file as rules_file
from servicekit import publisher
from servicekit.kafka_client import connection
from servicekit.publisher import Publisher
from spark_monitor.engine import incident_topic
from spark_monitor.engine.incident_topic import IncidentTopic
from spark_monitor.engine.kafka_clock import KafkaClock
from spark_monitor.health import pulse
from spark_monitor.health.alert_chain import AlertChain
from spark_monitor.health.pulse import Pulse
from spark_monitor.incidents.inhibition import Inhibition

RULES = Path(__file__).parents[2] / "services/spark-monitor/rules.yaml"
NOWHERE = "localhost:1"


def readings() -> None:
    Publisher(connection(NOWHERE), "t", threading.Event(), client_id="c", queue_messages=1, delivery_timeout=1)


def incidents() -> None:
    IncidentTopic(connection(NOWHERE))


def pulses() -> None:
    Pulse(
        connection(NOWHERE),
        {},
        Inhibition(rules_file.load(RULES)),
        AlertChain(),
        clock=KafkaClock(),
        tell=lambda _: None,
    )


@pytest.mark.parametrize(("module", "make"), [(publisher, readings), (incident_topic, incidents), (pulse, pulses)])
def test_the_partition_is_chosen_as_java_does(
    monkeypatch: pytest.MonkeyPatch, module: Any, make: Callable[[], None]
) -> None:
    configured: list[dict[str, Any]] = []

    def producer(config: dict[str, Any]) -> confluent_kafka.Producer:
        configured.append(config)
        return confluent_kafka.Producer(config)

    monkeypatch.setattr(module, "Producer", producer)
    make()
    (config,) = configured
    assert config["partitioner"] == "murmur2_random"
