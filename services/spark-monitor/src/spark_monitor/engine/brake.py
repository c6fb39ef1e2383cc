"""Ends the batches of Spark's Real-time Mode before their time, so that a query can be stopped at a boundary.

Each task asks one clock whether its batch is over, before each reading. While the brake is on, that clock is ahead by
more than a batch, and a task ends as soon as it has a reading. The clock is that of a Java process: on a cluster, the
tasks of the workers have their own.
"""

import time
from typing import Any

from pyspark.sql import SparkSession

MOST_BATCHES = 2
"""How many batches' time the clock is ahead."""


class Brake:
    """A context in which batches end. No query in Real-time Mode may outlive it: its batch would not end in time."""

    def __init__(self, spark: SparkSession, batch_minutes: int) -> None:
        self._java: Any = spark._jvm  # noqa: SLF001 - the only way to Java
        self._ahead_ms = MOST_BATCHES * batch_minutes * 60_000

    def __enter__(self) -> None:
        """Set the clock ahead, and let it stand."""
        self._set(self._java.org.apache.spark.util.ManualClock(int(time.time() * 1000) + self._ahead_ms))

    def __exit__(self, *_: object) -> None:
        """Let the clock go again as the system's does."""
        self._set(self._java.org.apache.spark.util.SystemClock())

    def _set(self, clock: Any) -> None:  # noqa: ANN401 - Java's
        self._java.org.apache.spark.sql.execution.datasources.v2.LowLatencyClock.setClock(clock)
