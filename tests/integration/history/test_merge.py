"""Batches add up to what pandas computes from all readings at once, whatever becomes of the database meanwhile."""

import threading
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError
from tests.integration.history.readings import assert_is, batch, frame, stored

from devstack.eventually import eventually
from devstack.postgres import Postgres
from history import merge as merging
from history.merge import Batch, ElsewhereError, IncidentRecord, merge, positions, start_at
from history.tables import incident, incident_event, refusal_minute, sensor

BEGIN = 1_795_000_000.0


def random_readings(number: int, seed: int, sensors: int = 3, seconds: float = 10_000) -> pd.DataFrame:
    dice = np.random.default_rng(seed)
    return frame(
        [
            (f"G{dice.integers(2)}", f"s{dice.integers(sensors)}", BEGIN + dice.uniform(0, seconds), value)
            for value in dice.normal(79, 3, number).round(1)
        ]
    )


def test_minutes_and_hours_of_many_batches_are_those_of_all_readings(database: Engine) -> None:
    """Most of the batches add to minutes that are there: late readings correct their minute."""
    readings = random_readings(2000, seed=1)
    for number in range(10):
        assert merge(database, batch(readings[number::10], number, number + 1))
    assert_is(database, readings)
    assert positions(database) == {"suhu": {"0": 10}}


def test_a_batch_that_is_in_is_not_added_again(database: Engine) -> None:
    readings = random_readings(50, seed=2)
    assert merge(database, batch(readings, 0, 50))
    assert not merge(database, batch(readings, 0, 50))
    assert_is(database, readings)


def test_a_batch_that_begins_elsewhere_is_refused(database: Engine) -> None:
    """As after a restored backup: the tables end before the batch, and what lies between would be lost."""
    readings = random_readings(50, seed=3)
    merge(database, batch(readings, 0, 50))
    with pytest.raises(ElsewhereError, match="the history ends at 50, the batch begins at 70"):
        merge(database, batch(readings, 70, 80))
    assert_is(database, readings)


def test_of_two_writers_one_is_refused(database: Engine) -> None:
    readings = random_readings(400, seed=4)
    start_at(database, {"suhu": {"0": 0}})
    outcomes: list[object] = []

    def write(end: int) -> None:
        try:
            outcomes.append(merge(database, batch(readings, 0, end)))
        except ElsewhereError as error:
            outcomes.append(str(error))

    writers = [threading.Thread(target=write, args=(400 + number,)) for number in range(2)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert True in outcomes
    assert outcomes.count(True) == 1
    assert_is(database, readings)


def test_a_server_that_dies_in_the_transaction_leaves_nothing_of_it(
    database: Engine, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = random_readings(100, seed=5), random_readings(100, seed=6)
    merge(database, batch(first, 0, 100))
    set_positions = merging._set_positions  # noqa: SLF001 - in the middle of the transaction

    def die(connection: object, offsets: object) -> None:
        postgres.kill()
        set_positions(connection, offsets)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(merging, "_set_positions", die)
        with pytest.raises(SQLAlchemyError):
            merge(database, batch(second, 100, 200))
    postgres.start()
    eventually(lambda: is_there(database), lambda: "the server does not answer", 30)
    assert positions(database) == {"suhu": {"0": 100}}
    assert merge(database, batch(second, 100, 200))
    assert_is(database, pd.concat([first, second]))


def is_there(engine: Engine) -> bool:
    try:
        with engine.connect():
            return True
    except SQLAlchemyError:
        return False


@pytest.mark.parametrize("name", ["O'Hara", "100%", 'the "cold" room', "gudang, kiri", "❄ 🥶", " G1 ", "\\N", "\\."])
def test_a_name_comes_back_as_it_was(database: Engine, name: str) -> None:
    readings = frame([(name, "", BEGIN, 81.0)])
    merge(database, batch(readings, 0, 1))
    with database.connect() as connection:
        assert connection.execute(select(sensor.c.entity_id, sensor.c.sensor_id)).all() == [(name, "")]


def test_minutes_that_are_no_longer_kept_count_in_their_hour(database: Engine) -> None:
    readings = random_readings(300, seed=7)
    oldest = datetime.fromtimestamp(BEGIN + 5000, UTC)
    merge(database, batch(readings, 0, 300), oldest)
    assert stored(database, "minute").minute.min() >= oldest.timestamp()
    assert stored(database, "hour").n.sum() == 300


def test_years_apart_are_kept_apart(database: Engine) -> None:
    """A clock of 2001 makes a month of its own, a partition for it, and nothing else."""
    readings = frame([("G1", "s", 978_307_200.0, 81.0), ("G1", "s", BEGIN, 79.0)])
    merge(database, batch(readings, 0, 2))
    assert_is(database, readings)


def test_refusals_add_up(database: Engine) -> None:
    key = ("suhu", "InvalidJson", 1_795_000_020.0)
    merge(database, Batch({"suhu": {"0": 0}}, {"suhu": {"0": 5}}, refusals={key: 5}))
    merge(database, Batch({"suhu": {"0": 5}}, {"suhu": {"0": 7}}, refusals={key: 2}))
    with database.connect() as connection:
        assert [row.n for row in connection.execute(select(refusal_minute))] == [7]


def record(state: str, at: float, **more: object) -> dict[str, object]:
    return {
        "incident_id": "G1-suhu_tinggi-1", "kind": "threshold", "rule": "suhu_tinggi", "stream": "suhu",
        "entity_id": "G1", "state": state, "opened_at": BEGIN, "closed_at": None, "event_time": at, "late": False,
        "message": "nol: \0", "sensors": ["a\0b"], **more,
    }  # fmt: skip


def test_an_incident_is_its_last_record_and_all_are_kept(database: Engine) -> None:
    records = [
        record("opened", BEGIN),
        record("reminder", BEGIN + 900),
        record("closed", BEGIN + 950, closed_at=BEGIN + 950),
    ]
    batches = [
        Batch({"i": {"0": at}}, {"i": {"0": at + 1}}, incidents=[IncidentRecord(0, at, each)])
        for at, each in enumerate(records)
    ]
    for each in batches:
        merge(database, each)
    with database.connect() as connection:
        (found,) = connection.execute(select(incident.c.state, incident.c.closed_at))
        assert found == ("closed", datetime.fromtimestamp(BEGIN + 950, UTC))
        assert len(connection.execute(select(incident_event)).all()) == 3


def test_a_hundred_thousand_sensors_in_one_minute(database: Engine) -> None:
    number = 100_000
    at = BEGIN // 60 * 60
    line = f"{at},1,81.0,{at},81.0,{at},81.0,{at},{at},1e-12,0,0,"
    lines = [f"suhu,G{each},s,{line}" for each in range(number)]
    merge(database, Batch({"suhu": {"0": 0}}, {"suhu": {"0": number}}, lines))
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM minute")).scalar() == number
        assert connection.execute(text("SELECT count(*) FROM hour")).scalar() == number
