"""Kafka's messages as Spark's rows: as they come, or those between two offsets."""

import json
from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession

from servicekit.kafka_client import REQUEST_TIMEOUT_MS
from spark_monitor.engine.checkpoints import Offsets
from spark_monitor.settings import MonitorSettings

OFFSETS_RETRIES = 18
"""With a Kafka that is wholly gone the query waits for three minutes, as by default, before it dies."""


NEVER_SO_MANY = str(10**12)
"""Messages. A batch is to come by the time alone."""

WITHOUT_TELEMETRY = {"kafka.enable.metrics.push": "false"}
"""For readers and writers. No broker asks for a client's figures; by default each poll works out when to ask."""


def security(config: MonitorSettings) -> dict[str, str]:
    """Return how Spark speaks to Kafka. Read at each start of a query: a changed password needs no other Spark."""
    return {f"kafka.{name}": value for name, value in config.kafka_security.for_java().items()}


def as_they_come(
    spark: SparkSession,
    config: MonitorSettings,
    topics: Iterable[str],
    starting: Offsets,
    *,
    at_once: int | None = None,
    every: float | None = None,
) -> DataFrame:
    """Return what comes from `starting` on. Real-time Mode knows none of the bounds.

    `at_once`: how many messages a batch may have. `every`: after how many seconds messages make a batch by themselves;
    another source's batch does not take them along before.
    """
    bounds = {} if at_once is None else {"maxOffsetsPerTrigger": str(at_once)}
    if every is not None:
        bounds |= {"minOffsetsPerTrigger": NEVER_SO_MANY, "maxTriggerDelay": f"{every:g}s"}
    return (
        spark.readStream.format("kafka")
        .options(**_options(config, starting), **bounds)
        .option("subscribe", ",".join(topics))
        .load()
    )


def between(spark: SparkSession, config: MonitorSettings, start: Offsets, end: Offsets) -> DataFrame:
    """Return what lies from `start` until before `end`, of the same partitions. Spark reads it when it is needed."""
    places = {topic: [int(number) for number in of] for topic, of in start.items()}
    return (
        spark.read.format("kafka")
        .options(**_options(config, start))
        .option("assign", json.dumps(places))
        .option("endingOffsets", json.dumps(end))
        .load()
    )


def _options(config: MonitorSettings, starting: Offsets) -> dict[str, str]:
    return {
        "kafka.bootstrap.servers": config.kafka_bootstrap_servers,
        **security(config),
        **WITHOUT_TELEMETRY,
        "kafka.request.timeout.ms": str(REQUEST_TIMEOUT_MS),
        # Where a partition ends is asked of the broker that had it. With that one gone, Kafka's client asks in vain for
        # this long before Spark looks again who has it now; by default a minute, in which no alert would come.
        "kafka.default.api.timeout.ms": str(REQUEST_TIMEOUT_MS),
        "fetchOffset.numRetries": str(OFFSETS_RETRIES),
        "startingOffsets": json.dumps(starting),
        # Readings that outlived their retention while the monitor was away are gone; watching on matters more.
        "failOnDataLoss": "false",
    }
