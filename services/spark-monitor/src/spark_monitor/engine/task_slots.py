"""How many task slots Spark needs: in Real-time Mode all tasks of all queries run at once and forever.

With one slot too few a query could not start, so the number is computed from the topics before Spark starts.
"""

SLOTS_FOR_BATCHES = 1
"""For the incidents' query and for the history's, each: their batches are one task, now and then."""


def needed(alert_partitions: int, status_partitions: int, state_partitions: int) -> int:
    """Return the slots for both real-time queries, which read so many partitions.

    The status has a stateful step as well, with so many partitions.
    """
    status = status_partitions + state_partitions if status_partitions else 0
    return alert_partitions + status


def shortage(needed: int, found: int) -> str | None:
    """Return what a cluster with `found` slots is short of, as a sentence; None where it has enough."""
    if found >= needed:
        return None
    return f"{needed} task slots are needed, the workers offer {found}: {needed - found} are missing"
