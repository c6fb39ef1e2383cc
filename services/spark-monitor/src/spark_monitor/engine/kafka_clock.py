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
DRIFT_SECONDS = 0.001
"""By so much less is certain with each pulse what an earlier one has shown."""


class KafkaClock:
    """Tells Kafka's time in epoch seconds; until a pulse has shown it, the host's. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_zero: float | None = None
        self._uncertain = 0.0
        self._is_told = False

    def now(self) -> float:
        """Return Kafka's time."""
        with self._lock:
            return time.time() if self._at_zero is None else self._at_zero + time.monotonic()

    def acknowledged(self, kafka_at: float, sent_at: float, acknowledged_at: float) -> None:
        """Note when Kafka got a pulse by its own clock, and when it was sent and acknowledged by the monotonic one."""
        at_zero, uncertain = kafka_at - (sent_at + acknowledged_at) / 2, (acknowledged_at - sent_at) / 2
        with self._lock:
            self._uncertain += DRIFT_SECONDS
            # A slow pulse shows little; but what a quick one has shown cannot be so any more if the two contradict.
            if (
                self._at_zero is None
                or uncertain <= self._uncertain
                or abs(at_zero - self._at_zero) > uncertain + self._uncertain
            ):
                self._at_zero, self._uncertain = at_zero, uncertain

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
