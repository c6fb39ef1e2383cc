"""A streaming query that dies is started again; one that keeps dying is given up."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from structlog.testing import capture_logs

from spark_monitor.engine import supervisor
from spark_monitor.engine.supervisor import SupervisedQuery

Start = Callable[[], StreamingQuery]


@pytest.fixture
def starter(spark: SparkSession, tmp_path: Path) -> Callable[[int], Start]:
    """Make a starter whose first `deaths` queries die of their first row."""

    def make(deaths: int) -> Start:
        source = tmp_path / "source"
        source.mkdir()
        (source / "row.json").write_text(json.dumps({"n": 1}))
        left = iter(range(deaths))

        def start() -> StreamingQuery:
            rows = spark.readStream.schema("n long").json(str(source))
            if next(left, None) is not None:
                rows = rows.select(F.raise_error(F.lit("out of cheese")))
            query: StreamingQuery = rows.writeStream.format("noop").outputMode("append").start()
            return query

        return start

    return make


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_death_is_logged_with_its_cause_and_answered_by_a_restart(
    starter: Callable[[int], Start], stop: threading.Event
) -> None:
    query = SupervisedQuery("alerts", starter(1), stop)
    with capture_logs() as logs:
        query.start()
        while len([log for log in logs if log["event"] == "query started"]) < 2:
            query.join(0.1)
            assert query.is_alive(), query.failure
    deaths = [log for log in logs if log["event"] == "query died"]
    assert len(deaths) == 1
    assert "out of cheese" in deaths[0]["cause"]
    assert "\tat org.apache" not in deaths[0]["cause"]
    stop.set()
    query.end()
    query.join(30)
    assert not query.is_alive()
    assert query.failure is None


def test_one_that_keeps_dying_is_given_up(
    starter: Callable[[int], Start], stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "DEATHS_IN_A_ROW", 2)
    query = SupervisedQuery("alerts", starter(99), stop)
    query.start()
    query.join(60)
    assert not query.is_alive()
    assert query.failure is not None
    assert "out of cheese" in str(query.failure)


def test_a_death_after_a_long_life_starts_the_count_anew(
    starter: Callable[[int], Start], stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "DEATHS_IN_A_ROW", 1)
    monkeypatch.setattr(supervisor, "STABLE_SECONDS", 0)
    query = SupervisedQuery("alerts", starter(3), stop)
    with capture_logs() as logs:
        query.start()
        while len([log for log in logs if log["event"] == "query started"]) < 4:
            query.join(0.1)
            assert query.is_alive(), query.failure
    stop.set()
    query.end()
    query.join(30)
    assert not query.is_alive()
