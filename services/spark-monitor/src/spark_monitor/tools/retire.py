"""Publishes a person's word that nobody waits for a sensor, or for a whole place, any more."""

from messages.actions import to_json
from messages.records import Action
from messages.topics import ACTIONS
from servicekit.kafka_client import Connection
from servicekit.messenger import Messenger

KAFKA_SECONDS = 10


def send(kafka: Connection, action: Action) -> None:
    """Publish an action, and return when Kafka has it. Raises KafkaException."""
    # What is wrong is said once, at the end.
    messenger = Messenger(kafka, "spark-monitor-retire", KAFKA_SECONDS, on_error=lambda _error: None)
    messenger.send(ACTIONS, action["entity_id"], to_json(action))
