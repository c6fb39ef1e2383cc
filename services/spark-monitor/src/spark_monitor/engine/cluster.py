"""Where Spark's tasks run: inside this process, or in the workers of a Spark cluster (`SPARK_MASTER`)."""

import socket
import threading
import time
from typing import Any

from pyspark.sql import SparkSession

from spark_monitor.engine.java_options import LOST_AFTER_SECONDS, MEMORY_AND_COMPILER, log_options, shared_classes
from spark_monitor.engine.task_slots import shortage
from spark_monitor.settings import MonitorSettings

BEAT_SECONDS = 3
WORKERS_SECONDS = 60
"""How long workers have to offer their slots; then the process ends and is started again, to try again."""

LOOK_SECONDS = 0.5


class ClusterError(Exception):
    """The cluster can't do the work; the text says why."""


def place(config: MonitorSettings, task_slots: int) -> dict[str, str]:
    """Return Spark's options that say where its tasks run; with `task_slots` threads if it is in this process."""
    if config.spark_master is None:
        return {
            "spark.master": f"local[{task_slots}]",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
        }
    return {
        "spark.master": config.spark_master,
        # The workers call back.
        "spark.driver.host": socket.gethostname(),
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - the container's own network
        "spark.executor.memory": config.executor_memory,
        "spark.executor.extraJavaOptions": " ".join(
            [MEMORY_AND_COMPILER, log_options(config.log_level, "log4j2-executor.properties"), *shared_classes()]
        ),
        # What an executor prints otherwise is in a file beside its work.
        "spark.executor.logs.rolling.strategy": "size",
        "spark.executor.logs.rolling.maxSize": str(1024 * 1024),
        "spark.executor.logs.rolling.maxRetainedFiles": "2",
        # A failed task ends its query, as it does inside one process: the supervisor starts it again at the boundary.
        "spark.task.maxFailures": "1",
        "spark.executor.heartbeatInterval": f"{BEAT_SECONDS}s",
        "spark.network.timeoutInterval": f"{BEAT_SECONDS}s",
        "spark.storage.blockManagerHeartbeatTimeoutMs": f"{LOST_AFTER_SECONDS * 1000}",
    }


def slots(spark: SparkSession) -> int:
    """Return how many task slots all executors have together."""
    # Not defaultParallelism, which is two when there are none.
    context: Any = spark.sparkContext._jsc.sc()  # noqa: SLF001 - the only way to ask
    return int(context.maxNumConcurrentTasks(context.resourceProfileManager().defaultResourceProfile()))


def wait_for_slots(spark: SparkSession, needed: int, stop: threading.Event) -> None:
    """Wait until the executors have as many slots as are needed. Raises ClusterError.

    Inside one process they are there at once.
    """
    deadline = time.monotonic() + WORKERS_SECONDS
    while (too_few := shortage(needed, slots(spark))) and not stop.is_set():
        if time.monotonic() >= deadline:
            raise ClusterError(too_few)
        stop.wait(LOOK_SECONDS)
