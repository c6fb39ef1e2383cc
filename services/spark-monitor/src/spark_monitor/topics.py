"""What Kafka says of the topics that the monitor reads and writes."""

import threading
from collections.abc import Iterable

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from sensorkit.kafka_client import CLIENT
from spark_monitor.checkpoints import Extent, Offsets

log = structlog.get_logger()

KAFKA_SECONDS = 5


class Topics:
    """The topics and their numbers of partitions, as they were when `wait` returned."""

    def __init__(self, bootstrap_servers: str, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._admin = AdminClient(
            {"bootstrap.servers": bootstrap_servers, "client.id": "spark-monitor-topics", **CLIENT}
        )
        self.partitions: dict[str, int] = {}

    def wait(self, stop: threading.Event) -> bool:
        """Wait until the broker answers and has all topics; False if stopped before."""
        self.partitions = self._wait_for_count(stop)
        return bool(self.partitions)

    def wait_until_back(self, stop: threading.Event) -> None:
        """Wait until the broker answers again, or until stopped."""
        self._wait_for_count(stop)

    def _wait_for_count(self, stop: threading.Event) -> dict[str, int]:
        def note_waiting(attempt: RetryCallState) -> None:
            cause = attempt.outcome.exception() if attempt.outcome else None
            log.warning("waiting for Kafka", cause=str(cause), attempt=attempt.attempt_number)

        def pause(seconds: float) -> None:
            stop.wait(seconds)

        waiting = Retrying(
            retry=retry_if_exception_type(KafkaException),
            wait=wait_exponential(multiplier=0.5, max=5),
            stop=stop_when_event_set(stop),
            sleep=pause,
            before_sleep=note_waiting,
            retry_error_callback=lambda _: {},
        )
        return waiting(self._count)

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
        return Extent(self._offsets(names, OffsetSpec.earliest()), self._offsets(names, OffsetSpec.latest()))

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
