"""How far each of the monitor's topics is printed, to the line: a kill of the process loses nothing of it.

A number of 8 bytes in a file for each partition, overwritten in place, through memory: the system keeps what was
written when a process dies, and a full disk has room for it. Kafka's committed positions, a second old, are for when
this disk is lost.
"""

import mmap
import os
from pathlib import Path

NUMBER_BYTES = 8


class PositionFile:
    """One partition's file. Raises OSError where there is no room for it."""

    def __init__(self, folder: Path, topic: str, partition: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / f"{topic}-{partition}", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._is_known = os.fstat(file).st_size == NUMBER_BYTES
            # Written, not only made longer: memory behind which the disk has no room would end the process.
            os.pwrite(file, os.pread(file, NUMBER_BYTES, 0) if self._is_known else bytes(NUMBER_BYTES), 0)
            os.ftruncate(file, NUMBER_BYTES)
            self._number = mmap.mmap(file, NUMBER_BYTES)
        finally:
            os.close(file)

    def until(self, committed: int, end: int) -> int:
        """Return the first offset that is not printed yet.

        `committed` is what Kafka knows of it and `end` where the partition ends. A number that does not lie between
        them is of another Kafka.
        """
        offset = int.from_bytes(self._number, "big") if self._is_known else committed
        return offset if committed <= offset <= end else committed

    def note(self, offset: int) -> None:
        """Write down that everything before `offset` is printed."""
        self._number[:] = offset.to_bytes(NUMBER_BYTES, "big")
