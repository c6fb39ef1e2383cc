"""Looks after what runs: health, figures, checkpoint boundaries, and reasons to give up."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from confluent_kafka import KafkaException
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]

from servicekit import heartbeat
from spark_monitor.console.display import MAX_ENTITIES, Display
from spark_monitor.engine.gears import LATE_SECONDS, WORTH_A_CHANGE, Gears
from spark_monitor.engine.queries import ALERTS_QUERY, WRITTEN_BY
from spark_monitor.engine.supervisor import SupervisedQuery, cause_of
from spark_monitor.engine.topics import Topics
from spark_monitor.health import breakdown
from spark_monitor.health.alarm_quality import AlarmQuality
from spark_monitor.health.breakdown import Breakdown
from spark_monitor.health.pulse import Pulse
from spark_monitor.health.throughput import Throughput
from spark_monitor.results.reporter import Reporter

events = structlog.get_logger()

TOPICS_SECONDS = 10
FIGURES_SECONDS = 60
REPORTER_MAY_LAG_SECONDS = 15
BATCH_MAY_TAKE_SECONDS = 120
"""One of the incidents' query, which otherwise has one every few seconds: after a stop it reads all that came since."""

JAVA_HAS_ENDED = (Py4JError, ConnectionError)
"""What a call to Spark raises then, depending on how far it had come. (`Py4JJavaError` is Java's own answer.)"""


@dataclass
class Watchdog:
    """What is looked at, once a `tick`. The queries `in_batches` and `beside` begin when alerts have been seen to come.

    Those `beside` may wait for what they write to: nothing else depends on them.
    """

    in_real_time: Sequence[SupervisedQuery]
    in_batches: Sequence[SupervisedQuery]
    beside: Sequence[SupervisedQuery]
    all_tasks_run: Callable[[], bool]
    reporter: Reporter
    tell: Callable[[str], None]
    display: Display
    figures: Throughput
    topics: Topics
    sources: Sequence[str]
    pulse: Pulse
    quality: AlarmQuality
    gears: Gears
    stalled: Sequence[str] = ()
    """The partitions with readings, but without results for two minutes."""
    batches: dict[str, int] = field(default_factory=dict)
    """The last batch of each query by its name."""
    ticked_at: float = field(default_factory=time.monotonic)
    """When the last tick ended, by the monotonic clock."""
    _watches: bool = False
    _is_overtaken: bool = False
    _incidents_at: float = 0
    _figures_at: float = field(default_factory=time.monotonic)
    _topics_at: float = field(default_factory=time.monotonic)

    @property
    def alert_batches(self) -> tuple[tuple[str, int], ...]:
        """The last batch of the alerts; while a backlog is worked off, every query's: the canary waits meanwhile."""
        batches = self.batches.copy()
        catching_up = self.gears.is_catching_up
        return tuple((name, batch) for name, batch in batches.items() if catching_up or name == ALERTS_QUERY)

    @property
    def _all(self) -> Sequence[SupervisedQuery]:
        return [*self.in_real_time, *self.in_batches]

    def tick(self) -> Breakdown | None:
        """Look once; return why the process can't go on, or None."""
        try:
            return self._look()
        except Py4JJavaError:
            raise
        except JAVA_HAS_ENDED:
            return breakdown.JAVA_ENDED
        finally:
            self.ticked_at = time.monotonic()

    def _look(self) -> Breakdown | None:
        self._pass_on_boundaries()
        self.gears.report()
        self._keep_up()
        reporter_keeps_up = self.reporter.seconds_behind() < REPORTER_MAY_LAG_SECONDS
        # A query is active before it has begun to read, so its tasks are what counts.
        is_well = reporter_keeps_up and not self.stalled and self.finds_incidents() and self.all_tasks_run()
        if is_well:
            self.pulse.begin()
        if is_well and self.pulse.chain_is_whole:
            heartbeat.beat()
            if not self._watches:
                self._begin_watching()
        if line := self.quality.flood(time.time()):
            self.tell(line)
        if time.monotonic() - self._figures_at >= FIGURES_SECONDS:
            self._figures_at += FIGURES_SECONDS
            self._log_figures()
        return self._reason_to_give_up()

    def _pass_on_boundaries(self) -> None:
        for query in self._all:
            batch = query.completed_batch()
            if batch is not None and batch != self.batches.get(query.query_name):
                self.batches[query.query_name] = batch
                if query in self.in_batches:
                    self._incidents_at = time.monotonic()
                # Without an answer the reporter remembers more than it must, until the next boundary.
                with contextlib.suppress(KafkaException):
                    self.reporter.boundary(self.topics.ends(WRITTEN_BY[query.query_name]))

    def _keep_up(self) -> None:
        """Let the queries work in batches when they fall behind."""
        if self.figures.take_seconds_late() < LATE_SECONDS or self.gears.is_catching_up:
            return
        with contextlib.suppress(KafkaException):
            if self.figures.lag(self.topics.extent(self.sources).ends) >= WORTH_A_CHANGE:
                # The canary's task ends when it has a pulse to read.
                self.pulse.send_soon()
                stateless = [query for query in self.in_real_time if query.query_name == ALERTS_QUERY]
                self.gears.change(self.in_real_time, stateless)
                # Until the queries have begun again, what was written before the stop is no news.
                self.figures.take_seconds_late()

    def _begin_watching(self) -> None:
        """Say so, and start what can wait: with it, an alert would come some seconds later after each start."""
        self._watches = True
        events.info("watching")
        self._incidents_at = time.monotonic()
        for query in [*self.in_batches, *self.beside]:
            query.start()

    def finds_incidents(self) -> bool:
        """Whether the incidents' query has had a batch within the time that one may take."""
        has_begun = self._watches and self.in_batches
        return not has_begun or time.monotonic() - self._incidents_at < BATCH_MAY_TAKE_SECONDS

    def _log_figures(self) -> None:
        try:
            kafka = self.topics.extent(self.sources)
            lag = self.figures.lag(kafka.ends)
            self._is_overtaken = self.figures.is_overtaken(kafka.first)
            self.stalled = self.figures.stalled(kafka.ends)
        except KafkaException as error:
            events.warning("Kafka does not say how far its topics are", cause=str(error))
            lag = None
        events.info("last minute", **self.figures.take(), lag=lag)
        events.info("alarm quality", **self.quality.figures(time.time()))
        if self.stalled:
            events.error("readings, but no results for two minutes: unhealthy", partitions=self.stalled)
        if self.display.is_full:
            events.warning(
                "more warehouses and machines than are remembered: does a sender invent names?", limit=MAX_ENTITIES
            )

    def _reason_to_give_up(self) -> Breakdown | None:
        for query in [*self._all, *self.beside]:
            if query.failure is not None:
                return breakdown.query_dies(query.query_name, cause_of(query.failure))
        if self._is_overtaken:
            # Spark would wait for the removed readings; a start says what is gone, and goes on behind it.
            return breakdown.OVERTAKEN
        if not self.reporter.is_alive():
            return breakdown.reporter_ended(self.reporter.failure)
        if time.monotonic() - self._topics_at >= TOPICS_SECONDS:
            self._topics_at = time.monotonic()
            if changed := self.topics.changed():
                # Slots and the reporter's partitions are fixed at the start.
                return breakdown.partitions_changed(changed)
        return None
