"""Kafka alone: from a reading's timestamp to a client that reads the reading itself. No program can be faster."""

import json
import time

from confluent_kafka import Consumer, TopicPartition

from bench.broker import renew_topics
from bench.measure import RESULT_SECONDS, SETTLE_SECONDS, NotEqual, Plan
from bench.readings import TOPICS, Series
from bench.results import CLIENT
from bench.send import sending


def round_trip(bootstrap: str, rate: int, plan: Plan) -> list[float]:
    """Return the latencies at a rate, in seconds. Raises NotEqual if a reading is missing."""
    renew_topics(bootstrap)
    count = int((SETTLE_SECONDS + plan.measured) * rate)
    consumer = Consumer({"bootstrap.servers": bootstrap, **CLIENT})
    consumer.assign([TopicPartition(topic, 0, 0) for topic in TOPICS.values()])
    seconds: list[float] = []
    deadline = time.monotonic() + SETTLE_SECONDS + plan.measured + RESULT_SECONDS
    try:
        with sending(bootstrap, Series("trip", rate), count):
            while len(seconds) < count:
                if time.monotonic() > deadline:
                    raise NotEqual(f"{rate}/s: {len(seconds)} of {count} readings came back")
                message = consumer.poll(1)
                if message is not None and message.error() is None:
                    seconds.append(time.time() - json.loads(message.value() or b"")["timestamp"])
    finally:
        consumer.close()
    return seconds[SETTLE_SECONDS * rate :]
