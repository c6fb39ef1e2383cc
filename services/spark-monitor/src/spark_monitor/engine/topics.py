"""What Kafka says of the topics that the monitor reads and writes."""

import threading
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from servicekit.kafka_client import Connection, wait_for_kafka
from spark_monitor.engine.checkpoints import Extent, Offsets

KAFKA_SECONDS = 5


class Topics:
    """The topics and their numbers of partitions, as they were when `wait` or `find` returned."""

    def __init__(self, kafka: Connection, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._admin = AdminClient({"client.id": "spark-monitor-topics", **kafka})
        self.partitions: dict[str, int] = {}

    def wait(self, stop: threading.Event) -> bool:
        """Wait until the broker answers and has all topics; False if stopped before."""
        self.partitions = wait_for_kafka(self._count, stop) or {}
        return bool(self.partitions)

    def find(self) -> None:
        """Ask for the topics, without waiting. Raises KafkaException."""
        self.partitions = self._count()

    def wait_until_back(self, stop: threading.Event) -> None:
        """Wait until the broker answers again, or until stopped."""
        wait_for_kafka(self._count, stop)

    def changed(self) -> dict[str, int]:
        """Return the topics whose number of partitions is another now. Empty, too, while the broker does not answer."""
        try:
            return {name: count for name, count in self._count().items() if count != self.partitions[name]}
        except KafkaException:
            return {}

    def count(self, names: Iterable[str]) -> int:
        """Return how many partitions some of the topics have in all."""
        return sum(self.partitions[name] for name in names)

    def extent(self, names: Iterable[str]) -> Extent:
        """Return what some of the topics have. Raises KafkaException."""
        names = tuple(names)
        return Extent(self._offsets(names, OffsetSpec.earliest()), self.ends(names))

    def ends(self, names: Iterable[str]) -> Offsets:
        """Return where some of the topics end. Raises KafkaException."""
        return self._offsets(names, OffsetSpec.latest())

    def offsets_at(self, names: Iterable[str], moment: float) -> Offsets:
        """Return the first message of each partition that Kafka got at a moment or later, or where the partition ends.

        Raises KafkaException.
        """
        names = tuple(names)
        ends = self.ends(names)
        found = self._offsets(names, OffsetSpec.for_timestamp(round(moment * 1000)))
        return {
            topic: {number: ends[topic][number] if offset < 0 else offset for number, offset in of.items()}
            for topic, of in found.items()
        }

    def _offsets(self, names: Iterable[str], which: OffsetSpec) -> Offsets:
        found: Offsets = {name: {} for name in names}
        wanted = {TopicPartition(name, number): which for name in found for number in range(self.partitions[name])}
        for place, asked in self._admin.list_offsets(wanted, request_timeout=KAFKA_SECONDS).items():
            found[place.topic][str(place.partition)] = asked.result().offset
        return found

    def _count(self) -> dict[str, int]:
        found = self._admin.list_topics(timeout=KAFKA_SECONDS).topics
        missing = [name for name in self._names if name not in found or found[name].error is not None]
        if missing:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"no such topic: {', '.join(missing)}"))
        return {name: len(found[name].partitions) for name in self._names}
