"""compose.cluster.yaml: brokers and ZooKeeper nodes are told apart, and one worker may be lost."""

import re

import pytest

from devstack import compose_file
from devstack.layout import ROOT
from rules import file as rules_file
from rules.canary import with_canary
from spark_monitor.engine.task_slots import SLOTS_FOR_BATCHES, needed

OVERLAY = compose_file.services("compose.cluster.yaml")
BASE = compose_file.services("compose.yaml")
BROKERS = {"kafka": 1, "kafka-2": 2, "kafka-3": 3}
NODES = {"zookeeper": 1, "zookeeper-2": 2, "zookeeper-3": 3}


def default(text: str) -> int:
    """Return the number that stands behind `:-` in a variable."""
    (number,) = re.findall(r"^\$\{[A-Z_]+:-(\d+)\}$", text)
    return int(number)


@pytest.mark.parametrize(("service", "number"), BROKERS.items())
def test_each_broker_has_its_number_and_is_called_by_its_own_name(service: str, number: int) -> None:
    environment = BASE["kafka"]["environment"] | OVERLAY[service]["environment"]
    assert environment["KAFKA_BROKER_ID"] == number
    assert environment["KAFKA_ADVERTISED_LISTENERS"].startswith(f"INTERNAL://{service}:9092,EXTERNAL://localhost:")
    assert environment["KAFKA_ZOOKEEPER_CONNECT"] == ",".join(f"{node}:2181" for node in NODES)


@pytest.mark.parametrize("service", BROKERS)
def test_two_brokers_have_what_is_acknowledged(service: str) -> None:
    environment = OVERLAY[service]["environment"]
    assert (environment["KAFKA_MIN_INSYNC_REPLICAS"], environment["KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE"]) == (
        2,
        "false",
    )
    assert environment["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == 3
    assert OVERLAY["topic-init"]["environment"]["TOPIC_REPLICATION"] == 3


@pytest.mark.parametrize(("service", "number"), NODES.items())
def test_each_node_s_number_is_its_place_in_the_list(service: str, number: int) -> None:
    environment = OVERLAY[service]["environment"]
    assert environment["ZOOKEEPER_SERVER_ID"] == number
    assert environment["ZOOKEEPER_SERVERS"].split(";")[number - 1] == f"{service}:2888:3888"


def test_no_two_of_a_kind_share_their_data() -> None:
    volumes = [
        volume.partition(":")[0]
        for service in (*BROKERS, *NODES)
        for volume in OVERLAY[service].get("volumes", BASE[service]["volumes"] if service in BASE else [])
    ]
    assert len(volumes) == len(set(volumes)) == 3 + 2 * 3


def test_one_worker_may_be_lost() -> None:
    """The slots of the others are enough for the shipped rules."""
    rules = rules_file.load(ROOT / "services/spark-monitor/rules.yaml")
    partitions = default(OVERLAY["topic-init"]["environment"]["TOPIC_PARTITIONS"])
    # The canary's topic has one partition always.
    alerts = (len(with_canary(rules).topics) - 1) * partitions + 1
    slots = needed(alerts, len(rules.combined_topics) * partitions, 2) + 2 * SLOTS_FOR_BATCHES
    workers = OVERLAY["spark-worker"]["deploy"]["replicas"]
    assert slots == 65
    assert (workers - 1) * default(OVERLAY["spark-worker"]["environment"]["SPARK_WORKER_CORES"]) >= slots
