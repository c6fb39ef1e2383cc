"""When a query works in batches, and what is said of its backlog."""

from spark_monitor.engine.checkpoints import Extent
from spark_monitor.engine.gears import backlog_line, seconds_left, unread

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
