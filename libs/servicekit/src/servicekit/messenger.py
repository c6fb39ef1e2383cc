"""Publishes single messages, and waits until Kafka has each: for what a person does and waits for."""

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from servicekit.kafka_client import KEYED, Connection, ErrorLog


class Messenger:
    """One client for all; it is made with the first message, so who sends none costs nothing. Thread-safe."""

    def __init__(
        self,
        kafka: Connection,
        client_id: str,
        seconds: float,
        on_error: Callable[[KafkaError], None] | None = None,
    ) -> None:
        """`seconds`: for how long a message may be on its way; `on_error` takes what the client says meanwhile."""
        self._seconds = seconds
        self._settings = {
            **kafka,
            **KEYED,
            "client.id": client_id,
            "enable.idempotence": True,
            "message.timeout.ms": int(seconds * 1000),
            "error_cb": on_error or ErrorLog(),
        }
        self._producer: Producer | None = None

    def send(self, topic: str, key: str, value: bytes) -> None:
        """Publish a message. Raises KafkaException if Kafka does not have it in time."""
        told: list[KafkaError | None] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            told.append(error)

        self._producer = self._producer or Producer(self._settings)
        try:
            self._producer.produce(topic, value, key, on_delivery=delivered)
        except BufferError as error:
            raise KafkaException(KafkaError(KafkaError._QUEUE_FULL)) from error  # noqa: SLF001 - it is named so
        # One second more: the client itself says that the time is over.
        self._producer.flush(self._seconds + 1)
        failure = told[0] if told else KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001
        if failure is not None:
            raise KafkaException(failure)
