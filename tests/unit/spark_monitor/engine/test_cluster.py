"""What Spark is told of where its tasks run, and what its own master and worker are told."""

import re
import socket
import sys
from pathlib import Path

import pytest
from tests.unreadable import unreadable

from spark_monitor.engine import standalone
from spark_monitor.engine.cluster import place
from spark_monitor.engine.java_options import log_options
from spark_monitor.engine.standalone import clear, command, master, worker
from spark_monitor.settings import MonitorSettings

DOCKERFILE = Path(__file__).parents[4] / "services" / "spark-monitor" / "Dockerfile"


@pytest.fixture
def config() -> MonitorSettings:
    return MonitorSettings(spark_master="spark://spark-master:7077", executor_memory="3g")


def test_without_a_master_all_tasks_run_in_this_process_and_nobody_else_comes_in() -> None:
    assert place(MonitorSettings(spark_master=None), 10) == {
        "spark.master": "local[10]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }


def test_with_a_master_the_executors_call_back_and_have_the_memory_that_was_asked_for(config: MonitorSettings) -> None:
    told = place(config, 64)
    assert told["spark.master"] == "spark://spark-master:7077"
    assert told["spark.driver.host"] == socket.gethostname()
    assert told["spark.executor.memory"] == "3g"


def test_the_jars_are_those_of_the_image_wherever_it_runs() -> None:
    """Spark puts them on the class path of each of its Java machines, so nobody must be told of them."""
    (said,) = re.findall(r"SPARK_JARS_DIR=(\S+) SPARK_DIST_CLASSPATH=(\S+)", DOCKERFILE.read_text("utf-8"))
    assert said == ("/jars", "/jars/spark-monitor-jvm.jar:/jars/*")


def test_a_failed_task_ends_its_query_on_a_cluster_too(config: MonitorSettings) -> None:
    """Spark would repeat it alone, without what the tasks before it had handed on."""
    assert place(config, 64)["spark.task.maxFailures"] == "1"


def test_an_executor_that_is_silent_is_given_up_within_20_seconds(config: MonitorSettings) -> None:
    told = place(config, 64)
    beat, look = (int(told[f"spark.{name}"].removesuffix("s")) for name in BEATS)
    silent = int(told["spark.storage.blockManagerHeartbeatTimeoutMs"]) / 1000
    assert silent + look <= 20
    assert beat * 3 <= silent, "one late beat is no death"


BEATS = ("executor.heartbeatInterval", "network.timeoutInterval")


def test_the_executors_share_the_image_s_classes(config: MonitorSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-XX:SharedArchiveFile=/classes.jsa")
    assert "-XX:SharedArchiveFile=/classes.jsa" in place(config, 64)["spark.executor.extraJavaOptions"].split()


@pytest.mark.parametrize("configuration", ["log4j2.properties", "log4j2-executor.properties"])
def test_the_log_s_configuration_is_there(configuration: str) -> None:
    file = log_options("info", configuration).split()[0].removeprefix("-Dlog4j2.configurationFile=")
    assert Path(file).is_file()


def test_the_master_is_reached_by_its_url_and_keeps_what_it_knows() -> None:
    arguments, env = master("spark://spark-master:7077")
    assert arguments == [
        "org.apache.spark.deploy.master.Master", "--host", "spark-master", "--port", "7077",
    ]  # fmt: skip
    assert "-Dspark.deploy.recoveryMode=FILESYSTEM" in env["SPARK_MASTER_OPTS"].split()
    assert "-Dspark.worker.timeout=15" in env["SPARK_MASTER_OPTS"].split()


def test_the_master_takes_no_programs_from_the_web() -> None:
    assert "-Dspark.master.rest.enabled=false" in master("spark://spark-master:7077")[1]["SPARK_MASTER_OPTS"].split()


def test_a_worker_joins_the_master_and_keeps_its_state_in_a_folder_of_its_own() -> None:
    arguments, env = worker("spark://spark-master:7077")
    assert arguments[0] == "org.apache.spark.deploy.worker.Worker"
    assert arguments[-1] == "spark://spark-master:7077"
    assert env["SPARK_LOCAL_DIRS"] == "/var/lib/spark-worker"


def test_what_a_killed_worker_left_is_removed_and_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "spark-1" / "blockmgr-1").mkdir(parents=True)
    (tmp_path / "spark-1" / "blockmgr-1" / "state").write_text("x")
    (tmp_path / "left").write_text("x")
    clear(tmp_path)
    assert tmp_path.is_dir()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("role", ["master", "worker"])
def test_master_and_workers_have_their_password_from_a_file(role: str) -> None:
    env = {"SPARK_MASTER": "spark://spark-master:7077"}
    assert "--properties-file" not in command(role, env)[0]
    arguments, _ = command(role, env | {"SPARK_PROPERTIES_FILE": "/run/secrets/spark.properties"})
    assert arguments[1:3] == ["--properties-file", "/run/secrets/spark.properties"]


def test_spark_s_password_with_the_wrong_rights_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "spark.properties"
    file.touch()
    monkeypatch.setenv("SPARK_PROPERTIES_FILE", str(file))
    monkeypatch.setattr(sys, "argv", ["standalone", "worker"])
    with unreadable(file) as user, pytest.raises(SystemExit) as caught:
        standalone.main()
    assert caught.value.code == (
        f"SPARK_PROPERTIES_FILE={str(file)!r}: user {user} can't read it; on the host: make secrets"
    )


@pytest.mark.parametrize(
    ("level", "of_spark"), [("debug", "warn"), ("DEBUG", "warn"), ("info", "error"), ("", "error")]
)
def test_master_and_workers_log_as_the_monitor_does(level: str, of_spark: str) -> None:
    _, env = command("master", {"SPARK_MASTER": "spark://spark-master:7077", "LOG_LEVEL": level})
    assert f"-Dmonitor.log={of_spark}" in env["SPARK_DAEMON_JAVA_OPTS"].split()
