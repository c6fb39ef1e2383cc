"""Publishes what people do, and waits until Kafka has it."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from messages.topics import ACTIONS
from servicekit.kafka_client import KEYED, Connection, ErrorLog
from web.people.words import to_json

KAFKA_SECONDS = 8
"""A person waits so long for the answer."""


class NotSent(Exception):  # noqa: N818 - it is a state of Kafka, not a mistake
    """Kafka did not take it."""


class Messenger:
    """One client for all. Thread-safe."""

    def __init__(self, kafka: Connection) -> None:
        self._kafka = kafka
        self._producer: Producer | None = None

    def send(self, action: Mapping[str, Any]) -> None:
        """Publish an action. Raises NotSent."""
        told: list[KafkaError | None] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            told.append(error)

        try:
            # Made when it is needed: who only reads costs nothing.
            self._producer = self._producer or self._open()
            self._producer.produce(ACTIONS, to_json(action), action["entity_id"], on_delivery=delivered)
            self._producer.flush(KAFKA_SECONDS + 1)
        except (KafkaException, BufferError) as error:
            raise NotSent(str(error)) from error
        if not told or told[0] is not None:
            raise NotSent(told[0].str() if told and told[0] else f"no answer within {KAFKA_SECONDS} s")

    def _open(self) -> Producer:
        return Producer(
            {
                **self._kafka,
                **KEYED,
                "client.id": "web",
                "enable.idempotence": True,
                "message.timeout.ms": KAFKA_SECONDS * 1000,
                "error_cb": ErrorLog(),
            }
        )
