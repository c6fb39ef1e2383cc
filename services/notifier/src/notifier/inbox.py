"""The topic with the incidents, read as the group `notifier`: from where everything before was posted."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from messages.topics import INCIDENTS
from servicekit.kafka_client import BOUNDED, Connection, ErrorLog, StepOver, wait_for_kafka

log = structlog.get_logger()

GROUP = "notifier"
COMMIT_SECONDS = 1
KAFKA_SECONDS = 5


class Inbox:
    """A consumer whose positions are committed by the caller. `forget` is told which partitions go to somebody else."""

    def __init__(self, kafka: Connection, forget: Callable[[set[int]], None]) -> None:
        self._errors = ErrorLog()
        self._consumer = Consumer(
            {
                "group.id": GROUP,
                "client.id": "notifier",
                "enable.auto.commit": False,
                # For a position that Kafka no longer has, and for partitions that are added; see `_begin`.
                "auto.offset.reset": "earliest",
                # After a kill the group waits so long for the one that is gone; the default is 45 s.
                "session.timeout.ms": 10_000,
                "queued.max.messages.kbytes": 1024,
                "on_commit": self._on_commit,
                "error_cb": self._errors,
                **BOUNDED,
                **kafka,
            }
        )
        self._step_over = StepOver()
        self._forget = forget
        self._is_member = False
        self._is_held = False
        self._committed: dict[int, int] = {}
        self._committed_at = 0.0

    def open(self, stop: threading.Event) -> None:
        """Wait until Kafka answers and has the topic, then begin to read; return without that if stopped before."""
        if wait_for_kafka(self._begin, stop, serve=lambda: self._consumer.poll(0), topic=INCIDENTS):
            self._consumer.subscribe(
                [INCIDENTS], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )

    def poll(self, seconds: float) -> Message | None:
        """Return the next message, or None after so many seconds. Raises KafkaException when the client can't go on."""
        message = self._consumer.poll(seconds)
        if message is None:
            return None
        if (error := message.error()) is not None:
            if (offset := self._step_over(self._consumer, message)) is not None:
                log.error("cannot read a record: left out", topic=INCIDENTS, offset=offset, cause=error.str())
                return None
            if error.fatal():
                raise KafkaException(error)
            self._errors(error)
            return None
        return message

    def hold(self, *, held: bool) -> None:
        """Read nothing for the time being (`poll` goes on serving the group), or go on."""
        if held != self._is_held:
            self._is_held = held
            change = self._consumer.pause if held else self._consumer.resume
            change(self._consumer.assignment())

    def commit(self, reached: Mapping[int, int]) -> None:
        """Let Kafka know, about once a second, from where a restart shall go on."""
        if time.monotonic() - self._committed_at >= COMMIT_SECONDS:
            self._committed_at = time.monotonic()
            self._commit(reached, asynchronous=True)

    def answers(self) -> bool:
        """Whether Kafka answers and this consumer is a member of its group."""
        try:
            self._consumer.list_topics(INCIDENTS, timeout=KAFKA_SECONDS)
        except KafkaException:
            return False
        return self._is_member

    def close(self, reached: Mapping[int, int]) -> None:
        """Commit a last time and leave the group."""
        self._commit(reached, asynchronous=False)
        self._consumer.close()

    def _begin(self) -> bool:
        """At the very first start, go on from the topic's end. Raises KafkaException while Kafka can't answer.

        Those who turn notification on want to hear of what comes, not of last week; what is open now is told by its
        next reminder. The end is committed at once: only from then on nothing is left out, whatever happens.
        """
        found = self._consumer.list_topics(INCIDENTS, timeout=KAFKA_SECONDS).topics[INCIDENTS]
        if found.error is not None:
            raise KafkaException(found.error)
        everywhere = [TopicPartition(INCIDENTS, number) for number in found.partitions]
        committed = self._consumer.committed(everywhere, timeout=KAFKA_SECONDS)
        if all(place.offset < 0 for place in committed):
            for place in everywhere:
                place.offset = self._consumer.get_watermark_offsets(place, timeout=KAFKA_SECONDS)[1]
            answered: Any = self._consumer.commit(offsets=everywhere, asynchronous=False)
            for place in answered:
                if place.error is not None:
                    raise KafkaException(place.error)
            log.info("first start: begins at the topic's end", topic=INCIDENTS)
        return True

    def _commit(self, reached: Mapping[int, int], *, asynchronous: bool) -> None:
        news = {partition: offset for partition, offset in reached.items() if self._committed.get(partition) != offset}
        if not news:
            return
        offsets = [TopicPartition(INCIDENTS, partition, offset) for partition, offset in news.items()]
        self._committed.update(news)
        try:
            self._consumer.commit(offsets=offsets, asynchronous=asynchronous)  # type: ignore[call-overload]
        except KafkaException as error:
            self._on_commit(error.args[0], offsets)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if error is not None:
            log.warning("position not committed", cause=error.str())
            for place in partitions:
                self._committed.pop(place.partition, None)

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._is_member = True
        self._is_held = False
        log.info("reading", topic=INCIDENTS, partitions=sorted(place.partition for place in partitions))

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Drop what is not posted yet: it stands behind the position, so the one who reads it now posts it."""
        self._is_member = False
        gone = {place.partition for place in partitions}
        for partition in gone:
            self._committed.pop(partition, None)
        self._forget(gone)
