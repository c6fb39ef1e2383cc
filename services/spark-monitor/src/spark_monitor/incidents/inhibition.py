"""Why sensors are silent: one cause said once, instead of a line for each of them. No I/O.

A silence stands back while it may be only a part of a larger one: of its whole topic, or of Kafka. Times are epoch
seconds; the topics' are Kafka's, whose clock also stamped the readings.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from messages import schemas
from messages.records import OVER
from rules.model import Rules
from spark_monitor.incidents.records import FIELDS, Record
from spark_monitor.incidents.silences import SILENCE, next_reminder
from spark_monitor.incidents.wording import Words, duration

SOURCE = "sumber"
BROKER = "kafka"
"""The rules in the causes' own records."""

BROKER_SILENT_SECONDS = 5
BROKER_REMIND_SECONDS = 900
SETTLE_SECONDS = 3
"""After a cause is gone its sensors have their `silent_after` and these to be heard again."""


@dataclass
class _Topic:
    """What is known of a topic; seconds and times. `silent_since` is its newest message, while it is silent."""

    silent_after: float
    remind_every: float
    newest: float | None = None
    asked_at: float = 0
    silent_since: float | None = None
    said: float = 0
    back_at: float = float("-inf")

    @property
    def quiet_seconds(self) -> float:
        """For how long nothing had come when it was asked for; 0 when nothing ever came."""
        return 0 if self.newest is None else self.asked_at - self.newest


class Inhibition:
    """Knows which topics are silent and whether Kafka answers, and what is to be said of it. Thread-safe."""

    def __init__(self, rules: Rules) -> None:
        self._lock = threading.Lock()
        self._version = rules.version
        self._streams = {name: stream for name, stream in rules.streams.items() if stream.silence is not None}
        self._silence = {name: stream.silence for name, stream in rules.streams.items() if stream.silence is not None}
        self._topics: dict[str, _Topic] = {}
        for name, stream in self._streams.items():
            known = self._topics.setdefault(stream.topic, _Topic(0, 0))
            # Silent is a topic only when the slowest of its sensors should have spoken.
            known.silent_after = max(known.silent_after, self._silence[name].silent_after)
            known.remind_every = max(known.remind_every, self._silence[name].remind_every)
        self._answered_at: float | None = None
        self._asked_first_at: float | None = None
        self._answers = False
        self._broker_silent_since: float | None = None
        self._broker_said = 0.0
        self._broker_back_at = float("-inf")
        self._causes: list[Record] = []
        self._held_back: dict[str, Record] = {}
        self._said: set[str] = set()

    @property
    def topics(self) -> Sequence[str]:
        """The topics whose newest times are to be told."""
        return tuple(self._topics)

    def topics_are(self, newest: Mapping[str, float | None], now: float) -> None:
        """Take the time of each topic's newest message, None of a topic that has none."""
        with self._lock:
            for name, topic in self._topics.items():
                topic.newest, topic.asked_at = newest.get(name), now
                if topic.newest is None:
                    continue
                if topic.silent_since is None:
                    has_settled = now >= self._broker_back_at + topic.silent_after + SETTLE_SECONDS
                    if has_settled and topic.quiet_seconds >= topic.silent_after:
                        topic.silent_since, topic.said = topic.newest, now
                        self._say(SOURCE, "opened", name, topic.newest, now)
                elif topic.newest > topic.silent_since:
                    self._say(SOURCE, "recovered", name, topic.silent_since, now, until=topic.newest)
                    topic.silent_since, topic.back_at = None, now
                elif now >= next_reminder(topic.silent_since, topic.said, topic.remind_every):
                    topic.said = now
                    self._say(SOURCE, "reminder", name, topic.silent_since, now)

    def broker_answers(self, is_there: bool, now: float) -> str | None:  # noqa: FBT001 - it is all that is said
        """Take whether Kafka answered; return what the operator must be told at once, as no record can go out yet."""
        with self._lock:
            self._answers = is_there
            if self._asked_first_at is None:
                # At the start, too, the sensors may come later than the broker.
                self._asked_first_at = self._broker_back_at = now
            since = self._asked_first_at if self._answered_at is None else self._answered_at
            if is_there:
                self._answered_at = now
                if self._broker_silent_since is not None:
                    since, self._broker_silent_since, self._broker_back_at = self._broker_silent_since, None, now
                    return self._say(BROKER, "recovered", BROKER, since, now, until=now)
            elif self._broker_silent_since is None:
                if now - since >= BROKER_SILENT_SECONDS:
                    self._broker_silent_since, self._broker_said = since, now
                    return self._say(BROKER, "opened", BROKER, since, now)
            elif now >= next_reminder(self._broker_silent_since, self._broker_said, BROKER_REMIND_SECONDS):
                self._broker_said = now
                return self._say(BROKER, "reminder", BROKER, self._broker_silent_since, now)
            return None

    def pass_on(self, records: Sequence[Record], now: float) -> list[Record]:
        """Return what is to be published of an entity's records now, and the silences that outlasted their causes."""
        with self._lock:
            passed = [record for record in records if record["kind"] != "silence" or self._take(record, now)]
            return passed + self._outlasted(now)

    def due(self, now: float) -> list[Record]:
        """Return what is to be published without new records: causes, and the silences that outlasted theirs.

        For one publisher alone, which keeps the causes in their order. With two, that Kafka is back could stand before
        its silence, which the other still tries to send.
        """
        with self._lock:
            causes, self._causes = self._causes, []
            return causes + self._outlasted(now)

    def _outlasted(self, now: float) -> list[Record]:
        found = {name: each for name, each in self._held_back.items() if self._has_no_other_cause(each, now)}
        for name in found:
            del self._held_back[name]
            self._said.add(name)
        return [self._as_of_now(record, now) for record in found.values()]

    def _take(self, record: Record, now: float) -> bool:
        """Say whether a silence's record is to go out as it is; note it if it is to wait."""
        name = record["incident_id"]
        if record["state"] == "retired":
            self._held_back.pop(name, None)
            self._said.discard(name)
            return True
        if record["state"] not in OVER:
            if name in self._said:
                return True
            first = self._held_back.setdefault(name, record)
            self._held_back[name] = record | {"state": first["state"]}
            return False
        if self._held_back.pop(name, None) is not None:
            return False
        was_said = name in self._said
        self._said.discard(name)
        # Of one from before a restart it is not known whether it was said.
        return was_said or self._has_no_other_cause(record, now)

    def _has_no_other_cause(self, record: Record, now: float) -> bool:
        """Say whether a sensor is silent, or was, all by itself."""
        silence, topic = self._silence.get(record["stream"]), self._topics.get(record["topic"])
        if silence is None or topic is None:
            return True  # from other rules, before a restart
        settle = silence.silent_after + SETTLE_SECONDS
        if not self._answers or now < max(self._broker_back_at, topic.back_at) + settle:
            return False
        if topic.newest is None or topic.quiet_seconds >= topic.silent_after:
            return False
        # When all stop at once, the last of them spoke an interval later at most: then the topic is still waited for.
        others_went_on = topic.newest - record["opened_at"] > silence.silent_after / 2
        return others_went_on or topic.quiet_seconds >= silence.silent_after

    def _as_of_now(self, record: Record, now: float) -> Record:
        """Return a record that had to wait with the words of now."""
        words = Words(self._streams[record["stream"]], ZoneInfo("UTC"))  # no time of day is in them
        seconds = now - record["opened_at"]
        entity, sensor = record["entity_id"], record["sensor_id"]
        never_spoke = record.get("readings") == 0
        return record | {
            "message": words.never_heard(entity, seconds) if never_spoke else words.silent(entity, sensor, seconds),
            "duration_seconds": seconds,
            "emitted_at": now,
        }

    def _say(
        self, rule: str, state: str, entity: str, since: float, now: float, *, until: float | None = None
    ) -> str:  # fmt: skip
        """Put a cause's record to what goes out next; return its line. `until` is when the cause ended, if it did."""
        seconds = (now if until is None else until) - since
        message = _line(rule, entity, seconds, is_over=until is not None)
        own = {
            "incident_id": f"{SILENCE}-{rule}-{entity}-{round(since * 1000)}",
            "kind": "silence",
            "state": state,
            "entity_id": entity,
            "rule": rule,
            "severity": "critical",
            "opened_at": since,
            "closed_at": until,
            "duration_seconds": seconds,
            "rules_version": self._version,
            "message": message,
            "topic": entity if rule == SOURCE else None,
            "event_time": now,
            "emitted_at": now,
            "schema_version": schemas.VERSION,
        }
        self._causes.append(dict.fromkeys(FIELDS) | own)
        return message


def _line(rule: str, entity: str, seconds: float, *, is_over: bool) -> str:
    """Return the operator's line about a cause."""
    lasted = duration(seconds)
    if rule == BROKER:
        return (
            f"[Kafka Kembali] Kafka menjawab lagi setelah {lasted}"
            if is_over
            else f"[Kafka Diam] Kafka tidak menjawab sejak {lasted}"
        )
    return (
        f"[Sumber Kembali] {entity}: ada data lagi setelah {lasted}"
        if is_over
        else f"[Sumber Diam] {entity}: tidak ada data sejak {lasted}"
    )
