"""The tables. The migrations make them; a test compares the two.

Times are UTC. Of a minute and an hour everything adds up: counts, sums, and the least and greatest with their times.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

MOMENT = DateTime(timezone=True)

sensor = Table(
    "sensor",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("stream", Text, nullable=False),
    Column("entity_id", Text, nullable=False),
    Column("sensor_id", Text, nullable=False, comment="empty where the messages name none"),
    # Questions name a place first.
    UniqueConstraint("entity_id", "stream", "sensor_id"),
)


def _figures() -> list[Column[object]]:
    """Return what is known of an interval. Eight bytes each first: no room is lost between the columns."""
    return [
        Column("min", Double, nullable=False),
        Column("min_at", MOMENT, nullable=False),
        Column("max", Double, nullable=False),
        Column("max_at", MOMENT, nullable=False),
        Column("sum", Double, nullable=False),
        Column("first_at", MOMENT, nullable=False),
        Column("last_at", MOMENT, nullable=False),
        Column("kinetic", Double, comment="sum of exp(-H/RT) of temperatures, see kinetic.py"),
        Column("n", Integer, nullable=False),
        Column("late", Integer, nullable=False, comment="readings that came long after their time"),
        Column("kafka_time", Integer, nullable=False, comment="readings that were judged by Kafka's time"),
        Column("beyond", JSONB, comment="rule: readings beyond its limit; null where there are none"),
    ]


def _intervals(name: str, **options: Any) -> Table:  # noqa: ANN401 - as SQLAlchemy takes them
    """Return a table with a row for each sensor and interval; its column of that name is when the interval begins."""
    return Table(
        name,
        metadata,
        # No foreign key: its check would cost more than the row, and only the merge writes.
        Column("sensor", Integer, primary_key=True, autoincrement=False),
        Column(name, MOMENT, primary_key=True),
        *_figures(),
        Index(f"{name}_by_time", name, postgresql_using="brin"),
        **options,
    )


minute = _intervals("minute", postgresql_partition_by="RANGE (minute)")
hour = _intervals("hour")

refusal_minute = Table(
    "refusal_minute",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("minute", MOMENT, primary_key=True, comment="by Kafka's clock: a refused message has no time of its own"),
    Column("n", Integer, nullable=False),
    Index("refusal_minute_by_time", "minute", postgresql_using="brin"),
)

incident = Table(
    "incident",
    metadata,
    Column("incident_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("stream", Text),
    Column("entity_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", MOMENT, nullable=False),
    Column("closed_at", MOMENT),
    Column("late", Boolean, nullable=False),
    Column("record", JSONB, nullable=False, comment="the last one of the topic"),
    Index("incident_by_place", "entity_id", "opened_at"),
    Index("incident_by_time", "opened_at"),
)

incident_event = Table(
    "incident_event",
    metadata,
    Column("incident_id", Text, primary_key=True),
    Column("topic_partition", Integer, primary_key=True),
    Column("topic_offset", BigInteger, primary_key=True),
    Column("state", Text, nullable=False),
    Column("event_time", MOMENT, nullable=False),
    Column("record", JSONB, nullable=False),
)

action = Table(
    "action",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("topic_partition", Integer, nullable=False),
    Column("topic_offset", BigInteger, nullable=False),
    Column("record", Text, nullable=False, comment="as it is in the topic"),
    Column("hash", Text, nullable=False, comment="of the hash before, the number and the record"),
)

position = Table(
    "position",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False, comment="the first that is not in the tables"),
)
