"""A stop is asked for by a signal and done in order."""

import signal
import subprocess
import sys

import pytest

WAITS = """
from servicekit.shutdown import on_signals
stop = on_signals()
print(f"set: {stop.is_set()}", flush=True)
print(f"set: {stop.wait(30)}", flush=True)
input()
print("left in order")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event_and_ends_nothing(number: signal.Signals) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WAITS], text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "set: False\n"
        process.send_signal(number)
        assert process.stdout.readline() == "set: True\n"
        process.send_signal(number)
        output, errors = process.communicate("go on\n", timeout=30)
    assert (process.returncode, output, errors) == (0, "left in order\n", "")
