"""Kafka's time, as the canary's pulses show it: what compares with its stamps must not use the host's clock. No I/O.

Between two pulses time passes by the monotonic clock, so that a step of the host's clock is no step of Kafka's. A step
of Kafka's own is known with the next pulse.
"""

import threading
import time

from spark_monitor.incidents.wording import duration

APART_SECONDS = 1
"""From here on the difference of the two clocks is reported."""

TOGETHER_SECONDS = 0.5
UNCERTAIN_SECONDS = 1
"""A pulse that was under way for longer than twice this shows too little."""


class KafkaClock:
    """Tells Kafka's time in epoch seconds; until a pulse has shown it, the host's. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_zero: float | None = None
        self._is_told = False

    def now(self) -> float:
        """Return Kafka's time."""
        with self._lock:
            return time.time() if self._at_zero is None else self._at_zero + time.monotonic()

    def acknowledged(self, kafka_at: float, sent_at: float, acknowledged_at: float) -> None:
        """Note when Kafka got a pulse by its own clock, and when it was sent and acknowledged by the monotonic one."""
        under_way = acknowledged_at - sent_at
        with self._lock:
            if self._at_zero is None or under_way <= 2 * UNCERTAIN_SECONDS:
                self._at_zero = kafka_at - (sent_at + acknowledged_at) / 2

    def news(self, host_at: float) -> str | None:
        """Return what the operator must be told of the two clocks, once; `host_at` is the host's time now."""
        ahead = host_at - self.now()
        with self._lock:
            if self._is_told and abs(ahead) <= TOGETHER_SECONDS:
                self._is_told = False
                return "[Jam Sama] jam monitor dan jam Kafka sama lagi"
            if self._is_told or abs(ahead) < APART_SECONDS:
                return None
            self._is_told = True
            where = "di depan" if ahead > 0 else "di belakang"
            return f"[Jam Berbeda] jam monitor {duration(abs(ahead))} {where} jam Kafka, waktu Kafka dipakai"
