"""What asks Kafka each second, many at once: how a client gets over a broker's start is a matter of milliseconds."""

import time

import pytest

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.layout import ROOT
from devstack.monitor_process import create_topics
from messages.topics import CANARY, HEARTBEATS
from rules.file import load
from servicekit.kafka_client import connection
from spark_monitor.engine.kafka_clock import KafkaClock
from spark_monitor.health.alert_chain import AlertChain
from spark_monitor.health.pulse import ASK_SECONDS, Pulse
from spark_monitor.incidents.inhibition import Inhibition

ASKING = 40
OUTAGES = 3
OUTAGE_SECONDS = 30


def wait_for_lines(told: list[list[str]], number: int) -> None:
    def behind() -> list[list[str]]:
        return [lines for lines in told if len(lines) < number]

    eventually(lambda: not behind(), lambda: f"{len(behind())} of {len(told)} have not noticed: {behind()}", 15)


@pytest.mark.long
def test_each_notices_soon_that_kafka_is_back(stoppable_kafka: Kafka) -> None:
    """Clients that ask in the broker's first moments may hear that nothing has a leader, and would keep to that."""
    create_topics(stoppable_kafka.bootstrap, ROOT / "infra/topic-init/topics.yaml")
    rules = load(ROOT / "services/spark-monitor/rules.yaml")
    topics = {stream.topic for stream in rules.streams.values()} | {CANARY, HEARTBEATS}
    told: list[list[str]] = [[] for _ in range(ASKING)]
    pulses = [
        Pulse(
            connection(stoppable_kafka.bootstrap),
            dict.fromkeys(topics, 1),
            Inhibition(rules),
            AlertChain(),
            clock=KafkaClock(),
            tell=lines.append,
        )
        for lines in told
    ]
    for pulse in pulses:
        pulse.start()
        time.sleep(ASK_SECONDS / ASKING)  # so that their questions are spread over the second
    try:
        for outage in range(1, OUTAGES + 1):
            stoppable_kafka.stop_broker()
            time.sleep(OUTAGE_SECONDS)  # this is the outage; after a short one no client was seen to hear of no leader
            stoppable_kafka.start_broker()
            wait_for_lines(told, 2 * outage)
    finally:
        for pulse in pulses:
            pulse.finish()
        for pulse in pulses:
            pulse.join(30)
    assert all("[Kafka Diam]" in line for lines in told for line in lines[::2])
    assert all("[Kafka Kembali]" in line for lines in told for line in lines[1::2])
