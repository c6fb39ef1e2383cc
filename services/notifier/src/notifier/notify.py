"""The loop: reads incidents, lets them wait for their group's time, posts one group after the other.

All in one thread's event loop; Kafka's client, which blocks, is called in another one and waited for.
"""

import asyncio
import threading
import time
from typing import Any

import structlog
from confluent_kafka import Message

from messages.records import incident_report
from notifier import alertmanager
from notifier.delivery import Webhook
from notifier.grouping import Group, Groups, RecordOffset, is_posted
from notifier.inbox import Inbox
from notifier.positions import Positions
from servicekit import heartbeat
from servicekit.kafka_client import Connection

log = structlog.get_logger()

POLL_SECONDS = 0.2
RECORDS_A_TURN = 500

MOST_WAITING = 5_000
"""How many records may wait in memory (about 10 MB). More stay in Kafka, which is where they are safe."""

LOOK_SECONDS = 10

LEFT_OUT_SECONDS = 60
"""A flood of records that are no incidents is a line a minute in the log."""

STOP_SECONDS = 8


class Notifier:
    """What waits, what is on its way, and how far the topic is done."""

    def __init__(self, kafka: Connection, webhook: Webhook, group_seconds: float) -> None:
        self._webhook = webhook
        self._groups = Groups(group_seconds)
        self._positions = Positions()
        self._inbox = Inbox(kafka, self._forget)
        self._on_its_way: tuple[Group, asyncio.Task[None]] | None = None
        self._is_held = False
        self._looked_at = 0.0
        self._left_out: dict[str, Any] = {}
        self._left_out_told_at = float("-inf")

    async def run(self, stop: threading.Event) -> None:
        """Go on until stopped. Raises KafkaException when Kafka's client can't."""
        await asyncio.to_thread(self._inbox.open, stop)
        while not stop.is_set():
            await asyncio.to_thread(self._read)
            self._post()
            self._hold_when_full()
            self._inbox.commit(self._positions.reached())
            await self._look()
        await self._end()

    def _read(self) -> None:
        """Take what has come, for a short time. A rebalance comes in between two messages, so both are done here."""
        message = self._inbox.poll(POLL_SECONDS)
        for _ in range(RECORDS_A_TURN):
            if message is None:
                return
            self._take(message)
            message = self._inbox.poll(0)
        if message is not None:
            self._take(message)

    def _take(self, message: Message) -> None:
        # The client's type has every part optional, but a message without an error has a place.
        place = (message.partition() or 0, message.offset() or 0)
        self._positions.take(place)
        try:
            found = incident_report(message.value() or b"")
        except ValueError as error:
            self._leave_out(place, str(error))
            return
        if not is_posted(found):
            self._positions.done([place])
            return
        self._groups.add(found, place, time.monotonic())

    def _leave_out(self, place: RecordOffset, cause: str) -> None:
        self._positions.done([place])
        count = self._left_out["count"] + 1 if self._left_out else 1
        self._left_out = {"count": count, "partition": place[0], "offset": place[1], "cause": cause}
        if time.monotonic() - self._left_out_told_at >= LEFT_OUT_SECONDS:
            self._tell_left_out()

    def _tell_left_out(self) -> None:
        if self._left_out:
            log.warning("no incident: left out", **self._left_out)
        self._left_out, self._left_out_told_at = {}, time.monotonic()

    def _post(self) -> None:
        """See what has become of the post that is on its way, and send the next one."""
        if self._on_its_way is not None:
            group, delivery = self._on_its_way
            if not delivery.done():
                return
            delivery.result()
            self._finish(group)
        if (due := self._groups.take(time.monotonic())) is not None:
            body = alertmanager.body(due)
            self._on_its_way = due, asyncio.create_task(self._webhook.deliver(body))

    def _finish(self, group: Group) -> None:
        self._on_its_way = None
        self._groups.posted(group.entity_id, time.monotonic())
        self._positions.done(group.record_offsets)
        log.info("posted", host=self._webhook.host, entity_id=group.entity_id, incidents=len(group.incidents))

    def _hold_when_full(self) -> None:
        """Stop reading at the limit, go on at half of it."""
        held = self._positions.open >= (MOST_WAITING // 2 if self._is_held else MOST_WAITING)
        if held and not self._is_held:
            log.warning("the webhook does not keep up: the rest waits in Kafka", waiting=self._positions.open)
        self._is_held = held
        self._inbox.hold(held=held)

    async def _look(self) -> None:
        """Beat while Kafka answers and the webhook takes what it is given; say what was left out meanwhile."""
        if time.monotonic() - self._left_out_told_at >= LEFT_OUT_SECONDS and self._left_out:
            self._tell_left_out()
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if not self._webhook.failures and await asyncio.to_thread(self._inbox.answers):
                heartbeat.beat()

    async def _end(self) -> None:
        """Give the post that is on its way a moment. What is not out then is posted after the next start."""
        if self._on_its_way is not None:
            group, delivery = self._on_its_way
            await asyncio.wait({delivery}, timeout=0 if self._webhook.failures else STOP_SECONDS)
            if delivery.done():
                delivery.result()
                self._finish(group)
            else:
                delivery.cancel()
        self._tell_left_out()
        waiting = self._positions.open
        await asyncio.to_thread(self._inbox.close, self._positions.reached())
        log.info("stopped", not_posted=waiting)

    def _forget(self, partitions: set[int]) -> None:
        self._groups.forget(partitions)
        self._positions.forget(partitions)
