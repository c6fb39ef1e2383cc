"""Publishes a person's word that nobody waits for a sensor, or for a whole place, any more."""

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from messages.records import Action
from messages.topics import ACTIONS
from servicekit.kafka_client import KEYED, Connection
from spark_monitor.incidents.actions import to_json

KAFKA_SECONDS = 10


def send(kafka: Connection, action: Action) -> None:
    """Publish an action, and return when Kafka has it. Raises KafkaException."""
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    own: dict[str, str | int | float | bool] = {
        "client.id": "spark-monitor-retire",
        "enable.idempotence": True,
        "message.timeout.ms": KAFKA_SECONDS * 1000,
        "error_cb": lambda _error: None,  # type: ignore[dict-item]  # what is wrong is said once, at the end
    }
    producer = Producer({**own, **KEYED, **kafka})
    producer.produce(ACTIONS, to_json(action), action["entity_id"], on_delivery=delivered)
    producer.flush()
    if failures:
        raise KafkaException(failures[0])
