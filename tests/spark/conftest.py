"""One Spark with the monitor's own Java for all tests of the DataFrame functions; no Kafka."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from devstack import jars
from devstack.layout import Site
from devstack.processes import running
from rules import file as rules_file
from rules.model import Rules
from spark_monitor.engine.java_options import MEMORY_AND_COMPILER, class_path

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with running(tmp_path_factory.mktemp("jars-log")) as processes:
        os.environ["SPARK_DIST_CLASSPATH"] = class_path(jars.fetch(jars.SPARK_POM, Site().jars, processes))
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.python.sql.dataFrameDebugging.enabled", "false")
        .config("spark.driver.extraJavaOptions", MEMORY_AND_COMPILER)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "Asia/Jakarta")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.streaming.stateStore.checkpointFormatVersion", "2")
        .config(
            "spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        )
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def warehouse() -> Rules:
    return rules_file.load(ROOT / "services/spark-monitor/rules.yaml")
