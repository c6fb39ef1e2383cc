"""What is asked of the history is what pandas computes from the readings."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, event, text
from tests.integration.history.readings import LIMIT, batch, frame
from tests.integration.history.test_merge import record

from history import partitions, quality
from history.figures import figures
from history.incidents import events, incidents
from history.merge import Batch, IncidentRecord, merge
from history.period import Period
from history.series import series

JAKARTA = ZoneInfo("Asia/Jakarta")
DAY = Period.of_day(date(2026, 11, 22), JAKARTA)
BEGIN = DAY.start.timestamp()
LATER = DAY.end + timedelta(days=30)


def day_of(sensor: str, interval: float, seed: int, without: tuple[float, float] = (0, 0)) -> pd.DataFrame:
    """Return a day of readings, but none between two hours."""
    dice = np.random.default_rng(seed)
    times = np.arange(BEGIN, BEGIN + 86_400, interval) + dice.uniform(0, interval / 4, round(86_400 / interval))
    hours = (times - BEGIN) / 3600
    values = (78 + 4 * np.sin(hours / 24 * 6.28) + dice.normal(0, 0.5, len(times))).round(2)
    kept = (hours < without[0]) | (hours >= without[1])
    return frame([("G1", sensor, *each) for each in zip(times[kept], values[kept], strict=True)])


def test_the_figures_of_a_day_are_exact(database: Engine) -> None:
    readings = day_of("a", 60, seed=1, without=(5, 7.5))
    merge(database, batch(readings, 0, 1))
    merge(database, batch(day_of("b", 600, seed=2), 1, 2))
    with database.connect() as connection:
        found, other = figures(connection, "G1", "suhu", DAY, now=LATER)
    assert (found.sensor_id, other.sensor_id) == ("a", "b")
    value = readings.value
    assert found.n == len(value)
    assert (found.min, found.max) == (value.min(), value.max())
    assert found.min_at.timestamp() == pytest.approx(readings.time[int(value.argmin())], abs=1e-6)
    assert found.max_at.timestamp() == pytest.approx(readings.time[int(value.argmax())], abs=1e-6)
    assert found.mean == pytest.approx(value.mean(), rel=1e-9)
    mkt = 10_000 / -np.log(np.exp(-10_000 / (value + 273.15)).mean()) - 273.15
    assert found.mkt == pytest.approx(mkt, rel=1e-9)
    assert found.interval == pytest.approx(60, rel=0.05)
    assert found.seconds_beyond["suhu_tinggi"] == pytest.approx((value > LIMIT).sum() * 60, rel=0.05)
    (gap,) = found.gaps
    assert gap.seconds == pytest.approx(2.5 * 3600, abs=150)
    assert found.coverage == pytest.approx(1 - 2.5 / 24, abs=0.005)
    assert (other.gaps, other.coverage) == ((), 1.0)


@pytest.mark.parametrize("minutes", [(0, 90), (17, 1213), (30, 45), (59, 61)])
def test_a_period_may_cut_hours(database: Engine, minutes: tuple[int, int]) -> None:
    readings = day_of("a", 20, seed=3)
    merge(database, batch(readings, 0, 1))
    start, end = (DAY.start + timedelta(minutes=each) for each in minutes)
    value = readings.value[readings.time.between(start.timestamp(), end.timestamp(), inclusive="left")]
    with database.connect() as connection:
        (found,) = figures(connection, "G1", "suhu", Period(start, end), now=LATER)
    assert (found.n, found.min, found.max) == (len(value), value.min(), value.max())
    assert found.mean == pytest.approx(value.mean(), rel=1e-9)


def test_of_an_unknown_place_there_is_nothing(database: Engine) -> None:
    with database.connect() as connection:
        assert figures(connection, "G9", "suhu", DAY) == []
        assert series(connection, "G9", "suhu", DAY, 300) == []


@pytest.mark.parametrize("points", [10, 300, 5000])
def test_no_peak_is_lost_by_thinning(database: Engine, points: int) -> None:
    readings = day_of("a", 20, seed=4)
    readings.loc[2000, "value"] = 95.0
    merge(database, batch(readings, 0, 1))
    with database.connect() as connection:
        (found,) = series(connection, "G1", "suhu", DAY, points, now=LATER)
    assert len(found.points) <= points
    assert max(each.max for each in found.points) == 95.0
    assert min(each.min for each in found.points) == readings.value.min()
    assert sum(each.n for each in found.points) == len(readings)
    assert found.gaps == ()


def test_a_month_is_shown_by_the_hour(database: Engine) -> None:
    merge(database, batch(day_of("a", 20, seed=5), 0, 1))
    month = Period.of_day(date(2026, 11, 1), JAKARTA, days=30)
    with database.connect() as connection:
        (found,) = series(connection, "G1", "suhu", month, 1000, now=LATER)
    assert len(found.points) == 24
    assert [round(each.seconds / 86_400) for each in found.gaps] == [21, 8]


def test_no_line_crosses_a_gap_and_the_system_s_own_absence_is_said(database: Engine) -> None:
    merge(database, batch(day_of("a", 20, seed=6, without=(5, 7)), 0, 1))
    canary = day_of("", 5, seed=7, without=(4, 8)).assign(entity_id="spark-monitor")
    merge(database, batch(canary, 1, 2))
    with database.connect() as connection:
        (found,) = series(connection, "G1", "suhu", DAY, 300, canary=("spark-monitor", "suhu"), now=LATER)
        (unasked,) = series(connection, "G1", "suhu", DAY, 300, now=LATER)
    assert [each.kind for each in found.gaps] == ["system"]
    assert [each.kind for each in unasked.gaps] == ["sensor"]
    start, end = found.gaps[0].start, found.gaps[0].end
    assert not [each for each in found.points if start + timedelta(minutes=6) < each.at < end - timedelta(minutes=6)]


def test_the_incidents_of_a_period_are_those_that_were_open_in_it(database: Engine) -> None:
    def incident(name: str, opened: float, closed: float | None) -> dict[str, Any]:
        return record("closed" if closed else "opened", opened, incident_id=name, opened_at=opened, closed_at=closed)

    records = [
        incident("before", BEGIN - 7200, BEGIN - 3600),
        incident("into", BEGIN - 3600, BEGIN + 60),
        incident("open", BEGIN + 3600, None),
        incident("after", BEGIN + 90_000, None),
    ]
    put = [IncidentRecord(0, number, each) for number, each in enumerate(records)]
    merge(database, Batch({"i": {"0": 0}}, {"i": {"0": 4}}, incidents=put))
    with database.connect() as connection:
        found = incidents(connection, DAY, "G1")
        assert [each["incident_id"] for each in found] == ["open", "into"]
        assert [each["state"] for each in events(connection, ["into"])] == ["closed"]
        assert incidents(connection, DAY, "G9") == []


@pytest.fixture
def month(database: Engine) -> Engine:
    """Return a database with 40 days of five sensors, a reading a minute."""
    begin = datetime.fromtimestamp(BEGIN, UTC) - timedelta(days=20)
    numbers = text(
        "INSERT INTO sensor (stream, entity_id, sensor_id) SELECT 'suhu', 'G' || g, 's' FROM generate_series(1, 5) AS g"
    )
    values = "80, {0}, 80, {0}, 80 * {1}, {0}, {0}, 1e-12 * {1}, {1}, 0, 0, NULL"
    rows = "INSERT INTO {0} SELECT id, t, {1} FROM sensor, generate_series(:begin, :end, interval '1 {0}') AS t"
    with database.begin() as connection:
        partitions.make(connection, map(partitions.month_of, [begin, DAY.start, LATER]))
        connection.execute(numbers)
        period = {"begin": begin, "end": begin + timedelta(days=40)}
        connection.execute(text(rows.format("minute", values.format("t", 1))), period)
        connection.execute(text(rows.format("hour", values.format("t", 60))), period)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return database


def test_questions_are_answered_by_the_indexes(month: Engine) -> None:
    """No plan reads a table of intervals from its beginning."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _k: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(month, "before_cursor_execute", note)
    with month.connect() as connection:
        series(connection, "G1", "suhu", DAY, 300, now=LATER)
        series(connection, "G1", "suhu", Period(DAY.start, LATER), 300, now=LATER)
        figures(connection, "G1", "suhu", Period(DAY.start - timedelta(days=10, minutes=7), DAY.end), now=LATER)
        plans = [plan(connection, *each) for each in list(asked)]
    intervals = [each for each in plans if "minute" in each or "hour" in each]
    assert len(intervals) >= 6
    assert not [each for each in intervals if "Seq Scan on minute" in each or "Seq Scan on hour" in each]


def plan(connection: Connection, statement: str, parameters: Any) -> str:
    found = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    return "\n".join(found.scalars())


def test_a_day_s_refusals_and_openings(database: Engine) -> None:
    minute = BEGIN + 600
    refused = {("t", "InvalidJson", minute): 3, ("t", "InvalidValue", minute): 5, ("t", "InvalidJson", BEGIN - 600): 9}
    records = [
        record("opened", opened, incident_id=name, opened_at=opened, closed_at=closed, kind=kind)
        for name, kind, opened, closed in [
            ("before", "threshold", BEGIN - 9e5, None),
            ("ended before", "threshold", BEGIN - 9e5, BEGIN - 8e5),
            ("over", "threshold", minute, minute + 5),
            ("open", "silence", minute + 1, None),
            ("shelf", "shelf", minute + 2, None),
        ]
    ]
    put = [IncidentRecord(0, number, each) for number, each in enumerate(records)]
    merge(database, Batch({"i": {"0": 0}}, {"i": {"0": 5}}, refusals=refused, incidents=put))
    with database.connect() as connection:
        assert [(each.reason, each.n) for each in quality.refusals(connection, DAY)] == [
            ("InvalidValue", 5),
            ("InvalidJson", 3),
        ]
        assert [each.is_over for each in quality.openings(connection, DAY)] == [False, True, False]
        assert quality.database_bytes(connection) > 1_000_000
