"""A file whose age says whether a service does its work; `python -m servicekit.heartbeat` is the health check.

Only work that succeeded touches the file (a reading acknowledged, the alert chain seen whole), so a process that runs
but achieves nothing is unhealthy. Imports nothing heavy: the check runs every few seconds in every container.
"""

import os
import sys
import time
from pathlib import Path

FILE_VARIABLE = "HEARTBEAT_FILE"
GOOD_FOR_SECONDS = 30.0


def path() -> Path:
    """Return the heartbeat's file: HEARTBEAT_FILE, or /tmp/heartbeat (a tmpfs in the containers)."""
    return Path(os.environ.get(FILE_VARIABLE) or "/tmp/heartbeat")  # noqa: S108


def beat(good_for: float = GOOD_FOR_SECONDS) -> None:
    """Say that the service has just done its work, and for how many seconds that is enough."""
    path().write_text(f"{good_for}")


def check() -> str | None:
    """Return what is wrong, or None when the last beat is young enough."""
    try:
        age = time.time() - path().stat().st_mtime
        good_for = float(path().read_text() or GOOD_FOR_SECONDS)
    except FileNotFoundError:
        return "no heartbeat yet"
    return f"last heartbeat {age:.0f} s ago, allowed {good_for:.0f} s" if age > good_for else None


if __name__ == "__main__":
    sys.exit(check())
