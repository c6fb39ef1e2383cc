"""Which time zones the lines can be shown in: those that Python and Java both know, as both write times."""

import os
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from zoneinfo import available_timezones

DEFAULT = "Asia/Jakarta"

OF_A_HOST = re.compile(r":.*|/.*|(right|posix)/.+|localtime|posixrules|(<[^<>]+>|[A-Za-z]{3,})[+-]?\d.*")
"""What a host's TZ may hold instead of a zone's name: a path, a file among the system's zones, or a rule of POSIX."""

ALSO_KNOWN = frozenset({"EST", "HST", "MST", "GMT+0", "GMT-0"})
"""The names of Python's that Java takes although they are not among its zones."""


def can_be_shown(name: str) -> bool:
    """Return whether Python and Java both know a zone."""
    if name not in available_timezones():
        return False
    known = _java_s()
    return known is None or name in known | ALSO_KNOWN


def may_be_meant(name: str) -> bool:
    """Return whether it is a time zone at all, for a host or for Python; what is not is a typing mistake."""
    return OF_A_HOST.fullmatch(name) is not None or name in available_timezones()


def _java_s() -> frozenset[str] | None:
    """Return the zones that Java knows, None where it does not tell: then Spark's start will."""
    if home := os.environ.get("JAVA_HOME"):
        folder = Path(home)
    elif java := shutil.which("java"):
        folder = Path(java).resolve().parents[1]
    else:
        return None
    try:
        with (folder / "lib" / "tzdb.dat").open("rb") as file:
            return frozenset(_names(file))
    except (OSError, struct.error):
        return None


def _names(file: BinaryIO) -> Iterator[str]:
    """Yield the zones that stand at the head of Java's tzdb.dat, behind its kind and its versions."""

    def number() -> int:
        return int(struct.unpack(">H", file.read(2))[0])

    def text() -> str:
        return file.read(number()).decode()

    file.read(1)
    text()
    for _ in range(number()):
        text()
    for _ in range(number()):
        yield text()
