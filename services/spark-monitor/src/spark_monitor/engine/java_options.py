"""What Spark's Java machines are told, wherever they run."""

import os
from pathlib import Path

MEMORY_AND_COMPILER = (
    # Buffers of Kafka's client and of the shuffle, which without a limit may take as much as the heap again.
    "-XX:+UseSerialGC -XX:MaxDirectMemorySize=256m "
    # What Spark's classes take. By default Java collects the whole heap whenever they grow past a bound, six times in
    # the first minute, and no reading moves for up to 0.3 s.
    "-XX:MetaspaceSize=192m "
    # Only the first compiler: the second takes a core for minutes, while readings wait for it.
    "-XX:TieredStopAtLevel=1"
)
"""Of a Java that works on readings. Measured in docs/performance.md."""

LOST_AFTER_SECONDS = 15
"""Who is silent that long is gone, in a cluster. Spark's own minute, or two, would be a silence of the monitor."""


OWN_JAR = "spark-monitor-jvm.jar"
"""Our own classes, made of services/spark-monitor/jvm."""


def class_path(jars: Path) -> str:
    """Return what Java is told of the folder with the connector's jars and our own. Raises FileNotFoundError.

    Ours comes first: one of its classes replaces one of Kafka's client.
    """
    own = jars / OWN_JAR
    if not own.exists():
        raise FileNotFoundError(f"SPARK_JARS_DIR={str(jars)!r}: expected a folder with {OWN_JAR} (built by `make run`)")
    return f"{own}:{jars}/*"


def log_options(level: str, configuration: str = "log4j2.properties") -> str:
    """Return the Java options that make Spark log as the monitor does; its warnings only when debugging."""
    log4j = Path(__file__).with_name(configuration)
    return f"-Dlog4j2.configurationFile={log4j} -Dmonitor.log={'warn' if level == 'debug' else 'error'}"


def shared_classes() -> list[str]:
    """Return the options for the image's archive of loaded classes; none where there is none.

    Spark itself gives them to its driver only; the others would load each class by themselves.
    """
    return os.environ.get("SPARK_SUBMIT_OPTS", "").split()
