"""The history's query: batches of readings into the database, beside the real-time queries and without their notice.

The offsets in the database decide where it goes on. Spark's own checkpoint lives as long as the query and is thrown
away at each start, so nothing is counted twice or lost, whichever of the two was restored, removed or ahead.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential

from history import merge, retention
from history.upgrade import NewerError, upgrade
from rules.model import Rules
from spark_monitor.detection.decode import decode
from spark_monitor.engine.checkpoint_storage import StoragePath
from spark_monitor.engine.checkpoints import Extent, Offsets, planned_offsets
from spark_monitor.engine.micro_batches import BatchError, with_short_errors
from spark_monitor.history.minutes import READINGS, keyed, summing

TRIGGER_SECONDS = 10
MESSAGES_AT_ONCE = 200_000
"""What a batch of so many makes of one row each fits into the memory."""

RETENTION_SECONDS = 3600
MOST_SECONDS_BETWEEN_TRIES = 10
TAG = "[Riwayat]"

log = structlog.get_logger()


class History:
    """The database as those see it who write. It may be away: then they wait, and the operator is told. Thread-safe."""

    def __init__(self, engine: Engine, days: int, tell: Callable[[str], None], stop: threading.Event) -> None:
        """`days`: how long minutes are kept. `tell` takes lines for the operator."""
        self._engine = engine
        self._days = days
        self._tell = tell
        self._stop = stop
        # One writes at a time, as in the database, and one tries whether it is back.
        self._lock = threading.Lock()
        self._is_away = False
        self._kept_at: datetime | None = None

    def open(self, topics: Callable[[], Extent]) -> Offsets:
        """Wait for the database as long as it takes; return where the query begins. Raises BatchError once stopped.

        `topics` tells what Kafka has: what it has removed is not waited for, and a topic that was made again begins.
        """
        with self._lock:
            found: Offsets | None = self._patiently(lambda: self._opened(topics()))
        if found is None:
            raise BatchError("stopped while the history's database was away")
        return found

    def add(self, batch: merge.Batch) -> None:
        """Take a batch in. Raises ElsewhereError where the tables do not end where it begins."""
        with self._lock:
            self._patiently(lambda: self._merged(batch))

    def _opened(self, kafka: Extent) -> Offsets:
        upgrade(self._engine)
        known = merge.positions(self._engine)
        starting = kafka.beginning(known)
        for topic, partitions in kafka.gone(known).items():
            gone = sum(kafka.first[topic][number] - offset for number, offset in partitions.items())
            log.error(
                "messages are gone: they outlived their retention before the history had them", topic=topic, n=gone
            )
            self._tell(f"{TAG} {gone} pesan dari {topic} hilang: dihapus Kafka sebelum tersimpan")
        merge.start_at(self._engine, starting)
        return starting

    def _merged(self, batch: merge.Batch) -> None:
        now = datetime.now(UTC)
        if self._is_away:
            # What came back may be another database.
            upgrade(self._engine)
        if self._kept_at is None or now - self._kept_at >= timedelta(seconds=RETENTION_SECONDS):
            with self._engine.begin() as connection:
                for month in retention.keep(connection, self._days, now):
                    log.info("minutes removed", month=f"{month:%Y-%m}")
            self._kept_at = now
        merge.merge(self._engine, batch, now - timedelta(days=self._days))

    def _patiently(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work returns
        """Do something with the database until it is there. Once stopped: return None."""
        trying = Retrying(
            retry=retry_if_exception_type((SQLAlchemyError, NewerError)),
            stop=stop_when_event_set(self._stop),
            wait=wait_exponential(max=MOST_SECONDS_BETWEEN_TRIES),
            sleep=self._pause,
            before_sleep=self._note_failure,
            retry_error_callback=lambda _attempt: None,
        )
        done = trying(work)
        if self._is_away and not self._stop.is_set():
            self._is_away = False
            log.info("history goes on")
            self._tell(f"{TAG} basis data tersambung lagi, bacaan yang tertunda sedang disimpan")
        return done

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _note_failure(self, attempt: Any) -> None:  # noqa: ANN401 - tenacity's
        cause = _first_line(attempt.outcome.exception())
        log.warning("cannot write the history", cause=cause)
        if not self._is_away:
            self._is_away = True
            self._tell(
                f"{TAG} tidak dapat menulis ke basis data ({cause}); alarm tetap berjalan, bacaan menunggu di Kafka"
            )


def start(
    messages: DataFrame, rules: Rules, history: History, folder: StoragePath, starting: Offsets
) -> StreamingQuery:
    """Start the query on Kafka's messages from `starting`; `folder` has its checkpoint, and nothing else."""
    query: StreamingQuery = (
        keyed(decode(messages, rules))
        .writeStream.queryName("history")
        .foreachBatch(_adder(history, summing(rules), folder, starting))
        .option("checkpointLocation", str(folder))
        .trigger(processingTime=f"{TRIGGER_SECONDS} seconds")
        .start()
    )
    return query


def _adder(
    history: History, summed: Callable[[DataFrame], DataFrame], folder: StoragePath, starting: Offsets
) -> Callable[[DataFrame, int], None]:
    """Return what takes a batch into the history. `starting`: where the first one begins."""
    at = starting

    @with_short_errors
    def add(batch: DataFrame, number: int) -> None:
        nonlocal at
        # Spark notes where a batch ends before it begins.
        end = planned_offsets(folder, number)
        history.add(batch_of(summed(batch), at, end))
        at = end

    return add


def batch_of(rows: DataFrame, start: Offsets, end: Offsets) -> merge.Batch:
    """Return what the rows of `summing` hold."""
    lines: list[str] = []
    refusals: dict[tuple[str, str, float], int] = {}
    for row in rows.rdd.toLocalIterator():
        if row.kind == READINGS:
            lines.append(row.line)
        else:
            refusals[row.topic, row.reason, float(row.minute)] = row.n
    return merge.Batch(start, end, lines, refusals)


def _first_line(error: BaseException | None) -> str:
    """Return what PostgreSQL or its driver said, without what SQLAlchemy adds."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0][:200] if said else repr(error)
