"""Takes a batch into the tables, in one transaction with the Kafka offsets that it came from.

Those offsets decide what is yet to come: a batch that is in already is not added twice, and one that does not begin
where the tables end is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Engine,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    case,
    column,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy import table as a_table
from sqlalchemy.dialects.postgresql import JSONB, insert

from history import actions, partitions
from history.actions import ActionRecord
from history.tables import hour, incident, incident_event, minute, position, refusal_minute, sensor

Offsets = Mapping[str, Mapping[str, int]]
"""Topic -> number of the partition -> offset."""

MINUTE_COLUMNS: Final = (
    "stream", "entity_id", "sensor_id", "minute", "n", "min", "min_at", "max", "max_at", "sum", "first_at", "last_at",
    "kinetic", "late", "kafka_time", "beyond",
)  # fmt: skip
"""What a line of `Batch.minutes` has, as CSV: an empty field is null, `""` is an empty text.

Times are epoch seconds; `minute` is when it begins. No line is for the same sensor and minute as another.
"""

_TYPES: Final[dict[str, Any]] = {
    **dict.fromkeys(MINUTE_COLUMNS, Double),
    **dict.fromkeys(("stream", "entity_id", "sensor_id"), Text),
    **dict.fromkeys(("n", "late", "kafka_time"), Integer),
    "beyond": JSONB,
}
_INCOMING = a_table("incoming", *(column(name, _TYPES[name]) for name in MINUTE_COLUMNS))


@dataclass(frozen=True)
class IncidentRecord:
    """A record of the incidents' topic, and its place there."""

    partition: int
    offset: int
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """What came between two offsets of each partition.

    `refusals`: how many messages of a topic were refused for a reason in a minute (epoch seconds).
    """

    start: Offsets
    end: Offsets
    minutes: Sequence[str] = ()
    refusals: Mapping[tuple[str, str, float], int] = field(default_factory=dict)
    incidents: Sequence[IncidentRecord] = ()
    actions: Sequence[ActionRecord] = ()


class ElsewhereError(Exception):
    """The tables do not end where the batch begins: they were restored, or somebody else writes."""


def positions(engine: Engine) -> dict[str, dict[str, int]]:
    """Return the first offset of each partition that is not in the tables."""
    with engine.connect() as connection:
        return _positions(connection)


def start_at(engine: Engine, offsets: Offsets) -> None:
    """Note where the next batch begins: what Kafka no longer has is not waited for."""
    with engine.begin() as connection:
        _set_positions(connection, offsets)


def merge(engine: Engine, batch: Batch, oldest: datetime | None = None) -> bool:
    """Take a batch in, and say whether it was not there yet.

    Minutes before `oldest` go into the hours alone. Raises ElsewhereError and SQLAlchemyError, and takes in nothing
    then.
    """
    with engine.begin() as connection:
        # Of two writers one waits here, and finds then that the tables end elsewhere.
        found = locked_positions(connection)
        if all(of.items() <= found.get(topic, {}).items() for topic, of in batch.end.items()):
            return False
        _check(found, batch.start)
        if batch.minutes:
            add_minutes(connection, batch.minutes, oldest or datetime.min.replace(tzinfo=UTC))
        _merge_refusals(connection, batch.refusals)
        _merge_incidents(connection, batch.incidents)
        actions.add(connection, batch.actions)
        _set_positions(connection, batch.end)
    return True


def locked_positions(connection: Connection) -> dict[str, dict[str, int]]:
    """Return the same, and keep others from changing it until the transaction ends."""
    connection.execute(text("LOCK TABLE position IN EXCLUSIVE MODE"))
    return _positions(connection)


def _positions(connection: Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(select(position)):
        found.setdefault(row.topic, {})[str(row.topic_partition)] = row.next_offset
    return found


def _check(found: Offsets, start: Offsets) -> None:
    for topic, of in start.items():
        for number, offset in of.items():
            known = found.get(topic, {}).get(number, offset)
            if known != offset:
                raise ElsewhereError(f"{topic}-{number}: the history ends at {known}, the batch begins at {offset}")


def _set_positions(connection: Connection, offsets: Offsets) -> None:
    rows = [
        {"topic": topic, "topic_partition": int(number), "next_offset": offset}
        for topic, of in offsets.items()
        for number, offset in of.items()
    ]
    if rows:
        adding = insert(position)
        adding = adding.on_conflict_do_update(
            index_elements=position.primary_key.columns, set_={"next_offset": adding.excluded.next_offset}
        )
        connection.execute(adding, rows)


def add_minutes(connection: Connection, lines: Iterable[str], oldest: datetime) -> None:
    """Add minutes, as `Batch` has them, to the tables of readings; those before `oldest` to the hours alone."""
    columns = ", ".join(f"{each.name} {each.type.compile(connection.dialect)}" for each in _INCOMING.columns)
    connection.execute(text(f"CREATE TEMPORARY TABLE incoming ({columns}) ON COMMIT DROP"))
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY incoming FROM STDIN (FORMAT csv)") as copy:
        for line in lines:
            copy.write(f"{line}\n")
    connection.execute(text("ANALYZE incoming"))
    months = select(func.date_trunc("month", _time("minute"), "UTC")).distinct()
    found = connection.execute(months).scalars().all()
    partitions.make(connection, [month for month in found if partitions.next_month(month) > oldest])
    names = (sensor.c.entity_id, sensor.c.stream, sensor.c.sensor_id)
    named = [_INCOMING.c[each.name] for each in names]
    # Not all, with a conflict for each that is known: each conflict would use up a number.
    news = select(*named).except_(select(*names))
    connection.execute(insert(sensor).from_select([each.name for each in names], news))
    source = _INCOMING.join(sensor, (named[0] == names[0]) & (named[1] == names[1]) & (named[2] == names[2]))
    _add(connection, minute, _of_minutes(source).where(_time("minute") >= oldest))
    _add(connection, hour, _of_hours(source))


def _time(name: str) -> ColumnElement[datetime]:
    return func.to_timestamp(_INCOMING.c[name])


def _of_minutes(source: FromClause) -> Select[Any]:
    """Return the rows of `minute`, in its columns' order."""
    plain = _INCOMING.c
    return select(
        sensor.c.id, _time("minute"), plain.min, _time("min_at"), plain.max, _time("max_at"), plain.sum,
        _time("first_at"), _time("last_at"), plain.kinetic, plain.n, plain.late, plain.kafka_time, plain.beyond,
    ).select_from(source)  # fmt: skip


def _of_hours(source: FromClause) -> Select[Any]:
    """Return the rows of `hour`, in its columns' order."""
    plain = _INCOMING.c
    # The least value and, of several such, the earliest; arrays are compared element by element.
    least: ColumnElement[Any] = literal_column("min(ARRAY[incoming.min, incoming.min_at])")
    greatest: ColumnElement[Any] = literal_column("max(ARRAY[incoming.max, -incoming.max_at])")
    # Not with parameters, of which PostgreSQL cannot know that they are the same in both places.
    begin: ColumnElement[Any] = literal_column("date_trunc('hour', to_timestamp(incoming.minute), 'UTC')")
    return (
        select(
            sensor.c.id, begin,
            _element(least, 1), func.to_timestamp(_element(least, 2)),
            _element(greatest, 1), func.to_timestamp(-_element(greatest, 2)),
            func.sum(plain.sum),
            func.to_timestamp(func.min(plain.first_at)), func.to_timestamp(func.max(plain.last_at)),
            # Null as soon as one is: a sum without some of its readings would be another figure.
            literal_column("CASE WHEN count(incoming.kinetic) = count(*) THEN sum(incoming.kinetic) END"),
            func.sum(plain.n), func.sum(plain.late), func.sum(plain.kafka_time), func.added_up(plain.beyond),
        )
        .select_from(source)
        .group_by(sensor.c.id, begin)
    )  # fmt: skip


def _element(array: ColumnElement[Any], number: int) -> ColumnElement[Any]:
    return literal_column(f"({array})[{number}]", Double)


def _add(connection: Connection, into: Table, rows: Select[Any]) -> None:
    """Add rows to a table of intervals: to those that are there, or as new ones."""
    adding = insert(into).from_select([each.name for each in into.columns], rows)
    old, new = into.c, adding.excluded
    added = {
        "min": func.least(old.min, new.min),
        "min_at": _earlier_of(old.min, old.min_at, new.min, new.min_at),
        "max": func.greatest(old.max, new.max),
        "max_at": _earlier_of(-old.max, old.max_at, -new.max, new.max_at),
        "first_at": func.least(old.first_at, new.first_at),
        "last_at": func.greatest(old.last_at, new.last_at),
        "beyond": func.added(old.beyond, new.beyond),
        **{name: old[name] + new[name] for name in ("n", "sum", "kinetic", "late", "kafka_time")},
    }
    connection.execute(adding.on_conflict_do_update(index_elements=into.primary_key.columns, set_=added))


def _earlier_of(
    one: ColumnElement[Any], one_at: ColumnElement[Any], other: ColumnElement[Any], other_at: ColumnElement[Any]
) -> ColumnElement[Any]:
    """Return when the lesser of two values was, the earlier of two equal ones."""
    return case((one < other, one_at), (one > other, other_at), else_=func.least(one_at, other_at))


def _merge_refusals(connection: Connection, refusals: Mapping[tuple[str, str, float], int]) -> None:
    rows = [
        {"topic": topic, "reason": reason, "minute": datetime.fromtimestamp(begin, UTC), "n": n}
        for (topic, reason, begin), n in refusals.items()
    ]
    if rows:
        adding = insert(refusal_minute)
        adding = adding.on_conflict_do_update(
            index_elements=refusal_minute.primary_key.columns, set_={"n": refusal_minute.c.n + adding.excluded.n}
        )
        connection.execute(adding, rows)


def _merge_incidents(connection: Connection, records: Sequence[IncidentRecord]) -> None:
    if not records:
        return
    cleaned = [(each, _storable(each.record)) for each in records]
    events = [
        {
            "incident_id": record["incident_id"],
            "topic_partition": each.partition,
            "topic_offset": each.offset,
            "state": record["state"],
            "event_time": datetime.fromtimestamp(record["event_time"], UTC),
            "record": record,
        }
        for each, record in cleaned
    ]
    # A record is known by its place, should somebody have set the offsets back by hand.
    connection.execute(insert(incident_event).on_conflict_do_nothing(), events)
    # A partition has an incident's records in their order.
    last = {record["incident_id"]: record for _, record in cleaned}
    adding = insert(incident)
    changing = {name: adding.excluded[name] for name in ("state", "closed_at", "late", "record")}
    connection.execute(
        adding.on_conflict_do_update(index_elements=incident.primary_key.columns, set_=changing),
        [
            {
                **{name: record[name] for name in ("incident_id", "kind", "rule", "stream", "entity_id", "state")},
                "opened_at": datetime.fromtimestamp(record["opened_at"], UTC),
                "closed_at": record["closed_at"] and datetime.fromtimestamp(record["closed_at"], UTC),
                "late": bool(record["late"]),
                "record": record,
            }
            for record in last.values()
        ],
    )


def _storable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as PostgreSQL can keep it: its texts know no NUL."""
    return {name: _without_nul(each) for name, each in record.items()}


def _without_nul(content: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(content, str):
        return content.replace("\0", "�")
    return [_without_nul(each) for each in content] if isinstance(content, list) else content
