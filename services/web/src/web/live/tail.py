"""The topics with the results, read from a little before now on: a thread that keeps the site as it is."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from messages import records
from messages.topics import HEARTBEATS, INCIDENTS, REFUSED, STATUSES
from rules.model import Rules
from servicekit.kafka_client import BOUNDED, Connection, ErrorLog, StepOver, wait_for_kafka, what_has_come
from servicekit.plain import plain
from web.live.site import RefusedMessage, Site

log = structlog.get_logger()

LOOK_BACK_SECONDS = {STATUSES: 120, HEARTBEATS: 360, INCIDENTS: None, REFUSED: 3600}
"""How far back the reading begins: a place that is seen less often is known by its silence. None: from the start, as an
incident may be open for days."""

AT_ONCE = 1000
WAIT_SECONDS = 0.5
KAFKA_SECONDS = 10
SHOWN_CHARACTERS = 300
"""Of a refused message. It may have two megabytes."""


class Tail(threading.Thread):
    """Reads until stopped. `on_change` is called, in this thread, after each handful of records.

    `lock` is held while the site changes: who looks at it holds it, too.
    """

    def __init__(self, kafka: Connection, rules: Rules, site: Site, on_change: Callable[[], None]) -> None:
        super().__init__(name="tail", daemon=True)
        self.lock = threading.Lock()
        self.answered_at = 0.0
        """When Kafka last gave something, by the monotonic clock."""
        self.caught_up = threading.Event()
        self.failure: str | None = None
        """Why the thread ended by itself, if it did."""
        self._stop_event = threading.Event()
        self._site = site
        self._on_change = on_change
        self._errors = ErrorLog()
        self._step_over = StepOver()
        self._read_status = records.status_reader(rules.combined_streams)
        self._ends: dict[tuple[str, int], int] = {}
        self._consumer = Consumer(
            {
                # Each instance reads all; nothing is committed.
                "group.id": "web",
                "client.id": "web",
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "fetch.wait.max.ms": 500,
                "queued.max.messages.kbytes": 4096,
                "error_cb": self._errors,
                **BOUNDED,
                **kafka,
            }
        )

    def is_heard(self, seconds: float) -> bool:
        """Return whether Kafka gave something within so many seconds."""
        return self.answered_at > 0 and time.monotonic() - self.answered_at <= seconds

    def stop(self) -> None:
        """End the thread."""
        self._stop_event.set()

    def run(self) -> None:
        """Read until stopped."""
        try:
            if wait_for_kafka(self._begin, self._stop_event, serve=lambda: self._consumer.poll(0)):
                while not self._stop_event.is_set():
                    self._take(what_has_come(self._consumer, WAIT_SECONDS, AT_ONCE))
        except KafkaException as error:
            self.failure = f"Kafka's client can't go on: {error}"
            log.error("giving up", cause=self.failure)  # noqa: TRY400 - the stack says no more
        finally:
            self._consumer.close()

    def _begin(self) -> bool:
        """Go to where the reading begins. Raises KafkaException while Kafka can't answer."""
        places = []
        for topic, seconds in LOOK_BACK_SECONDS.items():
            found = self._consumer.list_topics(topic, timeout=KAFKA_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            for number in found.partitions:
                first, end = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=KAFKA_SECONDS)
                begin = first if seconds is None else self._offset_at(topic, number, time.time() - seconds, end)
                places.append(TopicPartition(topic, number, begin))
                if begin < end:
                    self._ends[topic, number] = end
        self._consumer.assign(places)
        self.answered_at = time.monotonic()
        if not self._ends:
            self.caught_up.set()
        return True

    def _offset_at(self, topic: str, number: int, moment: float, end: int) -> int:
        (found,) = self._consumer.offsets_for_times(
            [TopicPartition(topic, number, int(moment * 1000))], timeout=KAFKA_SECONDS
        )
        return found.offset if found.offset >= 0 else end

    def _take(self, messages: list[Message]) -> None:
        if not messages:
            return
        with self.lock:
            for message in messages:
                if (error := message.error()) is not None:
                    self._note(message, error)
                    continue
                self.answered_at = time.monotonic()
                try:
                    self._record(message)
                except ValueError as error:  # anybody may write to the topics
                    log.warning("a record is none of the monitor's", topic=message.topic(), cause=str(error))
                self._pass_end(message)
        self._on_change()

    def _record(self, message: Message) -> None:
        """Take a record. Raises ValueError of what is no record."""
        value, topic = message.value() or b"", message.topic()
        written_at = min(message.timestamp()[1] / 1000, time.time())
        if topic == STATUSES:
            self._site.take_status(self._read_status(value), written_at)
        elif topic == INCIDENTS:
            self._site.take_incident(records.incident_report(value))
        elif topic == REFUSED:
            self._site.refused.append(_refused(message, value, written_at))
        else:
            self._site.take_heartbeat(records.heartbeat(value), written_at)

    def _pass_end(self, message: Message) -> None:
        partition = (message.topic() or "", message.partition() or 0)
        if self._ends and (message.offset() or 0) + 1 >= self._ends.get(partition, 0):
            self._ends.pop(partition, None)
            if not self._ends:
                self.caught_up.set()

    def _note(self, message: Message, error: KafkaError) -> None:
        if (offset := self._step_over(self._consumer, message)) is not None:
            log.error("cannot read a record: left out", topic=message.topic(), offset=offset, cause=error.str())
        elif error.fatal():
            raise KafkaException(error)
        else:
            self._errors(error)


def _refused(message: Message, value: bytes, at: float) -> RefusedMessage:
    """Return what is shown of a refused message. Raises ValueError if its headers say nothing."""
    headers: Any = message.headers()
    found = records.refusal(headers)
    detail = records.told_by(headers).get("exception.message", "")
    return RefusedMessage(
        at, found["reason"], detail[:SHOWN_CHARACTERS], f"{found['topic']}-{found['partition']}-{found['offset']}",
        plain(value[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace")[:SHOWN_CHARACTERS]),
    )  # fmt: skip
