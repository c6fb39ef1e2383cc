"""The two streaming queries: Kafka in, pure functions between, Kafka out."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from spark_monitor.alerts import alert_messages
from spark_monitor.readings import accepted, decode
from spark_monitor.refusals import refusal_message
from spark_monitor.rules import Rules
from spark_monitor.settings import MonitorSettings
from spark_monitor.slots import STATE_PARTITIONS
from spark_monitor.status import READINGS_A_SLOT, SLOT_SECONDS, SLOTS, status_messages, with_contemporaries, with_newest

ALERTS_QUERY = "alerts"
STATUS_QUERY = "status"


def open_session(config: MonitorSettings, task_slots: int) -> SparkSession:
    """Start Spark inside this container with `task_slots` threads."""
    log4j = Path(__file__).with_name("log4j2.properties")
    spark_log = "warn" if config.log_level == "debug" else "error"
    jvm = f"-XX:+UseSerialGC -Dlog4j2.configurationFile={log4j} -Dspark.monitor.log={spark_log}"
    options = {
        "spark.jars": ",".join(str(jar) for jar in sorted(config.spark_jars_dir.glob("*.jar"))),
        "spark.driver.memory": config.driver_memory,
        "spark.driver.extraJavaOptions": jvm,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": config.tz,
        "spark.sql.shuffle.partitions": str(STATE_PARTITIONS),
        # Real-time Mode knows neither.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
        # Real-time Mode repeats a failed batch; format 1 could then reuse its half-written state files.
        "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
        # A reading waits this long for company on its way to a stateful step. The default makes up nine tenths of the
        # status's latency: p50 30 ms instead of 4, measured at 300 readings/s.
        "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": "2",
        # Spark allows one aggregation after another only where each result is final. Here every reading passes both
        # exactly once, which is what Real-time Mode's aggregation does (tests/spark/test_status.py, and the integration
        # test that counts statuses). The check has no finer switch.
        "spark.sql.streaming.unsupportedOperationCheck": "false",
    }
    builder = SparkSession.builder.master(f"local[{task_slots}]").appName("spark-monitor")
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def alerts_and_refusals(messages: DataFrame, rules: Rules) -> DataFrame:
    """Kafka rows in, rows of `topic, key, value, headers` out: the alerts, and the messages that can't be used."""
    outgoing = F.array(refusal_message(), *alert_messages(rules))
    sent = F.explode(F.filter(outgoing, lambda message: message.isNotNull()))
    return decode(messages, rules).select(sent.alias("message")).select("message.*")


def statuses(messages: DataFrame, rules: Rules) -> DataFrame:
    """Kafka rows in, rows of `topic, key, value, headers` out: the combined statuses."""
    readings = accepted(decode(messages, rules))
    return status_messages(with_contemporaries(with_newest(readings, rules), rules), rules)


def starters(spark: SparkSession, config: MonitorSettings, rules: Rules) -> dict[str, Callable[[], StreamingQuery]]:
    """Return, for each query by name, what starts it."""
    transforms = {ALERTS_QUERY: alerts_and_refusals}
    if rules.statuses:
        transforms[STATUS_QUERY] = statuses

    def starter(name: str) -> Callable[[], StreamingQuery]:
        def start() -> StreamingQuery:
            starting = "earliest" if starts_anew(config, rules, name) else config.starting_offsets
            messages = _read(spark, config, read_by(rules)[name], starting)
            return _start(name, transforms[name](messages, rules), checkpoint(config, rules, name), config)

        return start

    return {name: starter(name) for name in transforms}


def starts_anew(config: MonitorSettings, rules: Rules, query: str) -> bool:
    """Say whether a query has checkpoints, but none for what the rules let it keep now."""
    return not checkpoint(config, rules, query).exists() and any(config.checkpoint_dir.glob(f"{query}*"))


def read_by(rules: Rules) -> dict[str, tuple[str, ...]]:
    """Return the topics that each query reads, by its name: for the status only those that it combines."""
    return {ALERTS_QUERY: rules.topics, STATUS_QUERY: rules.combined_topics}


def checkpoint(config: MonitorSettings, rules: Rules, query: str) -> Path:
    """Return the folder with a query's checkpoint.

    What the status query keeps depends on the streams that are combined. When they change, Spark can't take the old
    state, so another layout has another folder: the query starts anew there, from the readings that Kafka still has.
    """
    if query == ALERTS_QUERY:
        return config.checkpoint_dir / query
    combined = {name: status.streams for name, status in rules.statuses.items()}
    layout = json.dumps([combined, rules.combined_streams, STATE_PARTITIONS, SLOT_SECONDS, SLOTS, READINGS_A_SLOT])
    return config.checkpoint_dir / f"{query}-{hashlib.sha256(layout.encode()).hexdigest()[:8]}"


def _read(spark: SparkSession, config: MonitorSettings, topics: Iterable[str], starting: str) -> DataFrame:
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", config.kafka_bootstrap_servers)
        .option("subscribe", ",".join(topics))
        .option("startingOffsets", starting)
        # Readings that outlived their retention while the monitor was away are gone; watching on matters more.
        .option("failOnDataLoss", "false")
        .load()
    )


def _start(name: str, outgoing: DataFrame, folder: Path, config: MonitorSettings) -> StreamingQuery:
    query: StreamingQuery = (
        outgoing.writeStream.queryName(name)
        .format("kafka")
        .option("kafka.bootstrap.servers", config.kafka_bootstrap_servers)
        # A refused message goes on whole, with headers: a little larger than the largest that came in.
        .option("kafka.max.request.size", str(2 * 1024 * 1024))
        .option("checkpointLocation", str(folder))
        .outputMode("update")
        .trigger(realTime=f"{config.checkpoint_minutes} minutes")  # type: ignore[call-overload]  # not in its types yet
        .start()
    )
    return query
