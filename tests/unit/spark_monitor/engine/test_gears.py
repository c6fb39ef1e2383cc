"""When a query works in batches, and what is said of its backlog."""

from pathlib import Path
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException

from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.checkpoints import Checkpoint, Extent
from spark_monitor.engine.gears import BACKLOG, Gears, backlog_line, seconds_left, unread

KAFKA = Extent(first={"suhu": {"0": 10, "1": 0}}, ends={"suhu": {"0": 110, "1": 50}})


def test_unread_is_what_lies_behind_the_checkpoint() -> None:
    assert unread(KAFKA, {"suhu": {"0": 100, "1": 50}}, {}) == 10


def test_what_was_never_read_begins_where_the_query_would() -> None:
    assert unread(KAFKA, {}, {"suhu": {"0": 110, "1": 20}}) == 30


def test_what_kafka_has_removed_is_not_to_be_read() -> None:
    """Spark's number for the first reading is -2."""
    assert unread(KAFKA, {"suhu": {"0": 3}}, {"suhu": {"0": -2, "1": -2}}) == 100 + 50


def test_a_topic_that_was_made_again_has_not_less_than_nothing() -> None:
    assert unread(KAFKA, {"suhu": {"0": 500, "1": 50}}, {}) == 0


def test_the_rest_takes_as_long_as_it_shrinks() -> None:
    assert seconds_left(before=100_000, now=80_000, seconds=10) == 40


def test_what_grows_has_no_end() -> None:
    assert seconds_left(before=80_000, now=80_000, seconds=10) is None


def test_the_operator_reads_how_much_is_left_and_for_how_long() -> None:
    assert backlog_line(812_000) == "[Mengejar Data] 812.000 bacaan belum diperiksa"
    assert backlog_line(812_000, 21) == "[Mengejar Data] 812.000 bacaan belum diperiksa, sekitar 21 detik lagi"


class Kafka:
    """What is asked of the topics: so many readings, or no answer."""

    unread: int | None = BACKLOG

    def extent(self, _names: Any) -> Extent:
        """Return what there is."""
        if self.unread is None:
            raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))
        return Extent({"suhu": {"0": 0}}, {"suhu": {"0": self.unread}})


def test_a_backlog_that_nobody_knows_is_not_called_over(tmp_path: Path) -> None:
    kafka, told = Kafka(), list[str]()
    extent = kafka.extent(())
    checkpoint = Checkpoint.take(LocalStoragePath(tmp_path), "alerts", {}, {}, extent)
    gears = Gears(cast(Any, kafka), {"alerts": checkpoint}, {"alerts": ["suhu"]}, told.append)
    assert gears.in_batches("alerts", {})
    kafka.unread = None
    assert gears.in_batches("alerts", {})
    assert told == ["[Mengejar Data] 20.000 bacaan belum diperiksa"]
    kafka.unread = BACKLOG - 1
    assert not gears.in_batches("alerts", {})
    assert told[1:] == ["[Mengejar Data] selesai: setiap bacaan kini diperiksa saat tiba"]
    kafka.unread = None
    assert not gears.in_batches("alerts", {})
