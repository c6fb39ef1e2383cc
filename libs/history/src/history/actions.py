"""What people did, in one order. Each row is bound to the one before it by a hash: what is changed later shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from history.tables import action

BEGINNING = ""
"""In place of the hash before the first row."""


@dataclass(frozen=True)
class ActionRecord:
    """A record of the actions' topic, as it is there, and its place."""

    partition: int
    offset: int
    record: str


@dataclass(frozen=True)
class Chain:
    """How many rows there are, the hash of the last one, and the first that does not follow from the one before it."""

    length: int
    head: str
    broken_at: int | None


def add(connection: Connection, records: Sequence[ActionRecord]) -> None:
    """Add records in their order. Nobody else may add meanwhile: see `merge`."""
    last = connection.execute(select(action.c.number, action.c.hash).order_by(action.c.number.desc()).limit(1)).first()
    number, before = (0, BEGINNING) if last is None else last
    for each in records:
        number += 1
        # PostgreSQL's texts know no NUL.
        text = each.record.replace("\0", "�")
        before = _hash(before, number, text)
        row = {"topic_partition": each.partition, "topic_offset": each.offset, "record": text}
        connection.execute(insert(action).values(number=number, hash=before, **row))


def chain(connection: Connection) -> Chain:
    """Read all rows, and say whether each follows from the one before it."""
    rows = connection.execution_options(yield_per=1000).execute(
        select(action.c.number, action.c.record, action.c.hash).order_by(action.c.number)
    )
    length, head, broken_at = 0, BEGINNING, None
    for number, record, found in rows:
        length += 1
        if broken_at is None and (number != length or found != _hash(head, number, record)):
            broken_at = length
        head = found
    return Chain(length, head, broken_at)


def _hash(before: str, number: int, record: str) -> str:
    return sha256(f"{before}\n{number}\n{record}".encode()).hexdigest()
