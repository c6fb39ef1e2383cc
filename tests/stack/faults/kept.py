"""What the history has of a ledger's readings."""

from collections import Counter

from tests.stack.faults.ledger import Ledger

from devstack.compose_project import Stack, eventually

KEPT_SECONDS = 300
AWAY, BACK = "[Riwayat] tidak dapat menulis ke basis data", "[Riwayat] basis data tersambung lagi"
"""Of the operator's lines."""

Counts = Counter[tuple[str, int]]
"""Warehouse and minute (epoch seconds) -> readings."""


def wait_for_line(stack: Stack, since: float, text: str) -> None:
    """Wait until the monitor has printed a text."""
    eventually(
        lambda: any(text in line for line in stack.log("spark-monitor", since)), lambda: f"not printed: {text}", 120
    )


def in_the_history(stack: Stack, name: str) -> Counts:
    """Return what the database has of the warehouses of a ledger; nothing while it does not answer."""
    query = (
        "SELECT entity_id, extract(epoch FROM minute)::bigint, n FROM minute JOIN sensor ON id = sensor "  # noqa: S608 - a name of ours
        f"WHERE starts_with(entity_id, '{name}-')"
    )
    ask = ["exec", "-T", "db", "psql", "-qtA", "-U", "postgres", "-d", "gudang", "-c", query]
    rows = (line.split("|") for line in stack.compose(*ask, check=False).splitlines())
    return Counter({(entity, int(minute)): int(n) for entity, minute, n in rows})


def wait_until_kept(ledger: Ledger) -> None:
    """Wait until the history has just the acknowledged readings."""
    expected = Counter((ledger.warehouse(each), int(ledger.sent_at[each] // 60) * 60) for each in ledger.acknowledged)
    found = Counts()

    def is_kept() -> bool:
        nonlocal found
        found = in_the_history(ledger.stack, ledger.name)
        return found == expected

    eventually(is_kept, lambda: f"missing: {expected - found}; too many: {found - expected}", KEPT_SECONDS)
