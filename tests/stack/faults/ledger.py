"""The observer: writes numbered readings, keeps a ledger of those that Kafka acknowledged, and looks for each of them.

Every reading is above its limit, so it must come back as one alert in the topic and one line in the monitor's log.
"""

import json
import re
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from devstack.compose_project import Stack, eventually
from devstack.eventually import comes_true
from messages.topics import ALERTS, REFUSED, SUHU
from servicekit.publisher import NOT_KNOWN

TOPIC = SUHU
LIMIT, STEP, STEPS = 80, 0.01, 10_000
RESULT_SECONDS = 240
LOOK_EVERY_SECONDS = 0.2
FOLLOW_SECONDS = 60
"""Docker's log is opened again as often: one who follows may hear nothing more once it was rotated."""

BATCH_SECONDS = 0.02


@dataclass
class Row:
    """A line of the table: what was sent around a fault, and what became of it. Times in seconds."""

    fault: str
    acknowledged: int = 0
    processed: int | None = 0
    refused: int | None = 0
    lost: int = 0
    missing_lines: int = 0
    repeated_lines: int = 0
    repeated_results: int = 0
    seconds_to_recover: float | None = None
    remark: str = ""

    def cells(self) -> list[str]:
        """Return the line's cells as text."""
        recovered = "" if self.seconds_to_recover is None else f"{self.seconds_to_recover:.1f}"
        numbers = [self.acknowledged, self.processed, self.refused, self.lost, self.missing_lines, self.repeated_lines]
        return [
            self.fault,
            *("" if each is None else f"{each:,}" for each in [*numbers, self.repeated_results]),
            recovered,
            self.remark,
        ]


COLUMNS = (
    "fault", "acknowledged", "processed", "refused", "lost", "lines missing", "lines repeated",
    "results repeated", "recovered after s", "remark",
)  # fmt: skip


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [list(COLUMNS), ["---"] * len(COLUMNS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def headers_of(message: Message) -> dict[str, str]:
    """Return the headers of a refused message by the last part of their names."""
    headers: list[Any] = list(message.headers() or [])
    return {name.removeprefix("__connect.errors."): (value or b"").decode() for name, value in headers}


class MonitorLog(threading.Thread):
    """Follows what the monitor prints, over restarts: Docker keeps only the last megabytes of it.

    `found` grows by the groups of each line that matches, Docker's time stamp first.
    """

    def __init__(self, stack: Stack, pattern: str) -> None:
        super().__init__(daemon=True)
        self.found: list[tuple[str, ...]] = []
        self._stack = stack
        self._pattern = re.compile(pattern)
        self._since = f"{time.time():.3f}"
        self._taken: set[tuple[str, ...]] = set()
        self._logs: subprocess.Popen[bytes] | None = None
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Follow until told to end."""
        while not self._stop_event.is_set():
            self._read("--follow", "--since", self._since, seconds=FOLLOW_SECONDS)
            self._stop_event.wait(0.5)

    def end(self) -> None:
        """Follow no longer."""
        self._stop_event.set()
        # Again and again, as it may just be opening the log anew.
        while self.is_alive():
            if self._logs is not None:
                self._logs.terminate()
            self.join(LOOK_EVERY_SECONDS)

    def read_from_the_beginning(self) -> None:
        """Take what was passed over. One who follows more slowly than lines come misses the end of a rotated file.

        All of the log: asked for what came since a moment Docker 20.10 leaves out every file that it has compressed,
        where the oldest of them is older than that.
        """
        self._read()

    def _read(self, *options: str, seconds: float = 0) -> None:
        """Take the lines that Docker gives, for so many seconds at most; 0 is until it has no more."""
        (container,) = self._stack.containers("spark-monitor")
        read = ["timeout", str(seconds), "docker", "logs", "--timestamps", *options, container["Id"]]
        # The monitor may print thousands of lines a second: Python should see only those that are looked for.
        choose = ["grep", "--line-buffered", "--perl-regexp", self._pattern.pattern]
        with (
            subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as self._logs,
            subprocess.Popen(choose, stdin=self._logs.stdout, stdout=subprocess.PIPE, text=True) as chosen,
        ):
            assert chosen.stdout is not None
            for line in chosen.stdout:
                self._take(line)

    def _take(self, line: str) -> None:
        """Note a line; one that was there before the log was opened again is the same down to the nanosecond.

        By what was looked for: the last line may be cut off where Docker was no longer asked.
        """
        self._since = line.split(" ", 1)[0]
        match = self._pattern.match(line)
        if match and match.groups() not in self._taken:
            self._taken.add(match.groups())
            self.found.append(match.groups())


@dataclass
class Ledger:
    """Numbered readings of one fault. `name` marks their warehouses; a number is a warehouse and a value of it.

    `spread` warehouses take turns, so that as many partitions are tried as their names fall into.
    """

    stack: Stack
    name: str
    spread: int = 1
    acknowledged: dict[int, int] = field(default_factory=dict)
    """Number -> offset. Below 0 where Kafka says only that it has the reading already, from a try before."""

    sent_at: dict[int, float] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    must_be_refused: set[str] = field(default_factory=set)
    results: int = 0
    excess_lines: int = 0
    """How many lines came beyond one for each reading in Kafka: a number that was sent twice is two readings."""

    _errors: deque[KafkaError] = field(default_factory=lambda: deque(maxlen=5))
    _given_up: deque[tuple[bytes | None, str, int | None]] = field(default_factory=deque)
    """What the client gave up because the broker did not know the topic yet: it is sent again."""

    _next: int = 0

    def __post_init__(self) -> None:  # noqa: D105
        self._log = MonitorLog(
            self.stack, rf"^(\S+) \[Peringatan Suhu Tinggi\] Gudang {re.escape(self.name)}-(\d+): Suhu ([\d.]+)°C - "
        )
        self._log.start()
        self._producer = Producer(
            {
                "bootstrap.servers": self.stack.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 600_000,
                "queue.buffering.max.messages": 2_000_000,
                "message.max.bytes": 4_000_000,
                "reconnect.backoff.max.ms": 1000,
                "error_cb": self._errors.append,
            }
        )

        consumer = self._consumer()
        self._results_from = self._ends(consumer)
        consumer.close()

    def close(self) -> None:
        """Follow the monitor's log no longer."""
        self._log.end()

    def _consumer(self) -> Consumer:
        return Consumer({"bootstrap.servers": self.stack.bootstrap, "group.id": "ledger", "enable.auto.commit": False})

    @staticmethod
    # A broker that was lost leads again some seconds after it is back; the client learns that by asking.
    @retry(retry=retry_if_exception_type(KafkaException), stop=stop_after_delay(60), wait=wait_fixed(0.5), reraise=True)
    def _ends(consumer: Consumer) -> list[TopicPartition]:
        topics = consumer.list_topics(timeout=30).topics
        return [
            TopicPartition(topic, number, consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1])
            for topic in (ALERTS, REFUSED)
            for number in sorted(topics[topic].partitions)
        ]

    def send(self, count: int = 1, **changed: Any) -> None:
        """Send the next readings; `changed` replaces fields of the message."""
        for _ in range(count):
            number, self._next = self._next, self._next + 1
            self.sent_at[number] = at = time.time()
            reading = {"gudang_id": self.warehouse(number), "suhu": self.value(number), "timestamp": at}
            self._produce(json.dumps(reading | changed).encode(), self.warehouse(number), number)

    def send_again(self, message: dict[str, Any], number: int) -> None:
        """Send a message that was sent before."""
        self._produce(json.dumps(message).encode(), message["gudang_id"], number)

    def send_bad(self, message: bytes | None) -> None:
        """Send something that must be refused."""
        self._produce(message, "bad", None)

    def _produce(self, message: bytes | None, key: str, number: int | None) -> None:
        def delivered(error: KafkaError | None, kafka: Message) -> None:
            if error is not None and error.code() in NOT_KNOWN:
                self._given_up.append((message, key, number))
            elif error is not None:
                self.failed[error.name()] += 1
            elif number is None:
                self.must_be_refused.add(f"{kafka.topic()}-{kafka.partition()}-{kafka.offset()}")
            else:
                self.acknowledged[number] = kafka.offset() or 0

        while True:
            try:
                self._producer.produce(TOPIC, message, key, on_delivery=delivered)
                break
            except KafkaException as error:
                # Until the broker knows its topics, which it does within its start; anything else is a fault of ours.
                if error.args[0].code() not in NOT_KNOWN:
                    raise
                self._producer.poll(0.1)
        self._producer.poll(0)

    @contextmanager
    def stream(self, rate: float) -> Iterator[None]:
        """Send `rate` readings a second while the block runs, then until all of them are acknowledged."""
        done = threading.Event()

        def run() -> None:
            begun, sent = time.monotonic(), 0
            while not done.wait(BATCH_SECONDS):
                due = int((time.monotonic() - begun) * rate) - sent
                self.send(due)
                sent += due

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.flush()

    def flush(self) -> None:
        """Wait until every reading is acknowledged or failed."""

        def none_is_left() -> bool:
            for _ in range(len(self._given_up)):
                self._produce(*self._given_up.popleft())
            self._producer.flush(1)
            return not (len(self._producer) or self._given_up)

        eventually(none_is_left, lambda: f"not all readings acknowledged; {self._state()}", RESULT_SECONDS)

    def warehouse(self, number: int) -> str:
        """Return the warehouse of a number."""
        turns, turn = divmod(number, self.spread)
        return f"{self.name}-{turns // STEPS * self.spread + turn}"

    def number(self, warehouse: int, value: float) -> int:
        """Return the number of a warehouse's value."""
        before, turn = divmod(warehouse, self.spread)
        return (before * STEPS + round((value - LIMIT) / STEP) - 1) * self.spread + turn

    def value(self, number: int) -> float:
        """Return the temperature of a number, in °C."""
        return round(LIMIT + STEP * (1 + number // self.spread % STEPS), 2)

    def printed(self, after: int = 0) -> list[tuple[float, int]]:
        """Return when each line about a reading was printed (epoch seconds), and the reading's number.

        Without the first `after` lines: who looks often need not look at hundreds of thousands each time.
        """
        return [
            (Stack.seconds(stamp), self.number(int(warehouse), float(value)))
            for stamp, warehouse, value in self._log.found[after:]
        ]

    def wait_for_a_new_line(self, since: float, seconds: float = 150) -> float:
        """Wait until a reading sent after `since` is printed, one of each turn; return how long after it that was."""
        first: dict[int, float] = {}
        looked_at = 0

        def is_printed() -> bool:
            nonlocal looked_at
            lines = self.printed(looked_at)
            looked_at += len(lines)
            for at, number in lines:
                if self.sent_at[number] >= since:
                    first.setdefault(number % self.spread, at)
            return len(first) == self.spread

        eventually(
            is_printed,
            lambda: f"of {self.spread} only {len(first)} lines about readings sent since the fault; {self._state()}",
            seconds,
        )
        return max(first.values()) - since

    def _state(self) -> str:
        return (
            f"{self._next} sent, {len(self.acknowledged)} acknowledged, {len(self._producer)} wait for Kafka, "
            f"{len(self._given_up)} are to be sent again, failed {dict(self.failed)}, "
            f"the client said {list(self._errors)}, {len(self._log.found)} lines"
        )

    def account(self, fault: str, *, expect_gone: int = 0) -> Row:
        """Wait until every acknowledged reading has its result and its line; return what was found."""
        row = Row(fault, acknowledged=len(self.acknowledged) + len(self.must_be_refused))
        alerts, refusals = self._results(expect_gone)
        processed = self.acknowledged.keys() & set(alerts.values())
        row.processed = len(processed)
        row.refused = len(self.must_be_refused & refusals)
        row.lost = row.acknowledged - row.processed - row.refused
        row.repeated_results = self.results - len(alerts) - len(refusals)
        lines: Counter[int] = Counter()

        def all_are_printed() -> bool:
            lines.update(number for _, number in self.printed(lines.total()))
            return processed <= lines.keys()

        # What never comes is in the row.
        is_complete = comes_true(all_are_printed, RESULT_SECONDS, look_every=LOOK_EVERY_SECONDS)
        self._log.end()
        if not is_complete:
            self._log.read_from_the_beginning()
            all_are_printed()
        row.missing_lines = len(processed - lines.keys())
        row.repeated_lines = lines.total() - len(lines)
        self.excess_lines = (lines - Counter(alerts.values())).total()
        return row

    def _results(self, expect_gone: int) -> tuple[dict[str, int], set[str]]:
        """Read the monitor's topics, from where they ended at first, until all is there, or for RESULT_SECONDS.

        Returns the reading's number by alert_id, and the origins of the refused messages.
        """
        alerts: dict[str, int] = {}
        refusals: set[str] = set()
        self.results = 0
        reached = {(place.topic, place.partition): place.offset for place in self._results_from}
        consumer = self._consumer()
        consumer.assign(self._results_from)
        is_complete = False

        def was_complete_before() -> bool:
            """Read to the end; then repetitions, which come right behind the last result, are counted too."""
            nonlocal is_complete
            was_complete = is_complete
            ends = {(place.topic, place.partition): place.offset for place in self._ends(consumer)}
            while any(reached[place] < end for place, end in ends.items()):
                for message in consumer.consume(5000, 0.2):
                    if message.error() is None:
                        self._take(message, alerts, refusals)
                        reached[str(message.topic()), message.partition() or 0] = (message.offset() or 0) + 1
            missing = len(self.acknowledged.keys() - set(alerts.values())) + len(self.must_be_refused - refusals)
            is_complete = missing <= expect_gone
            return was_complete

        try:
            comes_true(was_complete_before, RESULT_SECONDS, look_every=LOOK_EVERY_SECONDS)
        finally:
            consumer.close()
        return alerts, refusals

    def _take(self, message: Message, alerts: dict[str, int], refusals: set[str]) -> None:
        if message.topic() == ALERTS:
            alert = json.loads(message.value() or b"{}")
            name, _, warehouse = alert["entity_id"].rpartition("-")
            if name == self.name:
                alerts[alert["alert_id"]] = self.number(int(warehouse), alert["value"])
                self.results += 1
        else:
            headers = headers_of(message)
            origin = f"{headers['topic']}-{headers['partition']}-{headers['offset']}"
            if origin in self.must_be_refused:
                refusals.add(origin)
                self.results += 1
