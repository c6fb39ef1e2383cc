"""Prints what the operator reads."""

import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

import structlog

from messages.records import Alert, Incident, Status, is_withheld
from servicekit.plain import plain
from spark_monitor.console.bad_records import BadRecords
from spark_monitor.console.display import Display
from spark_monitor.incidents.inhibition import BROKER
from spark_monitor.results.listener import Listener, Result

log = structlog.get_logger()

DUE_SECONDS = 0.5
"""How often it is looked whether a line that was held back is due."""


class Console(Listener):
    """The lines of what is new; everything else only shapes what they show. Writes from the reporter's thread alone."""

    def __init__(self, display: Display, out: TextIO, now: Callable[[], float] = time.time) -> None:
        """`now` tells the time by the clock that has stamped the readings."""
        self._display = display
        self._now = now
        self._out = out
        self._told: deque[str] = deque()
        self._bad = BadRecords()
        self._has_news = False
        self._looked_for_due_at = 0.0

    def tell(self, line: str) -> None:
        """Print a line that is in no topic. Thread-safe; never waits for a reader of the lines."""
        self._told.append(line)

    def on_alert(self, alert: Alert, result: Result) -> None:
        """Print an alert."""
        if not result.is_repeated:
            lines = self._display.alert(alert, result.source_offset)
            if result.is_new:
                self._print(lines)

    def on_status(self, status: Status, result: Result) -> None:
        """Print a status."""
        # A status that is read back was shown in its time.
        now = self._now() if result.is_new else status["received_at"]
        if result.is_new and not self._has_news:
            self._has_news = True
            self._display.expect_backlog(now)
        lines = self._display.status(status, result.source_offset, now, is_repeated=result.is_repeated)
        if result.is_new:
            self._print(lines)

    def on_incident(self, incident: Incident, result: Result) -> None:
        """Print what is told of an incident; that Kafka is silent was told when it was, not through Kafka."""
        if result.is_news and incident["rule"] != BROKER and not is_withheld(incident):
            self._print([incident["message"]])

    def on_bad_record(self, topic: str, place: str, cause: str) -> None:
        """Print that a record was passed over, each topic's once a minute at most."""
        self._bad.add(topic, place, cause)
        self._tell_of_bad_records()

    def on_step(self) -> None:
        """Print what was told, and what was held back for long enough."""
        if time.monotonic() - self._looked_for_due_at >= DUE_SECONDS:
            self._looked_for_due_at = time.monotonic()
            self._print(self._due())
            self._tell_of_bad_records()
        while self._told:
            self._print([self._told.popleft()])

    def on_end(self) -> None:
        """Print what would have been told a minute later."""
        self._tell_of_bad_records(at_once=True)

    def _due(self) -> list[str]:
        try:
            return self._display.due(self._now())
        except Exception as error:  # noqa: BLE001 - it comes of a record, too
            log.warning("a status that was held back is not shown", cause=repr(error))
            return []

    def _tell_of_bad_records(self, *, at_once: bool = False) -> None:
        for passed in self._bad.due(float("inf") if at_once else time.monotonic()):
            self._print([passed.line])
            log.warning(
                "not records of the monitor: passed over",
                topic=passed.topic, count=passed.count, last=passed.place, cause=passed.cause,
            )  # fmt: skip

    def _print(self, lines: list[str]) -> None:
        if not lines:
            return
        # Nearly always nothing is to be replaced, and one look tells so of all.
        is_plain = "".join(lines).isprintable()
        self._out.write("\n".join([*(lines if is_plain else map(plain, lines)), ""]))
        self._out.flush()
