"""Writes the records of incidents to their topic, and returns when Kafka has them."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from messages.topics import INCIDENTS
from servicekit.kafka_client import KEYED, REQUEST_TIMEOUT_MS, Connection
from spark_monitor.incidents.records import Record, to_json

DELIVERED_WITHIN_SECONDS = 20


class IncidentTopic:
    """The topic, keyed by entity. A record that was not acknowledged is an error: the batch is repeated then."""

    def __init__(self, kafka: Connection) -> None:
        # No error_cb: the reporter's client says what is wrong with Kafka.
        self._producer = Producer(
            {
                "client.id": "spark-monitor-incidents",
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": DELIVERED_WITHIN_SECONDS * 1000,
                "request.timeout.ms": REQUEST_TIMEOUT_MS,
                **KEYED,
                **kafka,
            }
        )

    def publish(self, records: Iterable[Record]) -> None:
        """Write records in their order. Raises KafkaException when one was not acknowledged in time."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        for record in records:
            self._producer.produce(INCIDENTS, to_json(record), str(record["entity_id"]), on_delivery=delivered)
        # By then each was acknowledged or has timed out.
        self._producer.flush()
        if failures:
            raise KafkaException(failures[0])
