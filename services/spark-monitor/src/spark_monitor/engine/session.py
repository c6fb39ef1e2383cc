"""Spark's session: its settings, and the Java machine that it runs in."""

import os
import shutil
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from spark_monitor.engine.checkpoint_storage import FILE_MANAGER
from spark_monitor.engine.cluster import ClusterError, place
from spark_monitor.engine.java_options import MEMORY_AND_COMPILER, class_path, log_options
from spark_monitor.engine.supervisor import cause_of
from spark_monitor.settings import MonitorSettings

CHECKPOINTING = "org.apache.spark.sql.execution.streaming.checkpointing"


def open_session(config: MonitorSettings, task_slots: int) -> SparkSession:
    """Start Spark; inside this process, if it runs there, with `task_slots` threads. Raises ClusterError."""
    try:
        return SparkSession.builder.config(conf=_conf(config, task_slots)).getOrCreate()
    except Py4JJavaError as error:
        raise ClusterError(f"Spark does not start: {cause_of(error)}") from error


def java(config: MonitorSettings, task_slots: int) -> Any:  # noqa: ANN401 - py4j's view of Java
    """Start the Java machine in which `open_session` will start Spark; return a view of its classes."""
    SparkContext._ensure_initialized(conf=_conf(config, task_slots))  # noqa: SLF001 - else only with Spark in it
    return SparkContext._jvm  # noqa: SLF001


def _conf(config: MonitorSettings, task_slots: int) -> SparkConf:
    """Return Spark's settings, and set what is told in the environment."""
    # Not `spark.jars`: those are known too late for the file system, and are copied at each start. An executor of a
    # cluster has them from its image, which says the same.
    os.environ["SPARK_DIST_CLASSPATH"] = class_path(config.spark_jars_dir)
    # As a file, not as options: those stand in the list of processes.
    if config.spark_properties_file is not None:
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {config.spark_properties_file} pyspark-shell"
    options = {
        "spark.driver.memory": config.driver_memory,
        "spark.local.dir": str(_emptied(config.checkpoint_dir / "working")),
        "spark.driver.extraJavaOptions": f"{MEMORY_AND_COMPILER} {log_options(config.log_level)}",
        # Where in Python each column was made: nobody asks, and it is half of what building the queries takes.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # What nobody looks at without the UI, and Spark keeps all the same: of the last thousand queries, by default.
        "spark.sql.ui.retainedExecutions": "10",
        "spark.ui.retainedJobs": "10",
        "spark.ui.retainedStages": "10",
        "spark.ui.retainedTasks": "100",
        "spark.sql.session.timeZone": config.zone.key,
        "spark.sql.shuffle.partitions": str(config.state_partitions),
        "spark.sql.adaptive.enabled": "false",  # Real-time Mode does not know it.
        # A whole stage in one method is longer than the 8,000 bytes that Java compiles: it would stay interpreted.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
        # Nobody looks at the number of rows, which costs a look into the store at each write.
        "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows": "false",
        # All state stores together, in MB. Without it each takes what it likes.
        "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
        "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB": "128",
        # A file's index must fit into a sixty-fourth of that, or it is read and unpacked again for each look. With two
        # hours of 1,000 warehouses, blocks of 4 KB (the default) serve 600 readings a second so, blocks of 16 KB 2,000;
        # with these 2,000 are no effort.
        "spark.sql.streaming.stateStore.rocksdb.blockSizeKB": "64",
        "spark.sql.streaming.stateStore.rocksdb.highPriorityPoolRatio": "0.4",
        # How many boundaries back a query could be set, which nobody does: a start needs the last two. By the default,
        # a hundred, the disk would fill for eight hours.
        "spark.sql.streaming.minBatchesToRetain": "3",
        # Of the state all boundaries since the third last whole copy are kept. With a copy at every tenth, the default,
        # those are thirty, and the disk would fill for two hours and a half. A copy is only what is new since the last.
        "spark.sql.streaming.stateStore.minDeltasForSnapshot": "1",
        # By default Hadoop starts a process for each right and each link of a file: forty for a small batch.
        "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
        # Real-time Mode repeats a failed batch; format 1 could then reuse its half-written state files.
        "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
        # A reading waits this long at most for company on its way to the stateful step. The default makes up
        # nine tenths of the status's latency. Less costs more at rest: the task wakes as often.
        "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": "4",
    }
    conf = SparkConf(loadDefaults=False).setAppName("spark-monitor")
    return conf.setAll(list((options | place(config, task_slots) | _files_of(config.checkpoint_location)).items()))


def _files_of(location: str | None) -> dict[str, str]:
    """Return the option that says how a checkpoint's files are made there, so that each is whole or not there."""
    if location is None:
        return {FILE_MANAGER: f"{CHECKPOINTING}.FileSystemBasedCheckpointFileManager"}
    if location.startswith("s3a:"):
        # An object store has no rename. It shows a file once all of it is there, and an upload can be given up.
        return {FILE_MANAGER: "org.apache.spark.internal.io.cloud.AbortableStreamBasedCheckpointFileManager"}
    return {}


def _emptied(folder: Path) -> Path:
    """Return a folder for the state that is worked on, without what a killed monitor left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
