"""What the watch makes of a Java machine that is gone. What it does while all is well, the integration tests see."""

from typing import Any, cast

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError  # type: ignore[import-untyped]

from spark_monitor.health.breakdown import JAVA_ENDED
from spark_monitor.health.watchdog import Watchdog


class Gone:
    """A query whose Java machine has ended."""

    query_name = "alerts"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def completed_batch(self) -> int | None:
        """Raise, as each call to it does."""
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        Py4JNetworkError("Answer from Java side is empty"),
        Py4JError("Error while sending or receiving"),
        ConnectionRefusedError(111, "Connection refused"),
    ],
)
def test_a_java_machine_that_is_gone_is_a_reason_to_give_up(error: Exception) -> None:
    nothing = cast(Any, None)
    watch = Watchdog(
        [cast(Any, Gone(error))], [], [], lambda: True,
        nothing, nothing, nothing, nothing, nothing, (), nothing, nothing, nothing,
    )  # fmt: skip
    assert watch.tick() == JAVA_ENDED
