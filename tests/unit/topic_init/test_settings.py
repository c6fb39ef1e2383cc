"""The environment's part."""

import os
from pathlib import Path

import pytest

from servicekit.settings import load
from topic_init.settings import Settings


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() & {field.upper() for field in Settings.model_fields}:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load(Settings)
    assert (settings.topic_partitions, settings.topic_replication, settings.topic_retention_hours) == (1, 1, 168)
    assert (settings.topics_file, settings.wait_seconds) == (Path("topics.yaml"), 120)


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "TOPIC_PARTITIONS": "2",
        "TOPIC_REPLICATION": "3",
        "TOPIC_RETENTION_HOURS": "4",
        "TOPICS_FILE": "/x/y.yaml",
        "WAIT_SECONDS": "0.5",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load(Settings)
    assert {name: str(getattr(settings, name.lower())) for name in values} == values


def test_every_wrong_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "TOPIC_PARTITIONS": "0",
        "TOPIC_REPLICATION": "two",
        "TOPIC_RETENTION_HOURS": "0.5",
        "WAIT_SECONDS": "inf",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load(Settings)
    lines = str(caught.value.code).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{name}={value!r}" for name, value in wrong.items()]
