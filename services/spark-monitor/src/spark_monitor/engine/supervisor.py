"""Keeps one streaming query alive: a death is logged and answered by a restart, repeated deaths by giving up.

A query that ends by itself, as one in batches does, is started again.
"""

import threading
import time
from collections.abc import Callable

import structlog
from pyspark.errors import PySparkException
from pyspark.sql.streaming.query import StreamingQuery
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_not_exception_type,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
)

log = structlog.get_logger()

DEATHS_IN_A_ROW = 5
STABLE_SECONDS = 600
"""A query that lived this long dies for a new reason: the count starts again."""


class SupervisedQuery(threading.Thread):
    """Runs a query until `stop`. After too many deaths in a row `failure` holds the last cause and the thread ends."""

    def __init__(
        self,
        name: str,
        start_query: Callable[[], StreamingQuery],
        stop: threading.Event,
        stop_query: Callable[[StreamingQuery], None] = StreamingQuery.stop,
    ) -> None:
        super().__init__(name=f"query {name}", daemon=True)
        self.query_name = name
        self._start_query = start_query
        self._stop_query = stop_query
        self._stop_event = stop
        self._query: StreamingQuery | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Start the query, and again after each end."""
        try:
            while not self._stop_event.is_set():
                self._until_it_ends()
        except Exception as error:  # noqa: BLE001 - the main thread decides what it means
            self.failure = error

    def completed_batch(self) -> int | None:
        """Return the number of the last batch that Spark has checkpointed, or None before the first."""
        progress = self._query.lastProgress if self._query is not None else None
        return None if progress is None else int(progress["batchId"])

    @property
    def run_id(self) -> str | None:
        """What Spark calls the query's present life, None before the first."""
        return None if self._query is None else str(self._query.runId)

    def restart(self) -> None:
        """Stop the query, which is then started again."""
        if self._query is not None:
            self._query.stop()

    def end(self) -> None:
        """Stop the query; `stop` must be set before, or it would be restarted."""
        if self._query is not None:
            self._stop_query(self._query)

    def _until_it_ends(self) -> None:
        living = Retrying(
            retry=retry_if_not_exception_type(KeyboardInterrupt),
            wait=wait_exponential(multiplier=1, max=30),
            stop=stop_after_attempt(DEATHS_IN_A_ROW) | stop_when_event_set(self._stop_event),
            sleep=self._pause,
            before_sleep=self._note_death,
            reraise=True,
        )
        living(self._live)

    def _live(self) -> None:
        born = time.monotonic()
        self._query = self._start_query()
        log.info("query started", query=self.query_name, run_id=str(self._query.runId))
        try:
            self._query.awaitTermination()
        except PySparkException as death:
            if time.monotonic() - born < STABLE_SECONDS:
                raise
            log.error("query died", query=self.query_name, cause=cause_of(death))  # noqa: TRY400 - the JVM's stack says nothing

    def _note_death(self, attempt: RetryCallState) -> None:
        death = attempt.outcome.exception() if attempt.outcome else None
        log.error(
            "query died", query=self.query_name, cause=cause_of(death), death=attempt.attempt_number,
            restart_in_seconds=attempt.upcoming_sleep,
        )  # fmt: skip

    def _pause(self, seconds: float) -> None:
        self._stop_event.wait(seconds)


def cause_of(error: BaseException | None) -> str:
    """Return an error's text without the JVM's stack."""
    return str(error).split("\n\tat ", 1)[0].split("\nJVM stacktrace", 1)[0].strip()[:2000]
