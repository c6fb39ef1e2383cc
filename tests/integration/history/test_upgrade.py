"""The tables are made and changed by one program at a time, wholly or not at all, and never by an older one."""

import threading
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from history import partitions, retention
from history.tables import metadata
from history.upgrade import NewerError, upgrade


def test_the_migrations_make_the_tables_of_the_code(database: Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_two_programs_at_once_make_them_once(empty: Engine) -> None:
    failures: list[Exception] = []

    def run() -> None:
        try:
            upgrade(empty)
        except Exception as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    programs = [threading.Thread(target=run) for _ in range(4)]
    for each in programs:
        each.start()
    for each in programs:
        each.join()
    assert failures == []
    assert inspect(empty).has_table("minute")


def test_an_interrupted_migration_leaves_nothing(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade

    def interrupted(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        raise ConnectionAbortedError

    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", interrupted)
        with pytest.raises(ConnectionAbortedError):
            upgrade(empty)
    assert inspect(empty).get_table_names() == []
    upgrade(empty)
    assert inspect(empty).has_table("minute")


def test_a_later_version_s_tables_are_refused(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerError, match=r"the database is in version '9999', this program knows '\d{4}'"):
        upgrade(database)


def test_months_are_made_ahead_and_removed_when_they_are_old(database: Engine) -> None:
    with database.begin() as connection:
        partitions.make(connection, [datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3)])
        gone = retention.keep(connection, days=40, now=datetime(2025, 3, 20, tzinfo=UTC))
        assert gone == [datetime(2025, 1, 1, tzinfo=UTC)]
        assert [month.month for month in partitions.months_of(connection)] == [2, 3, 4]
