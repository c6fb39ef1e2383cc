"""One monitor on one CHECKPOINT_LOCATION: a lease, as object stores and HDFS have no lock that ends with its process.

`lease.json` there says who holds it, and changes every RENEW_SECONDS. No clocks of two machines are compared: another's
lease counts until its file has stayed the same for LEASE_SECONDS by the clock of the one who watches it. A start that
finds another's lease watches it; it is refused once it sees a change, and takes over if there is none.

This finds two monitors, it does not fence one off: a store without conditional writes lets two that start at the same
moment, or one that was frozen, both write for up to RENEW_SECONDS. Then one of them finds the other's lease and ends.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from datetime import tzinfo
from typing import Literal, Self

import structlog
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError

from spark_monitor.engine.checkpoint_storage import StoragePath
from spark_monitor.engine.lock import Holder, TakenError

events = structlog.get_logger()

LEASE_FILE = "lease.json"
RENEW_SECONDS = 10.0
LEASE_SECONDS = 30.0
LOOK_SECONDS = 1.0
SETTLE_SECONDS = 1.0
"""Between writing the lease and reading it back. Of two that start together the last writer has it by then."""

RELEASE_SECONDS = 5.0
"""How long a stop waits for a place that may be away. What is not released is this holder's at the next start."""

NO_ANSWER = (OSError, Py4JError)
"""From a place that is away, and from a Java machine that has ended (which the watch notices by itself)."""


class Entry(BaseModel):
    """What the file holds. `run` is one process: two machines may have copies of one volume, and so one holder's id."""

    holder: Holder
    run: str
    renewals: int


def may_take(found: bytes | None, first: bytes | None, seconds: float, holder_id: str) -> Literal["yes", "wait", "no"]:
    """Return whether a start may take the lease.

    `found`: what the file holds now, None if there is none; `first`: what it held at the first look, `seconds` ago.
    """
    entry = parsed(found)
    if found is None or (entry is not None and entry.holder.holder_id == holder_id):
        return "yes"
    if found != first:
        return "no"
    return "yes" if seconds >= LEASE_SECONDS else "wait"


def is_lost(found: bytes | None, run: str, seconds: float) -> bool:
    """Return whether a running monitor must end; `seconds`: since it last saw what is there.

    Not because it could not renew: a store that is away for minutes costs no alert, ending would. This process can't
    write checkpoints there meanwhile; if another one could and has taken over, its lease is found when the store is
    back. Without a file it depends: after that long another may have had the lease, and ended.
    """
    entry = parsed(found)
    if entry is not None:
        return entry.run != run
    return seconds >= LEASE_SECONDS


def parsed(content: bytes | None) -> Entry | None:
    """Return what a lease's file says, None if nothing that can be read."""
    try:
        return Entry.model_validate_json(content or b"")
    except ValidationError:
        return None


class Lease:
    """The lease on what CHECKPOINT_LOCATION names: a thread renews it from `acquire` on, the end of `with` releases it.

    Without a `location` it has nothing to do: the lock on the folder is enough.
    """

    def __init__(self, location: str | None, holder: Holder) -> None:
        self._location = location
        self._entry = Entry(holder=holder, run=uuid.uuid4().hex, renewals=0)
        self._thread: threading.Thread | None = None
        self._released = threading.Event()
        self._taken: TakenError | None = None
        self._failure: Exception | None = None
        self._seen_at = 0.0

    def __enter__(self) -> Self:
        """Return itself; nothing is acquired yet."""
        return self

    def __exit__(self, *_unused: object) -> None:
        """Give the lease back, if it is still this process's, so that the next holder need not wait."""
        self._released.set()
        if self._thread is not None:
            self._thread.join(RELEASE_SECONDS)

    def acquire(self, root: StoragePath, stop: threading.Event) -> bool:
        """Return True when this process has the lease in `root`, False if `stop` was set before.

        Raises TakenError, or OSError from the place.
        """
        if self._location is None:
            return True
        file = root / LEASE_FILE
        first, began = _read(file), time.monotonic()
        found = first
        while (answer := may_take(found, first, time.monotonic() - began, self._entry.holder.holder_id)) == "wait":
            if stop.wait(LOOK_SECONDS):
                return False
            found = _read(file)
        if answer == "no":
            raise self._taken_by(found)
        self._write(file)
        if stop.wait(SETTLE_SECONDS):
            return False
        if is_lost(found := _read(file), self._entry.run, 0):
            raise self._taken_by(found)
        self._seen_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, args=[file], name="lease", daemon=True)
        self._thread.start()
        return True

    def reason_to_end(self, tell: Callable[[str], None], zone: tzinfo) -> str | None:
        """Return why the process can't go on, or None. `tell` prints a line for the operator, with times in `zone`."""
        if self._taken is not None:
            tell(self._taken.line(zone))
            return str(self._taken)
        if self._thread is None or self._thread.is_alive():
            return None
        return f"the lease's thread ended: {self._failure!r}"

    def _keep(self, file: StoragePath) -> None:
        """Renew the lease until it is another's, or released: then remove it."""
        try:
            while not self._released.wait(RENEW_SECONDS):
                if not self._renew(file):
                    return
            with contextlib.suppress(*NO_ANSWER):
                if not is_lost(_read(file), self._entry.run, LEASE_SECONDS):
                    file.remove()
        except Exception as error:  # noqa: BLE001 - reason_to_end says it
            self._failure = error

    def _renew(self, file: StoragePath) -> bool:
        """Return False if the lease is another's now."""
        try:
            found = _read(file)
            # A process that was frozen comes here at once when it runs again: the clock kept running.
            if is_lost(found, self._entry.run, time.monotonic() - self._seen_at):
                self._taken = self._taken_by(found)
                return False
            self._seen_at = time.monotonic()
            self._write(file)
        except NO_ANSWER as error:
            events.warning("the lease can't be renewed now", location=self._location, cause=str(error))
        return True

    def _write(self, file: StoragePath) -> None:
        self._entry = self._entry.model_copy(update={"renewals": self._entry.renewals + 1})
        file.write(self._entry.model_dump_json())

    def _taken_by(self, found: bytes | None) -> TakenError:
        entry = parsed(found)
        return TakenError("CHECKPOINT_LOCATION", str(self._location), entry.holder if entry else None)


def _read(file: StoragePath) -> bytes | None:
    try:
        return file.read()
    except FileNotFoundError:
        return None
