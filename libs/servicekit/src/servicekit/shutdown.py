"""SIGTERM and SIGINT set an event; the program's own loops look at it and leave in order."""

import signal
import threading
from types import FrameType


def on_signals() -> threading.Event:
    """Install the handlers (main thread only) and return the event they set."""
    stop = threading.Event()

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    return stop
