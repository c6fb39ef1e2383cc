"""How good the alarms of the last minutes were, from the topics: the running monitor is not asked."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo

from confluent_kafka import Consumer, KafkaException, TopicPartition

from messages import records
from messages.topics import ALERTS, INCIDENTS
from servicekit.kafka_client import BOUNDED, Connection, StepOver
from spark_monitor.health.alarm_quality import (
    CHATTERING,
    TOP,
    WINDOW_SECONDS,
    Opening,
    chattering,
    load,
    most_within,
    stale,
    top_sources,
)
from spark_monitor.results.deduplication import Deduplication

KAFKA_SECONDS = 10
SAID = {"manageable": "dapat ditangani", "too many": "terlalu banyak", "flood": "banjir"}
NONE = "tidak ada"

Told = tuple[float, bytes]
"""When a message was written (Kafka's timestamp, epoch seconds), and its value."""


@dataclass
class Report:
    """What came from `since` to `now` (epoch seconds); `passed` counts records that are none of the monitor's."""

    since: float
    now: float
    alerts: Counter[str] = field(default_factory=Counter)
    openings: dict[str, Opening] = field(default_factory=dict)
    open_since: dict[str, float] = field(default_factory=dict)
    passed: int = 0

    @classmethod
    def of(cls, alerts: Iterable[Told], incidents: Iterable[Told], since: float, now: float) -> Self:
        """Count alerts and incidents, each once; `incidents` are all that Kafka has, to know which are open."""
        report = cls(since, now)
        seen = Deduplication()
        for at, value in alerts:
            try:
                report._count_alert(at, records.alert(value), seen)
            except ValueError:
                report.passed += 1
        for at, value in incidents:
            try:
                report._count_incident(at, records.incident(value))
            except ValueError:
                report.passed += 1
        return report

    def _count_alert(self, at: float, alert: records.Alert, seen: Deduplication) -> None:
        partition, offset = records.origin_of(alert["alert_id"])
        if self.since < at <= self.now and seen.add(f"{partition} {alert['rule']}", offset):
            self.alerts[alert["entity_id"]] += 1

    def _count_incident(self, at: float, record: records.Incident) -> None:
        name = record["incident_id"]
        if record["state"] in records.BY_PEOPLE:
            return  # a person's, and no alarm
        if record["state"] == "opened" and self.since < at <= self.now:
            self.openings.setdefault(name, Opening(at, record["entity_id"], record["rule"]))
        if record["state"] in records.OVER:
            self.open_since.pop(name, None)
        else:
            self.open_since[name] = record["opened_at"]

    def lines(self, zone: ZoneInfo) -> list[str]:
        """Return what a person reads."""
        openings = list(self.openings.values())
        minutes = (self.now - self.since) / 60
        busiest = most_within(WINDOW_SECONDS, (opening.at for opening in openings))
        until = dt.datetime.fromtimestamp(int(self.now), zone).strftime("%Y-%m-%d %H:%M:%S")
        alerts = self.alerts.total()
        passed = [f"- Catatan dilewati karena bukan dari monitor: {self.passed}"] if self.passed else []
        return [
            f"Alarm {minutes:.0f} menit terakhir, sampai {until}",
            f"- Peringatan: {alerts} ({_per_window(alerts, minutes)} per 10 menit)",
            f"- Peringatan terbanyak: {_sources(sorted(self.alerts.items(), key=lambda item: (-item[1], item[0])))}",
            f"- Insiden dibuka: {len(openings)} ({_per_window(len(openings), minutes)} per 10 menit)",
            f"- 10 menit terpadat: {busiest} insiden, {SAID[load(busiest)]}",
            f"- Insiden terbanyak: {_sources(top_sources(openings))}",
            f"- Masih terbuka: {len(self.open_since)}",
            f"- Terbuka lebih dari 24 jam: {_names(stale(self.open_since, self.now))}",
            f"- Dibuka {CHATTERING} kali atau lebih dalam 1 menit: {_names(chattering(openings))}",
            *passed,
        ]


def read(kafka: Connection, minutes: int) -> Report:
    """Return the report of the last minutes. Raises KafkaException."""
    now = time.time()
    since = now - minutes * 60
    return Report.of(_messages(kafka, ALERTS, since), _messages(kafka, INCIDENTS, None), since, now)


def _messages(kafka: Connection, topic: str, since: float | None) -> Iterator[Told]:
    """Yield what a topic has now, from a time on or from its beginning. Raises KafkaException."""
    consumer = Consumer({"group.id": "alarms", "enable.auto.commit": False, **BOUNDED, **kafka})
    step_over = StepOver()
    try:
        partitions = consumer.list_topics(topic, timeout=KAFKA_SECONDS).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in partitions]
        unread = {place.partition: consumer.get_watermark_offsets(place, timeout=KAFKA_SECONDS) for place in places}
        if since is not None:
            asked = [TopicPartition(topic, number, max(0, int(since * 1000))) for number in partitions]
            for found in consumer.offsets_for_times(asked, timeout=KAFKA_SECONDS):
                _, end = unread[found.partition]
                unread[found.partition] = (found.offset if found.offset >= 0 else end, end)
        unread = {number: (start, end) for number, (start, end) in unread.items() if start < end}
        consumer.assign([TopicPartition(topic, number, start) for number, (start, _) in unread.items()])
        while unread:
            message = consumer.poll(KAFKA_SECONDS)
            if message is None:
                break
            number, stepped = message.partition() or 0, step_over(consumer, message)
            if stepped is None and (error := message.error()):
                raise KafkaException(error)
            offset = (message.offset() or 0) if stepped is None else stepped
            if number in unread and offset + 1 >= unread[number][1]:
                del unread[number]
            # A batch that cannot be read counts as a record that is none.
            yield message.timestamp()[1] / 1000, (message.value() or b"") if stepped is None else b""
    finally:
        consumer.close()


def _per_window(count: int, minutes: float) -> str:
    return f"{count * WINDOW_SECONDS / 60 / minutes:.1f}"


def _sources(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} ({number})" for name, number in list(counts)[:TOP]) or NONE


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or NONE
