"""Brings the tables to the form that this code knows. One program at a time; a newer form is refused."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

LOCK = 0x6775_6461_6E67
"""PostgreSQL's number of the lock that a program holds while it changes the tables."""


class NewerError(Exception):
    """The tables were made by a later version of this code; the text says what to do."""


def upgrade(engine: Engine) -> None:
    """Make the tables, or bring them up to date, all in one transaction. Raises NewerError and SQLAlchemyError."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config = _config(connection)
        found = MigrationContext.configure(connection).get_current_revision()
        known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
        if found is not None and found not in known:
            raise NewerError(
                f"the database is in version {found!r}, this program knows {known[0]!r} and those before it: "
                "use the newer program, or a backup from before it"
            )
        command.upgrade(config, "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "history:migrations")
    config.attributes["connection"] = connection
    return config
