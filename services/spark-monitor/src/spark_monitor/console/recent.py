"""A bounded memory: of what is remembered, the one that was used least recently makes room."""

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(OrderedDict[Key, Value]):
    """A dict that keeps the `limit` entries that were set or used last. Only `use` and setting count as use."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: Key, value: Value) -> None:
        """Remember an entry as the most recent."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)

    def use(self, key: Key) -> Value | None:
        """Return an entry, which is the most recent then; None where there is none."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value
