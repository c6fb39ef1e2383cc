"""Rebuilds the tables of readings beside those in use, and replaces those in one step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event, text

from history.merge import locked_positions
from history.tables import hour, minute, sensor
from history.upgrade import upgrade

SCHEMA = "rebuilding"
LOCK = 0x6775_6461_6E68
"""PostgreSQL's number of the lock that a program holds while it rebuilds."""


class BusyError(Exception):
    """Somebody else rebuilds."""


@contextmanager
def fresh_tables(engine: Engine) -> Iterator[Engine]:
    """Yield a way to tables without a row, in a schema of their own, for `merge`; it is removed in the end.

    Raises BusyError.
    """
    fresh = engine.execution_options()

    @event.listens_for(fresh, "begin")
    def _in_schema(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
        # A day of thousands of sensors is more than a batch of the monitor's.
        connection.exec_driver_sql("SET LOCAL statement_timeout TO 0")

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as holder:
        if not holder.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar():
            raise BusyError("another program rebuilds these tables")
        holder.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        holder.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        try:
            upgrade(fresh)
            yield fresh
        finally:
            holder.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
            holder.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


def put_in_place(engine: Engine, complete: Callable[[dict[str, dict[str, int]]], None]) -> None:
    """Replace the tables of readings by those of `fresh_tables`; all others stay as they are.

    `complete` adds what is missing to the fresh ones, up to the offsets where the tables in use end. Meanwhile nobody
    adds to those: that waits.
    """
    with engine.begin() as connection:
        complete(locked_positions(connection))
        place = connection.execute(text("SELECT current_schema()")).scalar()
        for table in (minute, hour, sensor):
            connection.execute(text(f"DROP TABLE {table.name}"))
        months = connection.execute(
            text("SELECT relid::regclass::text FROM pg_partition_tree(:table) WHERE level > 0"),
            {"table": f"{SCHEMA}.{minute.name}"},
        ).scalars()
        for name in (f"{SCHEMA}.{minute.name}", *months, f"{SCHEMA}.{hour.name}", f"{SCHEMA}.{sensor.name}"):
            connection.execute(text(f"ALTER TABLE {name} SET SCHEMA {place}"))
