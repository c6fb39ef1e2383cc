"""How tests wait: by looking again and again until a deadline, and by saying what is missing then."""

import time
from collections.abc import Callable
from typing import Any


def eventually(
    condition: Callable[[], Any], what: Callable[[], str], seconds: float = 30, *, look_every: float = 0.05
) -> None:
    """Poll until the condition holds; fail saying what is missing. Times in seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s: {what()}"
        time.sleep(look_every)  # the pause of a poll that has a deadline
