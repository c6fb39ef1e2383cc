"""How many task slots Spark needs: in Real-time Mode all tasks of all queries run at once and for ever.

With one slot too few a query could not start, so the number is computed from the topics before Spark starts.
"""

STATE_PARTITIONS = 2
"""Partitions of each stateful step. They are fixed in the checkpoint; two serve thousands of readings a second."""

STATEFUL_STEPS = 2
"""The steps of status.py."""


def needed(source_partitions: int) -> int:
    """Return the slots for both queries. Each reads every partition; the status query has its steps besides."""
    alerts = source_partitions
    status = source_partitions + STATEFUL_STEPS * STATE_PARTITIONS
    return alerts + status
