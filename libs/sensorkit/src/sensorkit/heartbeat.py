"""A file whose age says whether a service does its work; `python -m sensorkit.heartbeat` is the health check.

Only work that succeeded touches the file (a reading acknowledged, the alert chain seen whole), so a process that runs
but achieves nothing is unhealthy. Imports nothing heavy: the check runs every few seconds in every container.
"""

import os
import sys
import time
from pathlib import Path

FILE_VARIABLE = "HEARTBEAT_FILE"
MAX_AGE_VARIABLE = "HEARTBEAT_MAX_AGE_SECONDS"


def path() -> Path:
    """Return the heartbeat's file: HEARTBEAT_FILE, or /tmp/heartbeat (a tmpfs in the containers)."""
    return Path(os.environ.get(FILE_VARIABLE) or "/tmp/heartbeat")  # noqa: S108


def beat() -> None:
    """Say that the service has just done its work."""
    path().touch()


def check() -> str | None:
    """Return what is wrong, or None when the last beat is young enough."""
    max_age = float(os.environ.get(MAX_AGE_VARIABLE) or 30)
    try:
        age = time.time() - path().stat().st_mtime
    except FileNotFoundError:
        return "no heartbeat yet"
    return f"last heartbeat {age:.0f} s ago, allowed {max_age:.0f} s" if age > max_age else None


if __name__ == "__main__":
    sys.exit(check())
