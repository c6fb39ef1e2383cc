"""How far each of the monitor's topics is printed, to the line: a kill of the process loses nothing of it.

A number of 8 bytes in a file for each partition, overwritten in place: the system keeps what was written when a process
dies, and a full disk has room for it. Kafka's committed positions, a second old, are for when this disk is lost.
"""

import os
from pathlib import Path

NUMBER_BYTES = 8


class PositionFile:
    """One partition's file. Raises OSError where there is no room for it."""

    def __init__(self, folder: Path, topic: str, partition: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / f"{topic}-{partition}", os.O_RDWR | os.O_CREAT, 0o644)

    def until(self, committed: int, end: int) -> int:
        """Return the first offset that is not printed yet.

        `committed` is what Kafka knows of it and `end` where the partition ends. A number that does not lie between
        them is of another Kafka.
        """
        noted = os.pread(self._file, NUMBER_BYTES, 0)
        offset = int.from_bytes(noted, "big") if len(noted) == NUMBER_BYTES else committed
        return offset if committed <= offset <= end else committed

    def note(self, offset: int) -> None:
        """Write down that everything before `offset` is printed."""
        os.pwrite(self._file, offset.to_bytes(NUMBER_BYTES, "big"), 0)
