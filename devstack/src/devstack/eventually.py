"""How tests wait: by looking again and again until a deadline, and by saying what is missing then."""

import time
from collections.abc import Callable
from typing import Any


def comes_true(condition: Callable[[], Any], seconds: float, *, look_every: float) -> bool:
    """Poll until the condition holds; return whether it did in time. Times in seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(look_every)  # the pause of a poll that has a deadline
    return True


def eventually(
    condition: Callable[[], Any], what: Callable[[], str], seconds: float = 30, *, look_every: float = 0.05
) -> None:
    """Poll until the condition holds; fail saying what is missing. Times in seconds."""
    assert comes_true(condition, seconds, look_every=look_every), f"after {seconds} s: {what()}"
