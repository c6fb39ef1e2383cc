"""What every Kafka client gets: who we are, its timeouts, its errors in our log, and the wait for a broker."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from servicekit.kafka_security import PLAINTEXT, Security

Answer = TypeVar("Answer")

log = structlog.get_logger()

SAME_ERROR_SECONDS = 30

REQUEST_TIMEOUT_MS = 10_000
"""How long a request waits on a connection that may be dead without knowing it, for instance because the network was
away and the address is another now. The clients' own defaults are half a minute and a minute."""

Connection = dict[str, Any]
"""What every client's configuration has: where Kafka is, how it is spoken to, and the timeouts."""


def connection(bootstrap_servers: str, security: Security = PLAINTEXT) -> Connection:
    """Return what every client of a Kafka has in its configuration."""
    return {
        "bootstrap.servers": bootstrap_servers,
        # The client's own lines on stderr would stand between ours; the callback gets the errors.
        "log_level": 0,
        "socket.timeout.ms": REQUEST_TIMEOUT_MS,
        "socket.keepalive.enable": True,
        **security.for_librdkafka(),
    }


KEYED: dict[str, Any] = {"partitioner": "murmur2_random"}
"""For a producer's configuration: a key goes to the partition that Java's clients, Spark among them, choose for it. By
this client's own default, another hash, one warehouse's readings from the two would be in no order."""

UNREADABLE = frozenset({KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG})  # noqa: SLF001 - they are named so
"""What the client answers, again and again, where a stored batch cannot be read or more comes out than it may."""

BOUNDED: dict[str, Any] = {"fetch.max.bytes": 4 * 1024 * 1024, "receive.message.max.bytes": 8 * 1024 * 1024}
"""For a consumer's configuration: what an answer may have, and what may come out of a compressed batch. Of gzip's the
client unpacks all; topics.yaml keeps those out of the topics that such consumers read."""


def what_has_come(consumer: Consumer, seconds: float, at_once: int) -> list[Message]:
    """Return what has come, waiting for the first only: `consume` by itself would wait for all of them."""
    first = consumer.poll(seconds)
    return [] if first is None else [first, *consumer.consume(at_once, 0)]


class StepOver:
    """Leads a consumer past batches that it cannot read."""

    def __init__(self) -> None:
        self._behind: dict[tuple[str, int], int] = {}

    def __call__(self, consumer: Consumer, message: Message) -> int | None:
        """Return the offset that was stepped over, None where the message is not an error of this kind.

        Offset by offset, as the client tells where such a batch begins, not where it ends.
        """
        error, topic, partition, offset = message.error(), message.topic(), message.partition(), message.offset()
        if error is None or error.code() not in UNREADABLE or topic is None or partition is None or offset is None:
            return None
        place = (topic, partition)
        stepped = self._behind[place] = max(offset, self._behind.get(place, -1) + 1)
        consumer.seek(TopicPartition(topic, partition, stepped + 1))
        return stepped


class ErrorLog:
    """The `error_cb` of a client, which without a broker repeats itself."""

    def __init__(self) -> None:
        self._quiet_until: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Log an error, unless one of its kind was logged a short time ago."""
        now = time.monotonic()
        if error.fatal() or now >= self._quiet_until.get(error.code(), 0):
            self._quiet_until[error.code()] = now + SAME_ERROR_SECONDS
            log.warning("Kafka client", cause=error.str(), fatal=error.fatal())


def wait_for_kafka(
    ask: Callable[[], Answer],
    stop: threading.Event,
    *,
    serve: Callable[[], object] = lambda: None,
    **about: str,
) -> Answer | None:
    """Return what `ask` does once it raises no KafkaException any more, or None if stopped before.

    `serve` is called before each pause: a client's errors must not pile up meanwhile. `about` is logged with the wait.
    """

    def note_waiting(attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome else None
        cause = error.args[0].str() if isinstance(error, KafkaException) else None
        log.warning("waiting for Kafka", **about, cause=cause, attempt=attempt.attempt_number)

    def pause(seconds: float) -> None:
        serve()
        stop.wait(seconds)

    waiting = Retrying(
        retry=retry_if_exception_type(KafkaException),
        wait=wait_exponential(multiplier=0.5, max=5),
        stop=stop_when_event_set(stop),
        sleep=pause,
        before_sleep=note_waiting,
        retry_error_callback=lambda _: None,
    )
    return waiting(ask)
