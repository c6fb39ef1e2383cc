"""One monitor on one CHECKPOINT_DIR: a lock of the kernel on a file in it, from the first moment to the last.

Two on the same folder would delete each other's working state and write into each other's checkpoints. The kernel frees
the lock however the process ends, and it counts between containers that share a volume. Checkpoints that are elsewhere
(CHECKPOINT_LOCATION) have a lease as well: lease.py.

Who is refused ends with status 1. Where something starts it again and again, as Docker's restart policy does, it is a
standby: the first start after the holder's end takes over.
"""

import fcntl
import os
import socket
import time
import uuid
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from pydantic import BaseModel, ValidationError

LOCK_FILE = "monitor.lock"


class Holder(BaseModel):
    """Who has a lock. `holder_id` is kept with the folder, so a restart on it is the same holder.

    `host` and `since` (epoch seconds by the holder's own clock) are for people only: nothing is decided by them.
    """

    holder_id: str
    host: str
    since: float


class LockError(Exception):
    """The monitor must not run here; the text says why."""


class TakenError(LockError):
    """Another monitor has the lock. `holder` is None if what it noted can't be read."""

    def __init__(self, setting: str, value: str, holder: Holder | None) -> None:
        self._place = f"{setting}={value!r}"
        self._holder = holder
        who = f"on host {holder.host} since {_when(holder, UTC)} UTC" if holder else "on an unknown host"
        super().__init__(
            f"{self._place}: another monitor is running with it, {who}: stop that one first, "
            f"or give this one a {setting} of its own"
        )

    def line(self, zone: tzinfo) -> str:
        """Return the operator's line."""
        host = (
            f"host {self._holder.host}, sejak {_when(self._holder, zone)}" if self._holder else "host tidak diketahui"
        )
        return f"[Monitor Ganda] Pemantau lain sedang memakai {self._place} ({host}). Pemantau ini berhenti."


def lock_folder(folder: Path) -> Holder:
    """Lock the folder of CHECKPOINT_DIR until this process ends, and return who this process is.

    Makes the folder if need be. Raises TakenError if another process has it, LockError if it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Never closed, which would free it. Python's descriptors are not handed on to the programs it starts: a Java
        # machine that outlives this process for a moment does not keep the lock.
        file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _noted(file)
            os.close(file)
            raise TakenError("CHECKPOINT_DIR", str(folder), holder) from None
        before = _noted(file)
        holder_id = before.holder_id if before else uuid.uuid4().hex
        holder = Holder(holder_id=holder_id, host=socket.gethostname(), since=time.time())
        # In place: a new file by this name would be one without the lock.
        content = holder.model_dump_json().encode()
        os.pwrite(file, content, 0)
        os.ftruncate(file, len(content))
    except OSError as error:
        raise LockError(f"CHECKPOINT_DIR={str(folder)!r}: expected a place to write: {error}") from error
    return holder


def _noted(file: int) -> Holder | None:
    try:
        return Holder.model_validate_json(os.pread(file, 4096, 0))
    except ValidationError:
        return None


def _when(holder: Holder, zone: tzinfo) -> str:
    return datetime.fromtimestamp(holder.since, zone).strftime("%Y-%m-%d %H:%M:%S")
