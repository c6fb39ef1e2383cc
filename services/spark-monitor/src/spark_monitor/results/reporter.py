"""Reads the monitor's own topics and tells the listeners: at once, each result once.

Where it is in the topics is noted on disk behind each record (position_file.py), and committed to Kafka each second.
The commit's metadata says from where a restart must read back.
"""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from messages.topics import RESULTS
from servicekit.kafka_client import BOUNDED, Connection, ErrorLog, StepOver, wait_for_kafka
from spark_monitor.engine.checkpoints import Offsets, Repetition
from spark_monitor.results.listener import Listener, Partition, Record
from spark_monitor.results.tail import Tail

log = structlog.get_logger()

GROUP = "spark-monitor"
COMMIT_SECONDS = 1
STEP_SECONDS = 0.5
KAFKA_SECONDS = 10

AT_ONCE = 200
"""Records that are taken together; what is due by time waits for them, some milliseconds."""

Known = tuple[TopicPartition, int, int]
"""What is committed of a partition, its first offset, and its end."""


class Reporter(threading.Thread):
    """The reading thread. Ends when asked to (`finish`), or with an error in `failure`."""

    def __init__(
        self,
        kafka: Connection,
        partitions: Mapping[str, int],
        listeners: Sequence[Listener],
        *,
        may_repeat: Mapping[str, Repetition],
        combined_streams: Collection[str],
        positions: Path,
    ) -> None:
        """`partitions`: how many each topic has; the rest as in Tail."""
        super().__init__(name="reporter", daemon=True)
        self._consumer = Consumer(
            {
                "group.id": GROUP,
                "client.id": "spark-monitor-reporter",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # Fetched in small pieces of each topic: a flood of statuses must not stand in line before an alert.
                "max.partition.fetch.bytes": 64 * 1024,
                "queued.max.messages.kbytes": 256,
                # Fetch on as soon as there is room: the default waits a second, which makes 5,000 results a second.
                "fetch.queue.backoff.ms": 1,
                "on_commit": self._on_commit,
                "error_cb": ErrorLog(),
                **BOUNDED,
                **kafka,
            }
        )
        self._step_over = StepOver()
        self._partitions = partitions
        self._tail = Tail(listeners, may_repeat, combined_streams, positions)
        self._committed_at = 0.0
        self._finish = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        """Read until told to finish."""
        try:
            # The broker may just have started: it has its topics, but does not say yet what was committed.
            known = wait_for_kafka(self._ask, self._finish, serve=lambda: self._consumer.poll(0))
            if known is None:
                return
            self._assign(known)
            while not self._finish.is_set():
                self._read()
            ends = self._ends()
            while not self._tail.has_reached(ends):
                self._read()
            self._tail.end()
            self._commit(asynchronous=False)
        except Exception as error:  # noqa: BLE001 - the main thread decides what an error means
            self.failure = error
        finally:
            self._consumer.close()

    def seconds_behind(self) -> float:
        """Return for how long the reporter has not been at the end of its topics."""
        return time.monotonic() - self._tail.caught_up_at

    def last_result_at(self, topics: Collection[str] = RESULTS) -> float:
        """Return when a result of some topics last came, by the monotonic clock; 0 before the first."""
        return self._tail.last_result_at(topics)

    def boundary(self, ends: Offsets) -> None:
        """Say that a query has completed a checkpoint, and where its topics ended then (see Tail)."""
        self._tail.boundary(ends)

    def finish(self) -> None:
        """Read what is in the topics now, then end. Call when the queries have stopped."""
        self._finish.set()

    def _ask(self) -> list[Known]:
        """Return what Kafka knows of each partition. Raises KafkaException."""
        everywhere = [TopicPartition(topic, number) for topic in RESULTS for number in range(self._partitions[topic])]
        return [
            (committed, *self._consumer.get_watermark_offsets(committed, timeout=KAFKA_SECONDS))
            for committed in self._consumer.committed(everywhere, timeout=KAFKA_SECONDS)
        ]

    def _assign(self, known: list[Known]) -> None:
        """Start each partition where reading back must begin."""
        starts = []
        for committed, first, end in known:
            partition = (committed.topic, committed.partition)
            start = self._tail.begin(partition, committed.offset, committed.metadata, first, end)
            starts.append(TopicPartition(*partition, start))
        self._consumer.assign(starts)
        self._commit(asynchronous=False)

    def _read(self) -> None:
        """Read one record as soon as it comes, and with it what is there already."""
        message = self._consumer.poll(STEP_SECONDS)
        if message is None:
            self._tail.caught_up_at = time.monotonic()
        else:
            now = time.time()
            self._take(message, now)
            for more in self._consumer.consume(AT_ONCE, 0):
                self._take(more, now)
        self._tail.step()
        if self._tail.has_uncommitted and time.monotonic() - self._committed_at >= COMMIT_SECONDS:
            self._commit(asynchronous=True)

    def _take(self, message: Message, now: float) -> None:
        if error := message.error():
            self._note_error(message, error)
            return
        # A record's writer says when it was: what is counted by the minute must not wait for a time to come.
        written_at = min(message.timestamp()[1] / 1000, now)
        partition = (message.topic(), message.partition())
        self._tail.take(Record(partition, message.offset(), message.value() or b"", written_at, message))  # type: ignore[arg-type]

    def _note_error(self, message: Message, error: KafkaError) -> None:
        """Log what the client says; step over a batch that it can't read."""
        offset = self._step_over(self._consumer, message)
        if offset is None:
            log.warning("Kafka client", cause=error.str())
            return
        self._tail.step_over((str(message.topic()), message.partition() or 0), offset, error.str())

    def _commit(self, *, asynchronous: bool) -> None:
        self._committed_at = time.monotonic()
        offsets = [
            TopicPartition(*partition, offset, str(read_back_from))
            for partition, offset, read_back_from in self._tail.uncommitted()
        ]
        if offsets:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=asynchronous)  # type: ignore[call-overload]
            except KafkaException as error:
                log.warning("position not committed", cause=str(error))

    def _on_commit(self, error: KafkaError | None, _partitions: list[TopicPartition]) -> None:
        if error is not None:
            log.warning("position not committed", cause=error.str())

    def _ends(self) -> dict[Partition, int]:
        """Return the end offset of each partition as it is now."""
        return {
            (topic, number): self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=KAFKA_SECONDS)[
                1
            ]
            for topic in RESULTS
            for number in range(self._partitions[topic])
        }
