"""Every producer of ours sends a key where Java's clients send it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from sensorkit import publisher
from sensorkit.publisher import Publisher
from spark_monitor import incident_topic, pulse, rules_file
from spark_monitor.causes import Causes
from spark_monitor.chain import Chain
from spark_monitor.incident_topic import IncidentTopic
from spark_monitor.pulse import Pulse

RULES = Path(__file__).parents[2] / "services/spark-monitor/rules.yaml"
NOWHERE = "localhost:1"


def readings() -> None:
    Publisher(NOWHERE, "t", threading.Event(), client_id="c", queue_messages=1, delivery_timeout=1)


def incidents() -> None:
    IncidentTopic(NOWHERE)


def pulses() -> None:
    Pulse(NOWHERE, {}, Causes(rules_file.load(RULES)), Chain(), lambda _: None)


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
