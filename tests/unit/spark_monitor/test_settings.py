"""The monitor's part of the environment."""

import os
from pathlib import Path

import pytest

from sensorkit.settings import load
from spark_monitor.settings import MonitorSettings


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() & {field.upper() for field in MonitorSettings.model_fields}:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load(MonitorSettings)
    assert (settings.display, settings.tz, settings.starting_offsets) == ("all", "Asia/Jakarta", "earliest")
    assert (settings.checkpoint_minutes, settings.driver_memory) == (5, "512m")
    assert (settings.state_partitions, settings.spark_master, settings.executor_memory) == (2, None, "512m")


@pytest.mark.parametrize("mode", ["all", "changes", "incidents"])
def test_what_may_be_shown(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("DISPLAY", mode)
    assert load(MonitorSettings).display == mode


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "CHECKPOINT_DIR": "/x/checkpoints",
        "SPARK_JARS_DIR": "/x/jars",
        "CHECKPOINT_MINUTES": "60",
        "CHECKPOINT_LOCATION": "s3a://warehouse/checkpoints",
        "DRIVER_MEMORY": "2g",
        "STATE_PARTITIONS": "12",
        "SPARK_MASTER": "spark://spark-master:7077",
        "EXECUTOR_MEMORY": "3g",
        "STARTING_OFFSETS": "latest",
        "DISPLAY": "changes",
        "TZ": "Asia/Makassar",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load(MonitorSettings)
    assert {name: str(getattr(settings, name.lower())) for name in values} == values
    assert settings.checkpoint_dir == Path("/x/checkpoints")


@pytest.mark.parametrize(
    "screen",
    [":0", ":1.0", "localhost:10.0", "build-2.example:11", "unix:0", "/private/tmp/com.apple.launchd.x/org.xquartz:0"],
)
def test_a_desktop_s_display_is_no_setting(monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    assert load(MonitorSettings).display == "all"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("DISPLAY", "some", "all, changes or incidents"),
        ("DISPLAY", "changes:", "all, changes or incidents"),
        ("TZ", "WIB", "a time zone like Asia/Jakarta"),
        ("STARTING_OFFSETS", "newest", "earliest or latest"),
        ("CHECKPOINT_MINUTES", "0", "whole minutes, 1 to 60"),
        ("CHECKPOINT_MINUTES", "61", "whole minutes, 1 to 60"),
        ("CHECKPOINT_MINUTES", "1.5", "whole minutes, 1 to 60"),
        ("CHECKPOINT_LOCATION", "bucket/folder", "an address like s3a://bucket/folder, or nothing"),
        ("DRIVER_MEMORY", "2GB", "a size like 512m or 2g"),
        ("DRIVER_MEMORY", "512", "a size like 512m or 2g"),
        ("STATE_PARTITIONS", "0", "a whole number, 1 to 1000"),
        ("EXECUTOR_MEMORY", "2GB", "a size like 512m or 2g"),
        ("SPARK_MASTER", "local[4]", "spark://host:port, or nothing"),
        ("SPARK_MASTER", "spark://spark-master", "spark://host:port, or nothing"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as caught:
        load(MonitorSettings)
    (line,) = str(caught.value.code).splitlines()
    assert line.startswith(f"{variable}={value!r}: expected {expected}; ")
