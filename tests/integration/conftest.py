"""A real broker for the tests, on free ports and with data of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import spark_java
from devstack.kafka import Kafka, kafka_running, local_kafka
from devstack.layout import ROOT, Site
from devstack.monitor_process import Client, create_topics
from devstack.ports import free_ports
from devstack.processes import running


def new_site(state: Path) -> Site:
    """Make a stack's site on free ports; the jars are the repository's."""
    kafka, zookeeper = free_ports(2)
    return Site(state=state, kafka_port=kafka, zookeeper_port=zookeeper, is_brief=True)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the broker that all tests share, yield its bootstrap servers. Name topics and groups as nobody else does."""
    with kafka_running(new_site(tmp_path_factory.mktemp("kafka"))) as bootstrap:
        yield bootstrap


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Where a test may run a stack of its own."""
    return new_site(tmp_path)


@pytest.fixture
def stoppable_kafka(site: Site) -> Iterator[Kafka]:
    """Run a broker for one test: `bootstrap`, `stop_broker()` and `start_broker()` on the same port and data."""
    with local_kafka(site) as broker:
        yield broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Run a broker of this module's own: the monitor's topics have fixed names."""
    with local_kafka(new_site(tmp_path_factory.mktemp("monitor-kafka"))) as broker:
        create_topics(broker.bootstrap, ROOT / "infra/topic-init/topics.yaml")
        yield broker


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the settings of the monitor's Java."""
    with running(tmp_path_factory.mktemp("jars-log")) as processes:
        return spark_java.environment(Site(), processes)


@pytest.fixture(scope="module")
def client(broker: Kafka) -> Client:
    return Client(broker.bootstrap)
