"""A project of docker compose behind TLS and passwords, and its users."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from devstack.compose_project import Stack


class SecureStack(Stack):
    """A project with the overlay, and a folder of secrets of its own."""

    secrets: Path

    def password(self, user: str) -> str:
        """Return a user's password as it is now."""
        return (self.secrets / "passwords" / user).read_text().strip()

    def variables(self) -> dict[str, str]:
        """Return what a program of ours is told so that it may do everything: it is the broker then."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SSL_CA_FILE": str(self.secrets / "ca.pem"),
            "KAFKA_SASL_USERNAME": "kafka",
            "KAFKA_SASL_PASSWORD_FILE": str(self.secrets / "passwords" / "kafka"),
        }

    def client(self, user: str = "kafka", **other: Any) -> dict[str, Any]:
        """Return a client's configuration as `user`; in `other` an underscore stands for a point, None for nothing."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.secrets / "ca.pem"),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.password(user),
            "log_level": 0,
        } | {name.replace("_", "."): value for name, value in other.items()}
        return {name: value for name, value in config.items() if value is not None}

    def said_by_kafka(self, pattern: str) -> list[str]:
        """Return the lines of the broker's log in which a pattern is found."""
        return [line for line in self.log("kafka") if re.search(pattern, line)]

    def messages(self, topic: str) -> dict[tuple[int, int], Any]:
        """Return what is in a topic, by partition and offset."""
        consumer = Consumer(self.client("spark-monitor") | {"group.id": "refused", "enable.auto.commit": False})
        try:
            numbers = consumer.list_topics(topic, timeout=20).topics[topic].partitions
            places = [TopicPartition(topic, number, 0) for number in numbers]
            # What came last in each partition that has anything.
            ends = [(place.partition, consumer.get_watermark_offsets(place, timeout=20)[1] - 1) for place in places]
            consumer.assign(places)
            found: dict[tuple[int, int], Any] = {}
            while any(end not in found for end in ends if end[1] >= 0):
                for message in consumer.consume(5000, 0.2):
                    assert message.error() is None, message.error()
                    found[message.partition() or 0, message.offset() or 0] = json.loads(message.value() or b"")
        finally:
            consumer.close()
        return found


@contextmanager
def secured(name: str, folder: Path, files: str, **env: str) -> Iterator[SecureStack]:
    """Run the stack of some compose files with secrets of its own, until all of it is healthy."""
    secrets = folder / "secrets"
    stack = SecureStack.new(name, folder, COMPOSE_FILE=files, SECRETS_DIR=str(secrets), **env)
    stack.secrets = secrets
    stack.make("secrets")
    with stack.running():
        stack.wait_until_healthy()
        yield stack
