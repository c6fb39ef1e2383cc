"""When a query works in batches, and what is said of its backlog."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from spark_monitor.engine import gears
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
    found = Gears(cast(Any, kafka), {"alerts": checkpoint}, {"alerts": ["suhu"]}, told.append, None)
    assert found.in_batches("alerts", {})
    kafka.unread = None
    assert found.in_batches("alerts", {})
    assert told == ["[Mengejar Data] 20.000 bacaan belum diperiksa"]
    kafka.unread = BACKLOG - 1
    assert not found.in_batches("alerts", {})
    assert told[1:] == ["[Mengejar Data] selesai: setiap bacaan kini diperiksa saat tiba"]
    kafka.unread = None
    assert not found.in_batches("alerts", {})


def test_alerts_come_in_batches_while_the_status_is_waited_for(tmp_path: Path) -> None:
    """A few unread readings are no backlog that the operator is told of."""
    kafka, told, chosen = Kafka(), list[str](), list[bool]()
    kafka.unread = 3
    checkpoint = Checkpoint.take(LocalStoragePath(tmp_path), "alerts", {}, {}, kafka.extent(()))
    brake = Brake(told)
    found = Gears(cast(Any, kafka), {"alerts": checkpoint}, {"alerts": ["suhu"]}, told.append, brake)

    def at_boundary() -> bool:
        chosen.append(found.in_batches("alerts", {}))
        return len(chosen) > 1

    found.change(cast(Any, [Query(told, "status", at_boundary)]))
    assert chosen == [True, True]
    assert not found.in_batches("alerts", {})
    assert told == ["status", "released"]


class Query:
    """A query that completes batches; `at_boundary` says when it does."""

    def __init__(self, told: list[str], name: str, at_boundary: Callable[[], bool]) -> None:
        self.query_name = name
        self._told = told
        self._at_boundary = at_boundary

    def completed_batch(self) -> int:
        """Return the last one's number."""
        return int(self._at_boundary())

    def restart(self) -> None:
        """Note it."""
        self._told.append(self.query_name)


class Brake(AbstractContextManager[None]):
    """Notes when it is on."""

    def __init__(self, told: list[str]) -> None:
        self.is_on = False
        self._told = told

    def __enter__(self) -> None:
        """Note it."""
        self.is_on = True

    def __exit__(self, *_: object) -> None:
        """Note it."""
        self.is_on = False
        self._told.append("released")


def changed(brake: Brake | None, *queries: Query, stateless: Sequence[Query] = ()) -> None:
    Gears(cast(Any, Kafka()), {}, {}, lambda _line: None, brake).change(cast(Any, queries), cast(Any, stateless))


def test_queries_that_fall_behind_are_stopped_at_a_boundary_before_the_brake_is_released() -> None:
    told: list[str] = []
    brake = Brake(told)
    changed(brake, Query(told, "alerts", lambda: "status" in told), Query(told, "status", lambda: brake.is_on))
    assert told == ["status", "alerts", "released"]


def test_a_query_without_a_boundary_is_stopped_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gears, "BOUNDARY_SECONDS", 0)
    told: list[str] = []
    changed(Brake(told), Query(told, "alerts", lambda: False))
    assert told == ["alerts", "released"]


def test_out_of_the_brake_s_reach_nothing_is_waited_for() -> None:
    told: list[str] = []
    changed(None, Query(told, "alerts", lambda: False))
    assert told == ["alerts"]


def test_one_without_state_is_not_waited_for_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gears, "STATELESS_SECONDS", 0)
    told: list[str] = []
    alerts = Query(told, "alerts", lambda: False)
    changed(Brake(told), Query(told, "status", lambda: "alerts" in told), alerts, stateless=[alerts])
    assert told == ["alerts", "status", "released"]
