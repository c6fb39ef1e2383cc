"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def _figures() -> list[sa.Column[object]]:
    return [
        sa.Column("min", sa.Double, nullable=False),
        sa.Column("min_at", MOMENT, nullable=False),
        sa.Column("max", sa.Double, nullable=False),
        sa.Column("max_at", MOMENT, nullable=False),
        sa.Column("sum", sa.Double, nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("kinetic", sa.Double, comment="sum of exp(-H/RT) of temperatures, see kinetic.py"),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("late", sa.Integer, nullable=False, comment="readings that came long after their time"),
        sa.Column("kafka_time", sa.Integer, nullable=False, comment="readings that were judged by Kafka's time"),
        sa.Column("beyond", postgresql.JSONB, comment="rule: readings beyond its limit; null where there are none"),
    ]


ADDED = """
CREATE FUNCTION added(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN one IS NULL THEN other WHEN other IS NULL THEN one ELSE (
        SELECT jsonb_object_agg(name, coalesce((one ->> name)::bigint, 0) + coalesce((other ->> name)::bigint, 0))
        FROM jsonb_object_keys(one || other) AS name
    ) END
$$
"""
"""Counts by name, summed."""


def upgrade() -> None:
    """Make the tables, and what adds up `beyond`."""
    op.execute(ADDED)
    op.execute("CREATE AGGREGATE added_up(jsonb) (sfunc = added, stype = jsonb, parallel = safe, combinefunc = added)")
    op.create_table(
        "sensor",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("sensor_id", sa.Text, nullable=False, comment="empty where the messages name none"),
        sa.UniqueConstraint("entity_id", "stream", "sensor_id"),
    )
    op.create_table(
        "minute",
        sa.Column("sensor", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("minute", MOMENT, primary_key=True),
        *_figures(),
        postgresql_partition_by="RANGE (minute)",
    )
    op.create_index("minute_by_time", "minute", ["minute"], postgresql_using="brin")
    op.create_table(
        "hour",
        sa.Column("sensor", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hour", MOMENT, primary_key=True),
        *_figures(),
    )
    op.create_index("hour_by_time", "hour", ["hour"], postgresql_using="brin")
    op.create_table(
        "refusal_minute",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column(
            "minute", MOMENT, primary_key=True, comment="by Kafka's clock: a refused message has no time of its own"
        ),
        sa.Column("n", sa.Integer, nullable=False),
    )
    op.create_index("refusal_minute_by_time", "refusal_minute", ["minute"], postgresql_using="brin")
    op.create_table(
        "incident",
        sa.Column("incident_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("stream", sa.Text),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("record", postgresql.JSONB, nullable=False, comment="the last one of the topic"),
    )
    op.create_index("incident_by_place", "incident", ["entity_id", "opened_at"])
    op.create_index("incident_by_time", "incident", ["opened_at"])
    op.create_table(
        "incident_event",
        sa.Column("incident_id", sa.Text, primary_key=True),
        sa.Column("topic_partition", sa.Integer, primary_key=True),
        sa.Column("topic_offset", sa.BigInteger, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("event_time", MOMENT, nullable=False),
        sa.Column("record", postgresql.JSONB, nullable=False),
    )
    op.create_table(
        "position",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("topic_partition", sa.Integer, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False, comment="the first that is not in the tables"),
    )
