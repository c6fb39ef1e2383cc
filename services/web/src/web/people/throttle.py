"""Slows those down who guess passwords. Pure; times are of a clock that never goes back, in seconds."""

from collections import OrderedDict
from dataclasses import dataclass

FREE = {"name": 5, "address": 30}
"""Failures that cost nothing. An address may be that of a whole company."""

LONGEST_SECONDS = 900
REMEMBERED = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = float("-inf")


class Throttle:
    """Failures by name and by address. After the free ones each doubles the wait for the next try."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait(self, name: str, address: str, now: float) -> float:
        """Return for how many seconds nobody may try with this name, or from there; 0 if now."""
        return max(self._wait(key, now) for key in (("name", name), ("address", address)))

    def failed(self, name: str, address: str, now: float) -> None:
        """Note a wrong password."""
        for key in (("name", name), ("address", address)):
            found = self._known.setdefault(key, _Failures())
            if now - found.last > LONGEST_SECONDS:
                found.count = 0
            found.count, found.last = found.count + 1, now
            self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name; those of an address stay, as one may have an account there."""
        self._known.pop(("name", name), None)

    def _wait(self, key: tuple[str, str], now: float) -> float:
        found = self._known.get(key)
        if found is None or found.count < FREE[key[0]]:
            return 0.0
        pause = min(2.0 ** (found.count - FREE[key[0]]), LONGEST_SECONDS)
        return max(0.0, found.last + pause - now)
