"""Reads what a contender writes: which results there are, and how long each took."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.readings import AlertKey, StatusKey

CLIENT: dict[str, Any] = {
    "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 10, "log_level": 0,
}  # fmt: skip
"""How results are read, of all contenders alike."""


@dataclass
class Results:
    """What was read since the last `follow`. Latencies in seconds, from the newer reading's timestamp to now."""

    alerts: set[AlertKey] = field(default_factory=set)
    statuses: set[StatusKey] = field(default_factory=set)
    alert_seconds: list[float] = field(default_factory=list)
    status_seconds: list[float] = field(default_factory=list)


class Reader(threading.Thread):
    """Follows a contender's two topics from their end on."""

    def __init__(self, bootstrap: str, alerts: str, statuses: str, *, from_the_start: bool = False) -> None:
        super().__init__(daemon=True)
        self._alerts = alerts
        self._series = ""
        self._lock = threading.Lock()
        self._results = Results()
        self._stop_event = threading.Event()
        self._consumer = Consumer({"bootstrap.servers": bootstrap, **CLIENT})
        places = [TopicPartition(topic, 0) for topic in (alerts, statuses)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[0 if from_the_start else 1]
        self._consumer.assign(places)

    def run(self) -> None:
        """Read until told to end."""
        while not self._stop_event.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self._take(message.topic(), json.loads(message.value() or b"{}"), time.time())
        self._consumer.close()

    def follow(self, series: str) -> None:
        """From now on count the results of this series only."""
        with self._lock:
            self._series = f"{series}-"
            self._results = Results()

    def clear_times(self) -> None:
        """Forget the latencies so far: the warm-up's."""
        with self._lock:
            self._results.alert_seconds.clear()
            self._results.status_seconds.clear()

    def results(self) -> Results:
        """Return what was read; it goes on growing."""
        return self._results

    def end(self) -> None:
        """Read no more."""
        self._stop_event.set()
        self.join(10)

    def _take(self, topic: str | None, result: dict[str, Any], now: float) -> None:
        with self._lock:
            if not result["entity_id"].startswith(self._series):
                return
            found = self._results
            if topic == self._alerts:
                key = (result["entity_id"], result["stream"], result["value"])
                if key not in found.alerts:
                    found.alerts.add(key)
                    found.alert_seconds.append(now - result["event_time"])
            elif result["complete"]:
                pair = (result["entity_id"], result["suhu"], result["kelembaban"], result["status"])
                if pair not in found.statuses:
                    found.statuses.add(pair)
                    found.status_seconds.append(now - result["event_time"])
