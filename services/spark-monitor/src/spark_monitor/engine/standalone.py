"""Spark's own master or worker, which compose.cluster.yaml runs from the monitor's image: `standalone master | worker`.

What is given up after a crash is cleared away first; then this process becomes Spark's.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pyspark

from servicekit.unreadable import why_unreadable
from spark_monitor.engine.java_options import LOST_AFTER_SECONDS, log_options, shared_classes

STATE = Path("/var/lib/spark-monitor/master")
"""What a master knows of workers and applications."""

WORKING = Path("/var/lib/spark-worker")
"""The state that a worker's queries work on; what counts of it is in their checkpoints."""

EXECUTORS = WORKING / "executors"
"""Where a worker starts its processes, each in a folder of its own."""

CLEANUP_SECONDS, KEPT_SECONDS = 600, 3600
"""How often what ended applications left is looked through, and how long it is kept."""

COMMON = f"-Dspark.worker.timeout={LOST_AFTER_SECONDS} -Dspark.ui.killEnabled=false"


def master(url: str) -> tuple[list[str], dict[str, str]]:
    """Return Spark's command for a master that is reached by `url` (spark://host:port), and its environment.

    It keeps what it knows in files: one master with Docker to start it again needs no election.
    """
    address = urlsplit(url)
    options = (
        f"{COMMON} -Dspark.deploy.recoveryMode=FILESYSTEM -Dspark.deploy.recoveryDirectory={STATE} "
        f"-Dspark.deploy.recoveryTimeout={LOST_AFTER_SECONDS} -Dspark.master.rest.enabled=false"
    )
    where = ["--host", str(address.hostname), "--port", str(address.port)]
    return ["org.apache.spark.deploy.master.Master", *where], {"SPARK_MASTER_OPTS": options}


def worker(url: str) -> tuple[list[str], dict[str, str]]:
    """Return Spark's command for a worker of the master at `url`, and its environment.

    How much it offers Spark reads itself: SPARK_WORKER_CORES and _MEMORY.
    """
    options = (
        f"{COMMON} -Dspark.worker.cleanup.enabled=true "
        f"-Dspark.worker.cleanup.interval={CLEANUP_SECONDS} -Dspark.worker.cleanup.appDataTtl={KEPT_SECONDS}"
    )
    return (
        ["org.apache.spark.deploy.worker.Worker", "--work-dir", str(EXECUTORS), url],
        {"SPARK_WORKER_OPTS": options, "SPARK_LOCAL_DIRS": str(WORKING)},
    )


def clear(folder: Path) -> None:
    """Remove what is in a folder, but not the folder: it may be a volume."""
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def command(role: str, env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return Spark's command for a role, and what it needs of the environment beside `env`."""
    arguments, more = {"master": master, "worker": worker}[role](env["SPARK_MASTER"])
    if secrets := env.get("SPARK_PROPERTIES_FILE"):
        arguments = [arguments[0], "--properties-file", secrets, *arguments[1:]]
    options = ["-XX:+UseSerialGC", log_options((env.get("LOG_LEVEL") or "info").lower()), *shared_classes()]
    return arguments, more | {"SPARK_DAEMON_JAVA_OPTS": " ".join(options)}


def main() -> None:
    """Become Spark's master or worker; the settings are in the environment."""
    role = sys.argv[1]
    if secrets := os.environ.get("SPARK_PROPERTIES_FILE"):
        try:
            Path(secrets).open("rb").close()
        except OSError as error:
            sys.exit(f"SPARK_PROPERTIES_FILE={secrets!r}: {why_unreadable(error, 'make secrets')}")
    arguments, more = command(role, os.environ)
    if role == "worker":
        clear(WORKING)
    spark_class = Path(pyspark.__file__).with_name("bin") / "spark-class"
    os.execve(spark_class, [str(spark_class), *arguments], os.environ | more)  # noqa: S606 - Spark's own script


if __name__ == "__main__":
    main()
