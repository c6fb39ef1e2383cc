"""A real PostgreSQL for the tests of the history, with a database of its own for each."""

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, make_url, text

from devstack.postgres import Postgres, local_postgres
from history.database import engine as open_engine
from history.upgrade import upgrade

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with local_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[Engine]:
    """Return a database without tables."""
    name = f"history{next(_numbers)}"
    with open_engine(postgres.url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = open_engine(make_url(postgres.url).set(database=name).render_as_string(hide_password=False))
    yield database
    database.dispose()


@pytest.fixture
def database(empty: Engine) -> Engine:
    """Return a database with the tables of today."""
    upgrade(empty)
    return empty
