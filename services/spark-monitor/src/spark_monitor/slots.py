"""How many task slots Spark needs. In Real-time Mode all tasks of all queries run at once and for ever.

With one slot too few, a query would wait without a word; so the number is computed from the topics before Spark starts.
"""

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

log = structlog.get_logger()

STATE_PARTITIONS = 2
"""Partitions of each stateful step. They are fixed in the checkpoint; two serve thousands of readings a second."""

STATEFUL_STEPS = 2
"""The steps of status.py."""

WAIT_SECONDS = 300


def needed(source_partitions: int) -> int:
    """Return the slots for both queries: each reads every partition, the status query has its stateful steps besides."""
    alerts = source_partitions
    status = source_partitions + STATEFUL_STEPS * STATE_PARTITIONS
    return alerts + status


def count_partitions(bootstrap_servers: str, topics: tuple[str, ...]) -> int:
    """Return how many partitions the topics have together, waiting for the broker and the topics.

    Raises KafkaException when they are not there after WAIT_SECONDS.
    """

    def note_waiting(attempt: RetryCallState) -> None:
        cause = attempt.outcome.exception() if attempt.outcome else None
        log.warning("waiting for Kafka", cause=str(cause), attempt=attempt.attempt_number)

    waiting = Retrying(
        retry=retry_if_exception_type(KafkaException),
        wait=wait_exponential(multiplier=0.5, max=5),
        stop=stop_after_delay(WAIT_SECONDS),
        before_sleep=note_waiting,
        reraise=True,
    )
    return waiting(_count, AdminClient({"bootstrap.servers": bootstrap_servers}), topics)


def _count(admin: AdminClient, topics: tuple[str, ...]) -> int:
    found = admin.list_topics(timeout=5).topics
    missing = [topic for topic in topics if topic not in found or found[topic].error is not None]
    if missing:
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, ", ".join(missing)))
    return sum(len(found[topic].partitions) for topic in topics)
