"""A file that nobody may read, for tests that may run as root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWN_UID = 10001
"""The user in our images."""


@contextmanager
def unreadable(file: Path) -> Iterator[int]:
    """Take a file's rights away; yield the user who can't read it. Root is another user meanwhile."""
    file.chmod(0)
    before = os.geteuid()
    user = before or OWN_UID
    os.seteuid(user)
    try:
        yield user
    finally:
        os.seteuid(before)
        file.chmod(0o600)
