"""How far each partition is done: everything before is posted, or was no incident. Pure."""

from collections.abc import Iterable, Mapping

from notifier.grouping import RecordOffset


class Positions:
    """Records are taken in a partition's order and done in any; committed is only what leaves no gap."""

    def __init__(self) -> None:
        # A dict as a set that keeps the order: the first key of a partition is its oldest record that is not done.
        self._open: dict[int, dict[int, None]] = {}
        self._next: dict[int, int] = {}

    @property
    def open(self) -> int:
        """How many records are taken and not done."""
        return sum(map(len, self._open.values()))

    def take(self, place: RecordOffset) -> None:
        """Note a record that was read."""
        partition, offset = place
        self._open.setdefault(partition, {})[offset] = None
        self._next[partition] = offset + 1

    def done(self, record_offsets: Iterable[RecordOffset]) -> None:
        """Note records that need nothing more; those of partitions that were forgotten meanwhile don't count."""
        for partition, offset in record_offsets:
            self._open.get(partition, {}).pop(offset, None)

    def reached(self) -> Mapping[int, int]:
        """Return for each partition the offset before which everything is done."""
        return {partition: next(iter(self._open[partition]), end) for partition, end in self._next.items()}

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop partitions that somebody else reads from now on."""
        for partition in partitions:
            self._open.pop(partition, None)
            self._next.pop(partition, None)
