"""What is to be published in its order, though the client may give a message up while Kafka is away. No I/O."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Outgoing(NamedTuple):
    """A record on its way to a topic."""

    topic: str
    key: str
    value: bytes


Send = Callable[[Outgoing, Callable[[bool], None]], bool]
"""Hands a record to the client, and says whether it took it; the client tells later whether Kafka has it."""


class Outbox:
    """Keeps records until Kafka has them. Not thread-safe: the client must tell in the thread that sends.

    What comes later waits for what is on its way. Else a record that the client gives up, and gets again, would stand
    behind its successor.
    """

    def __init__(self) -> None:
        self._waiting: deque[Outgoing] = deque()
        self._on_their_way = 0
        self._given_up: list[Outgoing] = []

    def add(self, records: Iterable[Outgoing]) -> None:
        """Take records in, behind those that are there."""
        self._waiting.extend(records)

    def send(self, send: Send) -> None:
        """Hand over all that waits, if nothing is on its way."""
        if self._on_their_way:
            return
        self._waiting.extendleft(reversed(self._given_up))
        self._given_up.clear()
        while self._waiting:
            record = self._waiting[0]

            def told(has_it: bool, record: Outgoing = record) -> None:  # noqa: FBT001 - it is all that is told
                self._on_their_way -= 1
                if not has_it:
                    self._given_up.append(record)

            if not send(record, told):
                return
            self._waiting.popleft()
            self._on_their_way += 1
