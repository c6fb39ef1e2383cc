"""Sends a series of readings on time. A process of its own, so that reading results does not disturb it."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, Message, Producer

from bench.readings import TOPICS, Series
from devstack.layout import ROOT
from servicekit import settings


def sending(
    bootstrap: str, series: Series, count: int, *options: str, variables: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start this program for the first `count` readings of a series; `options` as on its command line.

    `variables` say how Kafka lets it in, as our services are told.
    """
    command = [sys.executable, "-m", "bench.send", bootstrap, series.name, str(series.rate), str(count), *options]
    if series.among is not None:
        command += ["--among", str(series.among)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | (variables or {}))


def send(bootstrap: str, series: Series, count: int, *, paced: bool) -> None:
    """Send the first `count` readings at the series' rate, or as fast as Kafka takes them. RuntimeError on a loss.

    The timestamp is the time at which a reading was due: if the sender lags, that counts as latency, for all alike.
    """
    failures: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error.str())

    security = settings.load(settings.ServiceSettings).kafka_security.for_librdkafka()
    producer = Producer(
        {"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0 if paced else 50, "log_level": 0, **security}
    )
    # A backlog's readings lie in the past: from the future they would be refused.
    begun = time.time() - (0 if paced else count / series.rate)
    for number in range(count):
        at = begun + number / series.rate
        if paced and at > time.time():
            producer.poll(0)
            time.sleep(max(0.0, at - time.time()))  # this makes the rate: until the next reading is due
        _produce(producer, series.reading(number), at, delivered)
    if producer.flush(60) or failures:
        raise RuntimeError(f"readings not delivered: {failures[:3]}")


def _produce(
    producer: Producer,
    reading: tuple[str, str, float],
    at: float,
    delivered: Callable[[KafkaError | None, Message], None],
) -> None:
    warehouse, quantity, value = reading
    message = json.dumps({"gudang_id": warehouse, quantity: value, "timestamp": at})
    while True:
        try:
            producer.produce(TOPICS[quantity], message, warehouse, on_delivery=delivered)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("name")
    parser.add_argument("rate", type=float)
    parser.add_argument("count", type=int)
    parser.add_argument("--among", type=int, metavar="WAREHOUSES")
    parser.add_argument("--backlog", action="store_true", help="as fast as Kafka takes them")
    arguments = parser.parse_args()
    series = Series(arguments.name, arguments.rate, arguments.among)
    send(arguments.bootstrap, series, arguments.count, paced=not arguments.backlog)
