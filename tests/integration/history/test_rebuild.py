"""The tables of readings are rebuilt beside those in use, and replace them wholly or not at all."""

import threading

import pandas as pd
import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from tests.integration.history.readings import assert_is, batch, lines
from tests.integration.history.test_merge import is_there, random_readings, record

from devstack.eventually import eventually
from devstack.postgres import Postgres
from history.merge import Batch, IncidentRecord, add_minutes, merge, positions
from history.rebuild import SCHEMA, BusyError, fresh_tables, put_in_place
from history.upgrade import upgrade

EVER = pd.Timestamp(0, tz="UTC").to_pydatetime()


def add(fresh: Engine, readings: pd.DataFrame) -> None:
    with fresh.begin() as connection:
        add_minutes(connection, lines(readings), EVER)


@pytest.fixture
def spoilt(database: Engine) -> Engine:
    """Return a database whose minutes and hours are wrong, with an incident and a refusal beside them."""
    merge(database, batch(random_readings(500, seed=10), 0, 500))
    more = Batch(
        {"i": {"0": 0}}, {"i": {"0": 1}}, refusals={("suhu", "InvalidJson", 0.0): 5},
        incidents=[IncidentRecord(0, 0, record("opened", 1.0))],
    )  # fmt: skip
    merge(database, more)
    with database.begin() as connection:
        connection.execute(text("UPDATE minute SET n = n + 1"))
        connection.execute(text("DELETE FROM hour"))
    return database


def counts(engine: Engine) -> dict[str, object]:
    names = ("incident", "incident_event", "refusal_minute", "position")
    with engine.connect() as connection:
        return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in names}  # noqa: S608 - tables' names


def has_schema(engine: Engine) -> bool:
    return SCHEMA in inspect(engine).get_schema_names()


def test_fresh_tables_take_the_place_of_the_others(spoilt: Engine) -> None:
    readings, before = random_readings(500, seed=10), counts(spoilt)
    with fresh_tables(spoilt) as fresh:
        add(fresh, readings[:300])
        add(fresh, readings[300:])
        put_in_place(spoilt, lambda _: None)
    assert_is(spoilt, readings)
    assert counts(spoilt) == before
    assert not has_schema(spoilt)
    later = random_readings(200, seed=11)
    assert merge(spoilt, batch(later, 500, 700))
    assert_is(spoilt, pd.concat([readings, later]))
    upgrade(spoilt)


def test_what_is_added_meanwhile_is_added_to_the_fresh_ones(database: Engine) -> None:
    """The rest is fetched while the writer waits; it goes on with the fresh tables."""
    first, second, third = (random_readings(100, seed=seed) for seed in (12, 13, 14))
    merge(database, batch(first, 0, 100))
    writer = threading.Thread(target=merge, args=[database, batch(third, 200, 300)])
    with fresh_tables(database) as fresh:
        add(fresh, first)
        merge(database, batch(second, 100, 200))

        def complete(now: dict[str, dict[str, int]]) -> None:
            assert now == {"suhu": {"0": 200}}
            add(fresh, second)
            writer.start()
            eventually(lambda: waits(database), lambda: "the writer does not wait", 10)

        put_in_place(database, complete)
    writer.join()
    assert positions(database) == {"suhu": {"0": 300}}
    assert_is(database, pd.concat([first, second, third]))


def waits(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def test_a_failure_on_the_way_changes_nothing(database: Engine) -> None:
    readings = random_readings(100, seed=15)
    merge(database, batch(readings, 0, 100))

    def fail(_: object) -> None:
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError), fresh_tables(database) as fresh:  # noqa: PT012 - as a program has it
        add(fresh, random_readings(5, seed=16))
        put_in_place(database, fail)
    assert_is(database, readings)
    assert not has_schema(database)


def test_of_two_programs_one_is_refused(database: Engine) -> None:
    with fresh_tables(database), pytest.raises(BusyError), fresh_tables(database):
        pass
    with fresh_tables(database):
        pass


def test_what_a_dead_program_left_is_removed(database: Engine, postgres: Postgres) -> None:
    readings = random_readings(100, seed=17)
    merge(database, batch(readings, 0, 100))
    with pytest.raises(SQLAlchemyError), fresh_tables(database) as fresh:  # noqa: PT012 - as a program has it
        add(fresh, random_readings(5, seed=18))
        postgres.kill()
        add(fresh, readings)
    postgres.start()
    eventually(lambda: is_there(database), lambda: "the server does not answer", 30)
    assert has_schema(database)
    with fresh_tables(database) as fresh:
        add(fresh, readings)
        put_in_place(database, lambda _: None)
    assert_is(database, readings)
