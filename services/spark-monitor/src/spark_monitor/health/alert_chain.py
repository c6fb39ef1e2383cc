"""Whether the alert chain is whole, and where it broke: the canary's pulses are followed from producer to reporter.

No I/O. Times are in seconds of one monotonic clock.
"""

import threading
from typing import Literal

from messages.records import Heartbeat
from messages.topics import HEARTBEATS
from spark_monitor.results.listener import Listener, Partition, Record, Result

BACK_WITHIN_SECONDS = 15
"""A pulse that is away for longer means that an alert would be, too."""

SENT_WITHIN_SECONDS = 20
"""A pulse is sent each 5 s, at most 10 apart while Kafka does not answer. None for longer means that none will be."""

FOLLOWED = 100
"""How many pulses are waited for at once. The oldest decides, so those beyond need not be remembered."""

Link = Literal["canary", "producer", "broker", "Spark", "reporter"]


class AlertChain(Listener):
    """Follows the pulses, whose numbers only grow. Thread-safe: each link reports from its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away: dict[int, float] = {}
        self._has_returned = False
        self._sent_at: float | None = None
        self._last_sent = -1
        self._unproven_until = -1
        self._last_returned = -1
        self._acknowledged = -1
        self._broker_is_there = True
        self._results_end = 0
        self._results_read = 0

    def on_start(self, partition: Partition, offset: int) -> None:
        """Note where the reporter begins in the pulses' alerts."""
        if partition[0] == HEARTBEATS:
            self.results_read(offset)

    def on_record(self, record: Record) -> None:
        """Note how far the reporter has read the pulses' alerts, whatever they hold."""
        if record.partition[0] == HEARTBEATS:
            self.results_read(record.offset + 1)

    def on_heartbeat(self, heartbeat: Heartbeat, result: Result) -> None:
        """Note that a pulse has come back."""
        if result.is_new:
            self.returned(int(heartbeat["value"]))

    def begin(self, now: float) -> None:
        """Note that from now on pulses are to be sent."""
        with self._lock:
            if self._sent_at is None:
                self._sent_at = now

    def sent(self, pulse: int, now: float) -> None:
        """Note that a pulse is on its way."""
        with self._lock:
            self._last_sent = pulse
            if self._sent_at is not None:
                self._sent_at = now
            if len(self._away) < FOLLOWED:
                self._away[pulse] = now

    def acknowledged(self, pulse: int) -> None:
        """Note that the broker has a pulse."""
        with self._lock:
            self._acknowledged = max(self._acknowledged, pulse)

    def broker_answers(self, *, is_there: bool) -> None:
        """Note whether the broker answered when it was last asked."""
        with self._lock:
            self._broker_is_there = is_there
            if not is_there:
                self._unproven_until = self._last_sent

    def results_end(self, offset: int) -> None:
        """Note where the topic with the pulses' alerts ends."""
        with self._lock:
            self._results_end = offset

    def results_read(self, offset: int) -> None:
        """Note up to where the reporter has read that topic."""
        with self._lock:
            self._results_read = offset

    def returned(self, pulse: int) -> None:
        """Note that a pulse has come back as an alert, perhaps again after a restart.

        Order is kept on the whole way, so none before it is waited for any longer.
        """
        with self._lock:
            self._has_returned |= pulse in self._away
            if pulse in self._away:
                self._last_returned = pulse
            self._away = {each: since for each, since in self._away.items() if each > pulse}

    @property
    def has_returned(self) -> bool:
        """Whether a pulse of this run has come back, so that the chain was whole once."""
        with self._lock:
            return self._has_returned

    @property
    def is_proven(self) -> bool:
        """Whether a pulse has come back that was sent since the broker was last away."""
        with self._lock:
            return self._has_returned and self._last_returned > self._unproven_until

    @property
    def broker_is_there(self) -> bool:
        """Whether the broker answered when it was last asked."""
        with self._lock:
            return self._broker_is_there

    @property
    def results_moved(self) -> tuple[int, int]:
        """What changes when pulses' alerts are written or read: where their topic ends, and up to where it is read."""
        with self._lock:
            return self._results_end, self._results_read

    def broken_at(self, now: float) -> Link | None:
        """Return the first link that a pulse did not pass in time, None while none is overdue."""
        with self._lock:
            # First, as the canary also asks where all the others are.
            if self._sent_at is not None and now - self._sent_at > SENT_WITHIN_SECONDS:
                return "canary"
            oldest = next(iter(self._away.items()), None)
            if oldest is None or now - oldest[1] <= BACK_WITHIN_SECONDS:
                return None
            if not self._broker_is_there:
                return "broker"
            if self._acknowledged < oldest[0]:
                return "producer"
            return "reporter" if self._results_end > self._results_read else "Spark"
