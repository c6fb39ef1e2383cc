"""Shows the last refused messages to a person, or as lines to correct and send again."""

from dataclasses import dataclass
from typing import Any, Self
from zoneinfo import ZoneInfo

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaException, TopicPartition

from messages.records import told_by
from messages.topics import REFUSED
from servicekit.kafka_client import BOUNDED, Connection, StepOver
from spark_monitor.incidents.wording import time_of_day

KAFKA_SECONDS = 10
LONGEST_SHOWN = 300
"""Characters of a message that are shown. The topic has it whole, and so has what is to be sent again."""


@dataclass(frozen=True)
class Refused:
    """A refused message: when (epoch seconds), the headers that say where it stood and why, and what it was.

    Anybody may write to the topic: any part may be missing or strange.
    """

    at: float | None
    headers: dict[str, str]
    key: bytes
    value: bytes

    @classmethod
    def of(cls, message: Any) -> Self:  # noqa: ANN401 - the client's own type has every part optional
        """Take what is needed from a message without an error."""
        kind, at = message.timestamp()
        try:
            headers = told_by(message.headers())
        except UnicodeError:
            headers = {}
        return cls(
            None if kind == TIMESTAMP_NOT_AVAILABLE else at / 1000,
            headers,
            message.key() or b"",
            message.value() or b"",
        )

    def shown(self, zone: ZoneInfo) -> str:
        """Return two lines: when, where, why; then the key and the value. What a terminal would obey is escaped."""
        when = (None if self.at is None else time_of_day(self.at, zone)) or "????-??-?? ??:??:??"
        origin = "-".join(self.headers.get(part, "?") for part in ("topic", "partition", "offset"))
        reason = f"{self.headers.get('exception.class.name', '?')}: {self.headers.get('exception.message', '?')}"
        return (
            f"{when}  {escaped(origin)[:LONGEST_SHOWN]}  {escaped(reason)[:LONGEST_SHOWN]}\n"
            f"    {escaped(self.as_input())[:LONGEST_SHOWN]}"
        )

    def as_input(self) -> str:
        """Return the line that Kafka's console producer takes with `|` between key and value, as it was."""
        return f"{self.key.decode('utf-8', 'replace')}|{self.value.decode('utf-8', 'replace')}"


def last(kafka: Connection, number: int) -> list[Refused]:
    """Return the last refused messages, the newest last. Raises KafkaException."""
    own = {"group.id": "refused", "enable.auto.commit": False}
    consumer = Consumer({**own, **BOUNDED, **kafka})
    step_over = StepOver()
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
            partition, offset = message.partition(), step_over(consumer, message)
            if offset is None:
                if error := message.error():
                    raise KafkaException(error)
                offset = message.offset() or 0
                found.append(Refused.of(message))
            if partition in unread and offset + 1 >= unread[partition][1]:
                del unread[partition]
    finally:
        consumer.close()
    return sorted(found, key=lambda message: message.at or 0)[-number:]


def escaped(text: str) -> str:
    """Return a text in which what could play tricks on a terminal is written out, as in Python's strings."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
