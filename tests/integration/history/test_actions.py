"""What people did, in the database: rows are only added, and what is changed all the same shows."""

import json

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from history.actions import ActionRecord, chain
from history.merge import Batch, merge

WORDS = [json.dumps({"action": "acknowledge", "by": by, "reason": "dicek \0 🚪"}) for by in ("Siti", "Budi", "Ayu")]


@pytest.fixture
def acted(database: Engine) -> Engine:
    """Return a database with three actions, which came in two batches."""
    records = [ActionRecord(0, offset, word) for offset, word in enumerate(WORDS)]
    merge(database, Batch({"acts": {"0": 0}}, {"acts": {"0": 2}}, actions=records[:2]))
    merge(database, Batch({"acts": {"0": 2}}, {"acts": {"0": 3}}, actions=records[2:]))
    return database


def broken_at(database: Engine) -> int | None:
    with database.connect() as connection:
        return chain(connection).broken_at


def test_all_actions_are_in_one_order_and_bound_together(acted: Engine) -> None:
    with acted.connect() as connection:
        found = chain(connection)
        rows = connection.execute(text("SELECT number, topic_offset, record FROM action ORDER BY number")).all()
    assert [tuple(row) for row in rows] == [(n + 1, n, word.replace("\0", "�")) for n, word in enumerate(WORDS)]
    assert (found.length, found.broken_at, len(found.head)) == (3, None, 64)


@pytest.mark.parametrize("change", ["UPDATE action SET record = '{}'", "DELETE FROM action", "TRUNCATE action"])
def test_the_database_refuses_to_change_them(acted: Engine, change: str) -> None:
    with pytest.raises(DBAPIError, match="only added, never changed or removed"), acted.begin() as connection:
        connection.execute(text(change))
    assert broken_at(acted) is None


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ("UPDATE action SET record = replace(record, 'Budi', 'Ayu') WHERE number = 2", 2),
        ("DELETE FROM action WHERE number = 1", 1),
        ("DELETE FROM action WHERE number = 2", 2),
        ("UPDATE action SET hash = repeat('0', 64) WHERE number = 3", 3),
    ],
)
def test_what_the_owner_changes_shows(acted: Engine, change: str, number: int) -> None:
    with acted.begin() as connection:
        connection.execute(text("ALTER TABLE action DISABLE TRIGGER only_added"))
        connection.execute(text(change))
    assert broken_at(acted) == number
