"""Real ZooKeeper and Kafka on loopback: what they are told and how they are started."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack import jars, prerequisites
from devstack.layout import Site
from devstack.processes import Child, Processes, running

READY_SECONDS = 90
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
LOG4J = """\
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
"""


def zookeeper_properties(site: Site) -> str:
    """Return ZooKeeper's configuration; it runs in the state folder, so its folder is named relative to it."""
    return f"""\
dataDir=./zookeeper
clientPort={site.zookeeper_port}
clientPortAddress=127.0.0.1
admin.enableServer=false
4lw.commands.whitelist=srvr,dump
"""


def broker_properties(site: Site) -> str:
    """Return Kafka's configuration; it runs in the state folder, so its folder is named relative to it."""
    return f"""\
broker.id=1
zookeeper.connect=127.0.0.1:{site.zookeeper_port}
listeners=PLAINTEXT://127.0.0.1:{site.kafka_port}
advertised.listeners=PLAINTEXT://{site.bootstrap}
log.dirs=./kafka
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.retention.minutes=43200
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""


class Kafka:
    """One ZooKeeper and one broker; the broker can be stopped and started again on the same port and data."""

    _broker: Child

    def __init__(self, site: Site, processes: Processes) -> None:
        self.bootstrap = site.bootstrap
        self._site = site
        self._processes = processes

    def start_zookeeper(self) -> None:
        """Return when ZooKeeper answers and has forgotten the broker of a run that was killed.

        Kafka refuses to start beside its own former registration, which lasts as long as its session (18 s).
        """

        def knows_no_broker() -> bool:
            answer = _ask_zookeeper(self._site.zookeeper_port, "dump")
            return "Sessions with Ephemerals" in answer and "/brokers/ids/" not in answer

        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        zookeeper = self._start_java("zookeeper", main, zookeeper_properties(self._site), heap="128m", deadline=10)
        self._processes.wait_for(zookeeper, knows_no_broker, timeout=READY_SECONDS)

    def start_broker(self) -> None:
        """Return when Kafka answers and has a controller."""
        # Log level 0: that nobody answers yet is no news.
        options: dict[str, Any] = {"broker.address.family": "v4", "reconnect.backoff.max.ms": 500, "log_level": 0}
        client = AdminClient({"bootstrap.servers": self.bootstrap, **options})

        def has_controller() -> bool:
            try:
                metadata = client.list_topics(timeout=1)
            except KafkaException:
                return False
            return metadata.controller_id in metadata.brokers

        properties = broker_properties(self._site)
        self._broker = self._start_java("kafka", "kafka.Kafka", properties, heap="384m", deadline=30)
        self._processes.wait_for(self._broker, has_controller, timeout=READY_SECONDS)

    def stop_broker(self) -> None:
        """Stop the broker in order; ZooKeeper runs on."""
        self._processes.stop(self._broker)

    def _start_java(self, name: str, main: str, properties: str, *, heap: str, deadline: float) -> Child:
        folder = jars.fetch(jars.KAFKA_POM, self._site.jars, self._processes)
        state = self._site.state
        state.mkdir(parents=True, exist_ok=True)
        Path(state, "log4j.properties").write_text(LOG4J)
        Path(state, f"{name}.properties").write_text(properties)
        options = [
            f"-Xmx{heap}",
            *(BRIEF if self._site.is_brief else ()),
            "-Dlog4j.configuration=file:log4j.properties",
            "-cp",
            f"{folder}/*",
        ]
        command = [prerequisites.java() or "java", *options, main, f"./{name}.properties"]
        return self._processes.start(name, command, cwd=state, deadline=deadline)


@contextlib.contextmanager
def local_kafka(site: Site) -> Iterator[Kafka]:
    """Run only ZooKeeper and Kafka; StackError when something is missing or does not start."""
    prerequisites.check(site)
    with running(site.logs) as processes:
        kafka = Kafka(site, processes)
        kafka.start_zookeeper()
        kafka.start_broker()
        yield kafka


@contextlib.contextmanager
def kafka_running(site: Site) -> Iterator[str]:
    """Do as `local_kafka` for those who only need the bootstrap servers."""
    with local_kafka(site) as kafka:
        yield kafka.bootstrap


def _ask_zookeeper(port: int, word: str) -> str:
    """Return the answer to one of ZooKeeper's four-letter words; empty while nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(word.encode())
            with connection.makefile() as answer:
                return answer.read()
    except OSError:
        return ""
