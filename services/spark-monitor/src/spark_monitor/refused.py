"""Shows the last refused messages to a person, or as lines to correct and send again."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Self
from zoneinfo import ZoneInfo

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sensorkit.kafka_client import CLIENT
from spark_monitor.outgoing import REFUSED
from spark_monitor.refusals import told_by

KAFKA_SECONDS = 10
LONGEST_SHOWN = 300
"""Characters of a message that are shown. The topic has it whole, and so has what is to be sent again."""


@dataclass(frozen=True)
class Refused:
    """A refused message: when (epoch seconds), the headers that say where it stood and why, and what it was."""

    at: float
    headers: dict[str, str]
    key: bytes
    value: bytes

    @classmethod
    def of(cls, message: Any) -> Self:  # noqa: ANN401 - the client's own type has every part optional
        """Take what is needed from a message without an error."""
        return cls(
            message.timestamp()[1] / 1000,
            told_by(message.headers() or []),
            message.key() or b"",
            message.value() or b"",
        )

    def shown(self, zone: ZoneInfo) -> str:
        """Return two lines: when, where, why; then the key and the value."""
        when = dt.datetime.fromtimestamp(self.at, zone).strftime("%Y-%m-%d %H:%M:%S")
        origin = "-".join(self.headers.get(part, "?") for part in ("topic", "partition", "offset"))
        reason = f"{self.headers.get('exception.class.name')}: {self.headers.get('exception.message')}"
        return f"{when}  {origin}  {_plain(reason)}\n    {_plain(self.as_input())[:LONGEST_SHOWN]}"

    def as_input(self) -> str:
        """Return the line that Kafka's console producer takes with `|` between key and value."""
        return f"{self.key.decode('utf-8', 'replace')}|{self.value.decode('utf-8', 'replace')}"


def last(bootstrap_servers: str, number: int) -> list[Refused]:
    """Return the last refused messages, the newest last. Raises KafkaException."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": "refused", "enable.auto.commit": False, **CLIENT}
    )
    try:
        partitions = consumer.list_topics(REFUSED, timeout=KAFKA_SECONDS).topics[REFUSED].partitions
        unread = {}
        for partition in partitions:
            begin, end = consumer.get_watermark_offsets(TopicPartition(REFUSED, partition), timeout=KAFKA_SECONDS)
            if end > begin:
                unread[partition] = (max(begin, end - number), end)
        consumer.assign([TopicPartition(REFUSED, partition, start) for partition, (start, _) in unread.items()])
        found = []
        while unread:
            message = consumer.poll(KAFKA_SECONDS)
            if message is None:
                break
            if error := message.error():
                raise KafkaException(error)
            found.append(Refused.of(message))
            partition = message.partition()
            if (message.offset() or 0) + 1 >= unread[partition][1]:
                del unread[partition]
    finally:
        consumer.close()
    return sorted(found, key=lambda message: message.at)[-number:]


def _plain(text: str) -> str:
    """Escape what could play tricks on a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
