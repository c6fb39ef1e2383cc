"""What Alembic runs: the migrations on the connection that upgrade.py hands in."""

from alembic import context

from history.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
