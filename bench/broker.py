"""The broker of all contenders, and fresh topics on it for each run."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from bench.readings import TOPICS
from devstack import jars
from devstack.kafka import local_kafka
from devstack.layout import Site
from devstack.processes import running
from messages.topics import ACTIONS, ALERTS, CANARY, HEARTBEATS, INCIDENTS, MESIN, REFUSED, STATUSES

LOG_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
INPUTS = dict.fromkeys((*TOPICS.values(), MESIN), LOG_APPEND_TIME)
OUTPUTS: dict[str, dict[str, str]] = {
    topic: {}
    for topic in (
        "bench-alerts", "bench-statuses", ACTIONS, ALERTS, STATUSES, INCIDENTS, HEARTBEATS,
    )
}  # fmt: skip
OF_THEIR_OWN = {CANARY: LOG_APPEND_TIME, REFUSED: {"max.message.bytes": "2097152"}}
SECONDS = 30


@contextmanager
def bench_kafka(state: Path, poms: Iterable[Path]) -> Iterator[tuple[str, dict[Path, Path]]]:
    """Run a broker; yield its bootstrap servers, and the folder with the jars of each pom."""
    site = Site(state=state, kafka_port=29192, zookeeper_port=22281)
    with running(site.logs) as processes:
        fetched = {pom: jars.fetch(pom, site.jars, processes) for pom in poms}
    with local_kafka(site) as broker:
        yield broker.bootstrap, fetched


def renew_topics(bootstrap: str, partitions: int = 1) -> None:
    """Delete every topic of the bench and make it again: no contender sees what another one read or wrote.

    `partitions` is the sensors' topics'; those of results have one.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topics = INPUTS | OUTPUTS | OF_THEIR_OWN
    known = admin.list_topics(timeout=SECONDS).topics
    if there := [topic for topic in topics if topic in known]:
        for deleted in admin.delete_topics(there).values():
            deleted.result(SECONDS)
    for topic, config in topics.items():
        _create(admin, topic, config, partitions if topic in INPUTS else 1)


# The broker deletes in the background.
@retry(
    retry=retry_if_exception_type(KafkaException), wait=wait_fixed(0.2), stop=stop_after_delay(SECONDS), reraise=True
)
def _create(admin: AdminClient, topic: str, config: dict[str, str], partitions: int) -> None:
    admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(SECONDS)
