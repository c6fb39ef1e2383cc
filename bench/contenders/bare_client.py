"""The limit: a bare Kafka client in a loop. State in a dict: nothing survives it, and nothing shares its work."""

import json
from collections import defaultdict

import judge
from confluent_kafka import Consumer, Producer


def main() -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": judge.BOOTSTRAP,
            "group.id": judge.GROUP,
            "auto.offset.reset": judge.STARTING,
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.subscribe([judge.SUHU, judge.KELEMBABAN])
    producer = Producer(
        {"bootstrap.servers": judge.BOOTSTRAP, "linger.ms": 0, "queue.buffering.max.messages": 1_000_000}
    )
    newest: defaultdict[str, judge.Newest] = defaultdict(dict)
    while True:
        message = consumer.poll(1)
        if message is None or message.error() is not None:
            continue
        reading = judge.reading_of(message.value())
        if (alert := judge.alert(reading)) is not None:
            producer.produce(judge.ALERTS, json.dumps(alert), reading["entity"])
        status = judge.status(newest[reading["entity"]], reading)
        producer.produce(judge.STATUSES, json.dumps(status), reading["entity"])
        producer.poll(0)


if __name__ == "__main__":
    main()
