"""Puts the incidents' records and people's actions into the history, as they come.

They are few, and a person who acts looks for the answer: they do not wait for a batch of readings. As with those, the
offsets in the database decide where the reading goes on, so that nothing is in it twice or missing.
"""

import threading
from collections.abc import Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from history.actions import ActionRecord
from history.merge import Batch, ElsewhereError, IncidentRecord
from messages.records import action, incident_report
from messages.topics import ACTIONS, INCIDENTS
from servicekit.kafka_client import BOUNDED, Connection, ErrorLog, StepOver, wait_for_kafka, what_has_come
from spark_monitor.engine.checkpoints import Offsets
from spark_monitor.engine.history_query import History
from spark_monitor.engine.micro_batches import BatchError
from spark_monitor.engine.topics import Topics

KEPT = (INCIDENTS, ACTIONS)
WAIT_SECONDS = 0.5
AT_ONCE = 1000

log = structlog.get_logger()


class RecordKeeper(threading.Thread):
    """Reads until stopped; without the database or Kafka it waits, and reads on when they are back."""

    def __init__(self, kafka: Connection, topics: Topics, history: History, stop: threading.Event) -> None:
        super().__init__(name="records", daemon=True)
        self.failure: str | None = None
        """Why the thread ended by itself, if it did."""
        self._topics = topics
        self._history = history
        self._stop_event = stop
        self._at: Offsets = {}
        self._step_over = StepOver()
        self._consumer = Consumer(
            {
                "group.id": "spark-monitor",
                "client.id": "spark-monitor-records",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "error_cb": ErrorLog(),
                **BOUNDED,
                **kafka,
            }
        )

    def run(self) -> None:
        """Read until stopped."""
        try:
            self._begin()
            while not self._stop_event.is_set():
                self._keep(what_has_come(self._consumer, WAIT_SECONDS, AT_ONCE))
        except BatchError as error:
            log.info("not all records are in the history", cause=str(error))
        except KafkaException as error:
            self.failure = f"Kafka's client can't go on: {error}"
            log.error("giving up", cause=self.failure)  # noqa: TRY400 - the stack says no more
        finally:
            self._consumer.close()

    def _begin(self) -> None:
        """Go to where the tables end. Raises BatchError once stopped."""
        found = wait_for_kafka(lambda: self._history.open(lambda: self._topics.extent(KEPT)), self._stop_event)
        if found is None:
            raise BatchError("stopped while Kafka was away")
        self._at = found
        self._consumer.assign(
            [TopicPartition(topic, int(number), at) for topic, of in self._at.items() for number, at in of.items()]
        )

    def _keep(self, messages: Sequence[Message]) -> None:
        end = {topic: dict(of) for topic, of in self._at.items()}
        incidents: list[IncidentRecord] = []
        actions: list[ActionRecord] = []
        for message in messages:
            topic, number, offset = str(message.topic()), message.partition() or 0, message.offset() or 0
            if (error := message.error()) is None:
                if topic == INCIDENTS:
                    incidents += _incident(number, offset, message.value() or b"")
                else:
                    actions += _action(number, offset, message.value() or b"")
            elif (stepped := self._step_over(self._consumer, message)) is not None:
                offset = stepped
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - it is named so
                # Kafka has removed what is next, or has made the topic again.
                self._begin()
                return
            else:
                continue
            end[topic][str(number)] = offset + 1
        if end == self._at:
            return
        try:
            self._history.add(Batch(self._at, end, incidents=incidents, actions=actions))
        except ElsewhereError as error:
            log.warning("the tables end elsewhere: reading from there", cause=str(error))
            self._begin()
        else:
            self._at = end


def _incident(number: int, offset: int, value: bytes) -> list[IncidentRecord]:
    """Return a record of the incidents' topic; nothing of what is none, which the reporter tells of."""
    try:
        return [IncidentRecord(number, offset, incident_report(value))]
    except ValueError:
        return []


def _action(number: int, offset: int, value: bytes) -> list[ActionRecord]:
    """Return what a person did; nothing of what is no action, or one of the rules."""
    try:
        found = action(value)
    except ValueError:
        return []
    return [] if found["action"] == "expect" else [ActionRecord(number, offset, value.decode())]
