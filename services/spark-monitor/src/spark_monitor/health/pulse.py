"""Asks Kafka once a second whether it and the sensors' topics are alive, and sends the canary's pulses.

A thread of its own, so that a Kafka that does not answer holds up nothing else; it is noted, never raised.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from messages import actions
from messages.records import Action
from messages.topics import ACTIONS, CANARY, HEARTBEATS, INCIDENTS
from rules import canary
from servicekit.kafka_client import KEYED, Connection
from spark_monitor.engine.kafka_clock import KafkaClock
from spark_monitor.health.alert_chain import BACK_WITHIN_SECONDS, AlertChain
from spark_monitor.health.outbox import Outbox, Outgoing
from spark_monitor.incidents.inhibition import Inhibition
from spark_monitor.incidents.records import to_json

log = structlog.get_logger()

ASK_SECONDS = 1
ANSWER_SECONDS = 3
ACKNOWLEDGED_SECONDS = 0.5


class Pulse(threading.Thread):
    """Feeds `causes`, `chain` and `clock` until `finish`. Pulses are sent from `begin` on, when Spark reads them."""

    def __init__(
        self,
        kafka: Connection,
        partitions: Mapping[str, int],
        causes: Inhibition,
        chain: AlertChain,
        *,
        clock: KafkaClock,
        tell: Callable[[str], None],
    ) -> None:
        """`partitions`: how many each topic has; `tell` prints a line at once, without Kafka."""
        super().__init__(name="pulse", daemon=True)
        self._partitions = partitions
        self._causes = causes
        self._chain = chain
        self._clock = clock
        self._tell = tell
        # No error_cb: the reporter's client says what is wrong with Kafka.
        own: dict[str, str | int | float | bool] = {
            "client.id": "spark-monitor-pulse",
            **kafka,
        }
        self._admin = AdminClient(own)
        # A pulse that is late by so much need not be sent any more; a record is sent again, in its order.
        self._producer = Producer(
            {
                **own,
                **KEYED,
                "linger.ms": 0,
                "message.timeout.ms": BACK_WITHIN_SECONDS * 1000,
                "enable.idempotence": True,
            }
        )
        self._outbox = Outbox()
        self._last_pulse = 0
        self._begin = threading.Event()
        self._is_urgent = threading.Event()
        self._finish = threading.Event()

    def expect(self, expected: Iterable[Action]) -> None:
        """Publish what the rules wait for; call it before the start."""
        self._outbox.add(Outgoing(ACTIONS, action["entity_id"], actions.to_json(action)) for action in expected)

    def begin(self) -> None:
        """Send pulses from now on."""
        self._chain.begin(time.monotonic())
        self._begin.set()

    def send_soon(self) -> None:
        """Send a pulse within a second, whenever the last one was."""
        self._is_urgent.set()

    @property
    def chain_is_whole(self) -> bool:
        """Whether a pulse has come back, and none is overdue."""
        return self._chain.has_returned and self._chain.broken_at(time.monotonic()) is None

    def finish(self) -> None:
        """End within the time that a question to Kafka takes."""
        self._finish.set()

    def run(self) -> None:
        """Ask and send until told to finish."""
        pulse_at = 0.0
        while not self._finish.wait(ASK_SECONDS):
            self._ask()
            due = self._causes.due(self._clock.now())
            self._outbox.add(Outgoing(INCIDENTS, record["entity_id"], to_json(record).encode()) for record in due)
            self._outbox.send(self._send_record)
            if self._begin.is_set() and (self._is_urgent.is_set() or time.monotonic() >= pulse_at):
                self._is_urgent.clear()
                pulse_at = time.monotonic() + canary.PULSE_SECONDS
                self._send_pulse()
                # What is acknowledged a second later, when it is looked at next, would show Kafka's time that badly.
                self._producer.flush(ACKNOWLEDGED_SECONDS)
            self._producer.poll(0)
        self._producer.flush(ANSWER_SECONDS)

    def _ask(self) -> None:
        try:
            newest, end = self._answers()
        except KafkaException as error:
            log.debug("Kafka does not answer", cause=str(error))
            self._note_broker(is_there=False)
            self._renew_metadata()
        else:
            self._note_broker(is_there=True)
            self._causes.topics_are(newest, self._clock.now())
            self._chain.results_end(end)

    def _renew_metadata(self) -> None:
        """Have the client ask for the partitions' leaders again; it would keep for minutes what it was told last.

        A broker that has just started may say that there are none.
        """
        try:
            self._admin.list_topics(timeout=ASK_SECONDS)
        except KafkaException as error:
            log.debug("Kafka does not tell its topics", cause=str(error))

    def _note_broker(self, *, is_there: bool) -> None:
        self._chain.broker_answers(is_there=is_there)
        if line := self._causes.broker_answers(is_there, self._clock.now()):
            self._tell(line)

    def _answers(self) -> tuple[dict[str, float | None], int]:
        """Return the time of each sensors' topic's newest message, and where the pulses' alerts end.

        Raises KafkaException when Kafka does not answer.
        """
        wanted = {place: OffsetSpec.max_timestamp() for topic in self._causes.topics for place in self._places(topic)}
        wanted |= {place: OffsetSpec.latest() for place in self._places(HEARTBEATS)}
        newest: dict[str, float | None] = dict.fromkeys(self._causes.topics)
        end = 0
        for place, asked in self._admin.list_offsets(wanted, request_timeout=ANSWER_SECONDS).items():
            try:
                found = asked.result()
            except KafkaException as exception:
                if exception.args[0].code() < 0:
                    raise
                continue  # the broker's own answer: a topic that is being created again, for instance
            if place.topic == HEARTBEATS:
                end += found.offset
            elif found.timestamp > 0:
                newest[place.topic] = max(newest[place.topic] or 0, found.timestamp / 1000)
        return newest, end

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._partitions[topic])]

    def _send_pulse(self) -> None:
        pulse = self._last_pulse = max(int(time.time() * 1000), self._last_pulse + 1)
        sent_at = time.monotonic()
        self._chain.sent(pulse, sent_at)

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self._chain.acknowledged(pulse)
                self._clock.acknowledged(message.timestamp()[1] / 1000, sent_at, time.monotonic())
                if line := self._clock.news(time.time()):
                    log.warning("the host's clock and Kafka's", cause=line)
                    self._tell(line)

        try:
            self._producer.produce(CANARY, canary.pulse_message(pulse), canary.ENTITY, on_delivery=delivered)
        except (KafkaException, BufferError) as error:
            log.debug("pulse not sent", cause=str(error))

    def _send_record(self, record: Outgoing, told: Callable[[bool], None]) -> bool:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            told(error is None)

        try:
            self._producer.produce(record.topic, record.value, record.key, on_delivery=delivered)
        except (KafkaException, BufferError) as error:
            log.debug("record not sent", cause=str(error))
            return False
        return True
