"""Sends messages to one topic. Each is acknowledged by Kafka, still queued, or counted as failed: none vanishes."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    stop_when_event_set,
    wait_none,
)

from servicekit.kafka_client import KEYED, REQUEST_TIMEOUT_MS, Connection, ErrorLog, wait_for_kafka

log = structlog.get_logger()

LAST_TRY_SECONDS = 1
"""How long a stop waits for room in a full queue."""

NOT_KNOWN = frozenset(
    {KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART}  # noqa: SLF001
)
"""A broker that has just started answers before it knows its topics. The client takes that for final; it is not."""


OnDelivery = Callable[[KafkaError | None], None]
"""Called once a message: with None when Kafka has it, else with why it was given up. In the thread that serves."""


class _Waiting(NamedTuple):
    key: bytes
    value: bytes
    on_delivery: OnDelivery | None


class Publisher:
    """An idempotent producer for one topic.

    `queue_messages` bounds what waits for the broker; with a full queue `publish` waits and `offer` declines.
    `delivery_timeout` (seconds) is how long a message may wait for its acknowledgement before it is counted in
    `failed`; while Kafka does not know the topic, nothing is given up. `stop` ends every wait.
    """

    def __init__(
        self,
        kafka: Connection,
        topic: str,
        stop: threading.Event,
        *,
        client_id: str,
        queue_messages: int,
        delivery_timeout: float,
    ) -> None:
        self._topic = topic
        self._stop = stop
        self._queue_messages = queue_messages
        self._not_known: deque[_Waiting] = deque()
        self._producer = Producer(
            {
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                # A reading must not wait for company: at these rates a batch is one tick of all warehouses.
                "linger.ms": 1,
                "compression.type": "none",
                "queue.buffering.max.messages": queue_messages,
                "queue.buffering.max.kbytes": 16 * 1024,
                "message.timeout.ms": int(delivery_timeout * 1000),
                "reconnect.backoff.max.ms": 2000,
                # The client would wait for an unknown topic in its first half minute only; `_keep` does so at any time.
                "topic.metadata.propagation.max.ms": 0,
                "request.timeout.ms": REQUEST_TIMEOUT_MS,
                "error_cb": ErrorLog(),
                **KEYED,
                **kafka,
            }
        )
        self.acknowledged = 0
        self.failed = 0

    @property
    def unsent(self) -> int:
        """How many messages are neither acknowledged nor failed."""
        return len(self._producer) + len(self._not_known)

    def wait_for_topic(self) -> bool:
        """Wait until the broker answers and has the topic; False if stopped before."""
        return bool(wait_for_kafka(self._find_topic, self._stop, serve=lambda: self.serve(0), topic=self._topic))

    def offer(self, key: bytes, value: bytes, on_delivery: OnDelivery | None = None) -> bool:
        """Queue one message without waiting; False if there is no room: the caller still has it."""
        try:
            self._queue(_Waiting(key, value, on_delivery))
        except BufferError:
            return False
        return True

    def publish(self, key: bytes, value: bytes, on_delivery: OnDelivery | None = None) -> None:
        """Queue one message. While the local queue is full, wait for room; stopped meanwhile, count it as failed."""
        message = _Waiting(key, value, on_delivery)

        def last_try(_attempt: RetryCallState) -> None:
            self.flush(LAST_TRY_SECONDS)
            with contextlib.suppress(BufferError):
                self._queue(message)
                return
            self._give_up(message, KafkaError(KafkaError._QUEUE_FULL), "stopped while the local queue was full")  # noqa: SLF001

        waiting = Retrying(
            retry=retry_if_exception_type(BufferError),
            wait=wait_none(),
            stop=stop_when_event_set(self._stop),
            # Serving delivery reports is what makes room.
            sleep=lambda _: self.serve(0.1),
            before_sleep=self._note_full_queue,
            retry_error_callback=last_try,
        )
        waiting(self._queue, message)

    def serve(self, seconds: float) -> None:
        """Hand out delivery reports, waiting at most `seconds` for the first."""
        self._producer.poll(seconds)
        self._send_not_known()

    def flush(self, seconds: float) -> int:
        """Wait about `seconds` at most for everything queued; return how many messages are still unsent."""

        def flush_a_little() -> int:
            self._producer.flush(0.2)
            self._send_not_known()
            return self.unsent

        waiting = Retrying(
            retry=retry_if_result(lambda unsent: unsent > 0),
            wait=wait_none(),
            stop=stop_after_delay(seconds),
            retry_error_callback=lambda _: self.unsent,
        )
        return int(waiting(flush_a_little))

    def _find_topic(self) -> bool:
        """Return True. Raises KafkaException while there is no broker, or no topic."""
        found = self._producer.list_topics(self._topic, timeout=5).topics[self._topic]
        if found.error is not None:
            raise KafkaException(KafkaError(found.error.code(), "topic does not exist"))
        return True

    def _queue(self, message: _Waiting) -> None:
        """Hand a message to the client, or keep it while the topic is not known. Raises BufferError without room."""
        if len(self._not_known) >= self._queue_messages:
            raise BufferError
        if self._not_known or not self._produce(message):
            self._keep(message)
        self._producer.poll(0)

    def _produce(self, message: _Waiting) -> bool:
        """Return False if the client does not know the topic. Raises BufferError without room."""

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self.acknowledged += 1
                if message.on_delivery is not None:
                    message.on_delivery(None)
            elif error.code() in NOT_KNOWN:
                self._keep(message)
            else:
                self._give_up(message, error, error.str())

        try:
            self._producer.produce(self._topic, key=message.key, value=message.value, on_delivery=delivered)
        except KafkaException as error:
            if error.args[0].code() in NOT_KNOWN:
                return False
            raise
        return True

    def _keep(self, message: _Waiting) -> None:
        if not self._not_known:
            log.warning("Kafka does not know the topic: readings wait", topic=self._topic)
        self._not_known.append(message)

    def _send_not_known(self) -> None:
        with contextlib.suppress(BufferError):
            while self._not_known and self._produce(self._not_known[0]):
                self._not_known.popleft()

    def _give_up(self, message: _Waiting, error: KafkaError, cause: str) -> None:
        self.failed += 1
        log.error(
            "reading not delivered", cause=cause, topic=self._topic, value=message.value.decode("utf-8", "replace")
        )
        if message.on_delivery is not None:
            message.on_delivery(error)

    def _note_full_queue(self, attempt: RetryCallState) -> None:
        if attempt.attempt_number == 1:
            log.warning("local queue is full, the loop waits for Kafka", unsent=self.unsent)
