"""What people did: a table to which rows are only added."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

REFUSED = """
CREATE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'rows of "%" are only added, never changed or removed', TG_TABLE_NAME; END
$$
"""


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "action",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("topic_partition", sa.Integer, nullable=False),
        sa.Column("topic_offset", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False, comment="as it is in the topic"),
        sa.Column("hash", sa.Text, nullable=False, comment="of the hash before, the number and the record"),
    )
    op.execute(REFUSED)
    op.execute("CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON action EXECUTE FUNCTION only_added()")
