"""When something is due, declared once: one generator says what to do now and when to look again."""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Timer(NamedTuple):
    """What is done when a time (epoch seconds) has come."""

    at: float
    act: Callable[[], None]


def fire(timers: Iterable[Timer], now: float) -> None:
    """Do what is due, in order. `timers` is a generator: what one does may add or end those behind it."""
    for timer in timers:
        if now >= timer.at:
            timer.act()


def next_due(timers: Iterable[Timer]) -> float | None:
    """Return when the first is due, None without any."""
    return min((timer.at for timer in timers), default=None)
