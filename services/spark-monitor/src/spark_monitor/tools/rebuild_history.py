"""Rebuilds the history's minutes and hours: of each day from the archive, else from Kafka. The monitor may run.

What the monitor has yet to add from Kafka is left to it, so that nothing is counted twice. Incidents and refusals stay.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from sqlalchemy import Engine

from history import merge
from history.rebuild import fresh_tables, put_in_place
from rules.model import Rules
from spark_monitor.detection.decode import accepted, decode
from spark_monitor.engine import kafka_source
from spark_monitor.engine.archive import Archive
from spark_monitor.engine.archivist import begin_of, finished_days
from spark_monitor.engine.checkpoint_storage import storage_at
from spark_monitor.engine.checkpoints import Extent, Offsets
from spark_monitor.engine.session import open_session
from spark_monitor.engine.topics import Topics
from spark_monitor.history.minutes import keyed, summing
from spark_monitor.settings import MonitorSettings

Span = tuple[Offsets, Offsets]
"""From where, and until where."""

EVER = date(1970, 1, 1)

Say = Callable[[str], None]


def rebuild(config: MonitorSettings, database: Engine, rules: Rules, topics: Topics, say: Say) -> None:
    """Do it, and say how far it is.

    Raises KafkaException, OSError, SQLAlchemyError, `history.rebuild.BusyError`, and what Spark raises; then the tables
    are as they were.
    """
    with tempfile.TemporaryDirectory() as working:
        # In this process, also where the monitor has a cluster: its slots are taken.
        own = config.model_copy(update={"spark_master": None, "checkpoint_dir": Path(working)})
        spark = open_session(own, os.cpu_count() or 1)
        try:
            _Rebuilding(own, database, rules, topics, spark, say).run()
        finally:
            spark.stop()


@dataclass(frozen=True)
class _Rebuilding:
    config: MonitorSettings
    database: Engine
    rules: Rules
    topics: Topics
    spark: SparkSession
    say: Say

    def run(self) -> None:
        today = datetime.now(UTC).date()
        kafka = self.topics.extent(self.rules.topics)
        # Where the tables end is where the monitor begins.
        known = kafka.beginning(merge.positions(self.database))
        # Asked once: where a day has no message yet, it begins where the topic ends, which is elsewhere a moment later.
        offsets_at = cache(self._offsets_at)
        spans: dict[date, Span] = finished_days(kafka.first, offsets_at, today, EVER)
        spans[today] = (offsets_at(today), kafka.ends)
        archive = self._archive()
        archived = [] if archive is None else archive.days()
        days = sorted({*archived, *spans})
        with fresh_tables(self.database) as fresh:
            for number, day in enumerate(days, 1):
                readings: DataFrame | None
                if archive is not None and day in archived:
                    source, readings = "arsip", archive.read(day).where(~is_to_come(kafka, known, spans.get(day)))
                else:
                    start, end = spans[day]
                    source, readings = "Kafka", self._between(start, least(end, known))
                added = self._add(fresh, readings)
                self.say(f"{day.isoformat()}: {added} menit dari {source} ({number}/{len(days)})")
            put_in_place(self.database, lambda now: self._add_rest(fresh, known, now))

    def _add_rest(self, fresh: Engine, start: Offsets, now: Offsets) -> None:
        """Add what the monitor has added meanwhile."""
        end = {
            topic: {number: now.get(topic, {}).get(number, at) for number, at in of.items()}
            for topic, of in start.items()
        }
        self._add(fresh, self._between(start, end))

    @cached_property
    def summed(self) -> Callable[[DataFrame], DataFrame]:
        """What sums up a day's rows."""
        return summing(self.rules)

    def _offsets_at(self, day: date) -> Offsets:
        return self.topics.offsets_at(self.rules.topics, begin_of(day))

    def _archive(self) -> Archive | None:
        location = self.config.archive_location
        if location is None:
            return None
        return Archive(self.spark, storage_at(location, self.spark._jvm))  # noqa: SLF001 - the only way to Java

    def _between(self, start: Offsets, end: Offsets) -> DataFrame | None:
        """Return the readings between two offsets of each partition; None where there is nothing between any."""
        start = {
            topic: {number: offset for number, offset in of.items() if offset < end[topic][number]}
            for topic, of in start.items()
        }
        start = {topic: of for topic, of in start.items() if of}
        if not start:
            return None
        end = {topic: {number: end[topic][number] for number in of} for topic, of in start.items()}
        return accepted(decode(kafka_source.between(self.spark, self.config, start, end), self.rules))

    def _add(self, fresh: Engine, readings: DataFrame | None) -> int:
        """Add up readings, and put them into the fresh tables; return how many minutes they are."""
        if readings is None:
            return 0
        added = 0

        def lines() -> Iterator[str]:
            nonlocal added
            for row in self.summed(keyed(readings)).select("line").toLocalIterator():
                added += 1
                yield row.line

        oldest = datetime.now(UTC) - timedelta(days=self.config.history_minute_days)
        with fresh.begin() as connection:
            merge.add_minutes(connection, lines(), oldest)
        return added


def least(one: Offsets, other: Offsets) -> Offsets:
    """Return the lesser offset of each partition of the first."""
    return {
        topic: {number: min(offset, other[topic][number]) for number, offset in of.items()} for topic, of in one.items()
    }


def is_to_come(kafka: Extent, known: Offsets, span: Span | None) -> Column:
    """Say of a row of the archive whether the monitor will add it from Kafka: it lies behind where the tables end.

    `span`: where the row's day is in Kafka. Offsets of a day of which Kafka has nothing any more may be those of a
    topic that was made again since, and say nothing.
    """
    still = {
        f"{topic}-{number}": at
        for topic, of in (known if span is not None else {}).items()
        for number, at in of.items()
        if span is not None and span[1][topic][number] > kafka.first[topic][number]
    }
    place = F.concat_ws("-", "topic", "partition")
    return F.coalesce(*(F.when(place == name, F.col("offset") >= at) for name, at in still.items()), F.lit(False))
