"""Tails the monitor's own topics and prints what the operator reads: at once, each line once.

Where it is in the topics is noted on disk after each line (printed.py), and committed to Kafka each second. After a
restart Spark repeats what came since its last checkpoint boundary; to know those results again, the reporter reads its
topics back from before that boundary. The commit's metadata says from where.
"""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import structlog
from cachetools import LRUCache
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sensorkit.kafka_client import BOUNDED, CLIENT, ErrorLog, StepOver, wait_for_kafka
from sensorkit.plain import plain
from spark_monitor import records
from spark_monitor.bad_records import BadRecords
from spark_monitor.causes import BROKER
from spark_monitor.chain import Chain
from spark_monitor.checkpoints import Offsets, Repetition
from spark_monitor.display import Display
from spark_monitor.figures import Figures
from spark_monitor.outgoing import ALERTS, HEARTBEATS, INCIDENTS, REFUSED, STATUSES
from spark_monitor.printed import Printed
from spark_monitor.quality import MAX_INCIDENTS, Quality
from spark_monitor.records import origin_of
from spark_monitor.seen import Seen

log = structlog.get_logger()

TOPICS = (ALERTS, STATUSES, REFUSED, INCIDENTS, HEARTBEATS)
GROUP = "spark-monitor"
COMMIT_SECONDS = 1

DUE_SECONDS = 0.5
"""How often it is looked whether a line that was held back is due."""

CAUGHT_UP_SECONDS = 5
KAFKA_SECONDS = 10

Place = tuple[str, int]
"""A topic and a partition's number."""

Known = tuple[TopicPartition, int, int]
"""What is committed of a partition, its first offset, and its end."""


@dataclass(frozen=True, slots=True)
class Result:
    """A message of one of the monitor's topics; `written_at` is Kafka's timestamp in epoch seconds, at most now."""

    place: Place
    offset: int
    value: bytes
    written_at: float
    message: Any

    @classmethod
    def of(cls, message: Any) -> Self:  # noqa: ANN401 - the client's own type has every part optional
        """Take what is needed from a message without an error."""
        # A record's writer says when it was: what is counted by the minute must not wait for a time to come.
        written_at = min(message.timestamp()[1] / 1000, time.time())
        return cls(
            (message.topic(), message.partition()), message.offset(), message.value() or b"", written_at, message
        )

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """The headers; the client decodes them only now. Raises UnicodeError."""
        headers: list[tuple[str, bytes | None]] = self.message.headers() or []
        return headers


class Reporter(threading.Thread):
    """The printing thread. Ends when asked to (`finish`), or with an error in `failure`."""

    def __init__(
        self,
        bootstrap_servers: str,
        partitions: Mapping[str, int],
        display: Display,
        figures: Figures,
        out: TextIO,
        *,
        quality: Quality,
        chain: Chain,
        may_repeat: Mapping[str, Repetition],
        notes: Path,
    ) -> None:
        """`partitions`: how many each topic has; `notes`: a folder.

        `may_repeat`: which results of each topic may come again, so have to be remembered.
        """
        super().__init__(name="reporter", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": GROUP,
                "client.id": "spark-monitor-reporter",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # Fetched in small pieces of each topic: a flood of statuses must not stand in line before an alert.
                "max.partition.fetch.bytes": 64 * 1024,
                "queued.max.messages.kbytes": 256,
                # Fetch on as soon as there is room: the default waits a second, which makes 5,000 results a second.
                "fetch.queue.backoff.ms": 1,
                "on_commit": self._on_commit,
                "error_cb": ErrorLog(),
                **BOUNDED,
                **CLIENT,
            }
        )
        self._step_over = StepOver()
        self._partitions = partitions
        self._display = display
        self._figures = figures
        self._quality = quality
        self._chain = chain
        self._out = out
        self._may_repeat = may_repeat
        self._notes = notes
        self._printed: dict[Place, Printed] = {}
        self._seen: dict[Place, Seen] = defaultdict(Seen)
        self._positions: dict[Place, int] = {}
        self._printed_until: dict[Place, int] = {}
        self._read_back_from: dict[Place, int] = {}
        self._at_last_boundary: dict[Place, int] = {}
        self._uncommitted: set[Place] = set()
        self._committed_at = 0.0
        self._looked_for_due_at = 0.0
        self._boundaries_told: deque[tuple[Place, int]] = deque()
        self._boundaries_ahead: dict[Place, deque[int]] = defaultdict(deque)
        self._told: deque[str] = deque()
        self._bad = BadRecords()
        self._read_status = records.status_reader(display.combined_streams)
        self._incidents: LRUCache[tuple[str, str, float | None], bool] = LRUCache(MAX_INCIDENTS)
        self._finish = threading.Event()
        self._has_news = False
        self._caught_up_at = 0.0
        self._result_at: dict[str, float] = {}
        self._handlers = {
            ALERTS: self._alert,
            STATUSES: self._status,
            REFUSED: self._refusal,
            INCIDENTS: self._incident,
            HEARTBEATS: self._heartbeat,
        }
        self.failure: Exception | None = None

    def run(self) -> None:
        """Print until told to finish."""
        try:
            # The broker may just have started: it has its topics, but does not say yet what was committed.
            known = wait_for_kafka(self._ask, self._finish, serve=lambda: self._consumer.poll(0))
            if known is None:
                return
            self._assign(known)
            while not self._finish.is_set():
                self._step()
            ends = self._ends()
            while any(self._positions[place] < end for place, end in ends.items()):
                self._step()
            self._tell_of_bad_records(math.inf)
            self._commit(asynchronous=False)
        except Exception as error:  # noqa: BLE001 - the main thread decides what an error means
            self.failure = error
        finally:
            self._consumer.close()

    def seconds_behind(self) -> float:
        """Return for how long the reporter has not been at the end of its topics."""
        return time.monotonic() - self._caught_up_at

    def last_result_at(self, topics: Collection[str] = TOPICS) -> float:
        """Return when a result of some topics last came, by the monotonic clock; 0 before the first."""
        return max((self._result_at.get(topic, 0.0) for topic in topics), default=0.0)

    def boundary(self, ends: Offsets) -> None:
        """Say that a query has completed a checkpoint, and where its topics ended then.

        Nothing that stands before an end is repeated behind the next one. It counts when this thread has read as far:
        of what came before the end there may be repetitions that it has not read yet.
        """
        for topic, partitions in ends.items():
            self._boundaries_told.extend(((topic, int(number)), end) for number, end in partitions.items())

    def tell(self, line: str) -> None:
        """Print a line that stands in no topic."""
        self._told.append(line)

    def finish(self) -> None:
        """Print what is in the topics now, then end. Call when the queries have stopped."""
        self._finish.set()

    def _ask(self) -> list[Known]:
        """Return what Kafka knows of each partition. Raises KafkaException."""
        everywhere = [TopicPartition(topic, number) for topic in TOPICS for number in range(self._partitions[topic])]
        return [
            (committed, *self._consumer.get_watermark_offsets(committed, timeout=KAFKA_SECONDS))
            for committed in self._consumer.committed(everywhere, timeout=KAFKA_SECONDS)
        ]

    def _assign(self, known: list[Known]) -> None:
        """Start each partition where reading back must begin."""
        starts = []
        for committed, first, end in known:
            place = (committed.topic, committed.partition)
            self._printed[place] = Printed(self._notes, *place)
            # Beyond the end: the topic was made anew, and nothing of it is printed yet. Below 0: nothing was ever.
            is_known = 0 <= committed.offset <= end
            printed_until = max(self._printed[place].until(committed.offset, end), first) if is_known else first
            read_back_from = {
                "everything": first,
                "since the last boundary": int(committed.metadata or first),
                "nothing": printed_until,
            }[self._may_repeat.get(committed.topic, "since the last boundary")]
            start = min(max(read_back_from, first), printed_until)
            # In place of what an earlier Kafka may have left there.
            self._printed[place].note(printed_until)
            self._printed_until[place] = printed_until
            self._positions[place] = self._read_back_from[place] = self._at_last_boundary[place] = start
            if place[0] == HEARTBEATS:
                self._chain.results_read(start)
            starts.append(TopicPartition(*place, start))
        self._consumer.assign(starts)
        self._uncommitted.update(self._positions)
        self._commit(asynchronous=False)

    def _step(self) -> None:
        message = self._consumer.poll(DUE_SECONDS)
        if message is None:
            self._caught_up_at = time.monotonic()
        elif error := message.error():
            self._note_error(message, error)
        else:
            self._take(Result.of(message))
        if time.monotonic() - self._looked_for_due_at >= DUE_SECONDS:
            self._looked_for_due_at = time.monotonic()
            self._print(self._due())
            self._tell_of_bad_records(time.monotonic())
        while self._told:
            self._print([self._told.popleft()])
        while self._boundaries_told:
            place, end = self._boundaries_told.popleft()
            self._boundaries_ahead[place].append(end)
            self._pass_boundaries(place)
        if self._uncommitted and time.monotonic() - self._committed_at >= COMMIT_SECONDS:
            self._commit(asynchronous=True)

    def _note_error(self, message: Message, error: KafkaError) -> None:
        """Log what the client says; step over a batch that it cannot read, and tell of it like of any bad record."""
        offset = self._step_over(self._consumer, message)
        if offset is None:
            log.warning("Kafka client", cause=error.str())
            return
        place = (str(message.topic()), message.partition() or 0)
        self._positions[place] = offset + 1
        if offset >= self._printed_until[place]:
            self._printed[place].note(offset + 1)
            self._uncommitted.add(place)
            self._bad.add(place[0], "-".join(map(str, (*place, offset))), error.str())
            self._tell_of_bad_records(time.monotonic())

    def _take(self, result: Result) -> None:
        is_new = result.offset >= self._printed_until[result.place]
        try:
            lines = self._handlers[result.place[0]](result, is_new=is_new)
        except Exception as error:  # noqa: BLE001 - anybody may write to the topics; no record may end the printing
            lines = []
            if is_new:
                place = "-".join(map(str, (*result.place, result.offset)))
                self._bad.add(result.place[0], place, f"{type(error).__name__}: {error}")
                self._tell_of_bad_records(time.monotonic())
        else:
            self._result_at[result.place[0]] = time.monotonic()
        self._positions[result.place] = result.offset + 1
        if is_new:
            self._print(lines)
            self._printed[result.place].note(result.offset + 1)
            self._uncommitted.add(result.place)
            # The canary's would say so however many alerts are still to be read.
            if result.place[0] != HEARTBEATS and time.time() - result.written_at < CAUGHT_UP_SECONDS:
                self._caught_up_at = time.monotonic()
        self._pass_boundaries(result.place)

    def _due(self) -> list[str]:
        try:
            return self._display.due(time.time())
        except Exception as error:  # noqa: BLE001 - it comes of a record, too
            log.warning("a status that was held back is not shown", cause=repr(error))
            return []

    def _tell_of_bad_records(self, now: float) -> None:
        for passed in self._bad.due(now):
            self._print([passed.line])
            log.warning(
                "not records of the monitor: passed over",
                topic=passed.topic, count=passed.count, last=passed.place, cause=passed.cause,
            )  # fmt: skip

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._out.write("".join(f"{plain(line)}\n" for line in lines))
            self._out.flush()

    def _alert(self, result: Result, *, is_new: bool) -> list[str]:
        alert = records.alert(result.value)
        partition, offset = origin_of(alert["alert_id"])
        self._figures.alerted(partition, offset, count=is_new)
        if not self._is_first(result, f"{partition} {alert['rule']}", offset):
            return []
        lines = self._display.alert(alert, offset)
        if is_new:
            self._figures.alert(time.time() - alert["received_at"])
            self._quality.alert(result.written_at)
        return lines

    def _status(self, result: Result, *, is_new: bool) -> list[str]:
        status = self._read_status(result.value)
        partition, offset = origin_of(status["status_id"])
        self._figures.judged(partition, offset, count=is_new)
        is_first = self._is_first(result, f"{partition} {status['rule']}", offset)
        # A status that is read back was shown in its time.
        now = time.time() if is_new else status["received_at"]
        if is_new and not self._has_news:
            self._has_news = True
            self._display.expect_backlog(now)
        lines = self._display.status(status, offset, now, is_repeated=not is_first)
        if is_new and is_first:
            self._figures.status(now - status["received_at"])
        return lines

    def _refusal(self, result: Result, *, is_new: bool) -> list[str]:
        refusal = records.refusal(result.headers)
        partition, offset = f"{refusal['topic']}-{refusal['partition']}", refusal["offset"]
        self._figures.refused(partition, offset, count=is_new)
        if self._is_first(result, partition, offset) and is_new:
            self._figures.refusal(refusal["reason"])
            log.debug("refused", **refusal)
        return []

    def _incident(self, result: Result, *, is_new: bool) -> list[str]:
        record = records.incident(result.value)
        self._quality.incident(record, result.written_at)
        # An incident opens and closes once; it may be reminded of again, but not of the same moment.
        moment = None if record["state"] in {"opened", "closed"} else record["emitted_at"]
        told = (record["incident_id"], record["state"], moment)
        if told in self._incidents:
            return []
        self._incidents[told] = True
        # That Kafka is silent was told when it was, not through Kafka.
        return [record["message"]] if is_new and record["rule"] != BROKER else []

    def _heartbeat(self, result: Result, *, is_new: bool) -> list[str]:
        self._chain.results_read(result.offset + 1)
        record = records.heartbeat(result.value)
        if is_new:
            self._chain.returned(int(record["value"]))
        return []

    def _is_first(self, result: Result, series: str, offset: int) -> bool:
        # A query without its checkpoint repeats all there is, through many boundaries.
        is_old = result.offset < self._printed_until[result.place]
        for_good = is_old and self._may_repeat.get(result.place[0]) == "everything"
        return self._seen[result.place].add(series, offset, for_good=for_good)

    def _pass_boundaries(self, place: Place) -> None:
        """Move up to where reading back would begin, and forget what will not be repeated.

        By one boundary less than possible: the query went on before it was asked where its topics end.
        """
        ahead = self._boundaries_ahead[place]
        while ahead and ahead[0] <= self._positions[place]:
            self._read_back_from[place] = self._at_last_boundary[place]
            self._at_last_boundary[place] = ahead.popleft()
            self._uncommitted.add(place)
            self._seen[place].start_generation()

    def _commit(self, *, asynchronous: bool) -> None:
        self._committed_at = time.monotonic()
        offsets = [
            TopicPartition(
                *place, max(self._positions[place], self._printed_until[place]), str(self._read_back_from[place])
            )
            for place in self._uncommitted
        ]
        self._uncommitted.clear()
        if offsets:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=asynchronous)  # type: ignore[call-overload]
            except KafkaException as error:
                log.warning("position not committed", cause=str(error))

    def _on_commit(self, error: KafkaError | None, _partitions: list[TopicPartition]) -> None:
        if error is not None:
            log.warning("position not committed", cause=error.str())

    def _ends(self) -> dict[Place, int]:
        """Return the end offset of each partition as it is now."""
        return {
            place: self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=KAFKA_SECONDS)[1]
            for place in self._positions
        }
