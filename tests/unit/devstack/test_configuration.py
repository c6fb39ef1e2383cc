"""What ZooKeeper, Kafka and the services are told."""

from pathlib import Path

import pytest

from devstack.kafka import broker_properties, zookeeper_properties
from devstack.layout import Site
from devstack.stack import old_setting, user_environment

SITE = Site(kafka_port=1001, zookeeper_port=1002)


def parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_kafka_listens_on_loopback_only_and_creates_no_topics() -> None:
    config = parsed(broker_properties(SITE))
    assert config["listeners"] == "PLAINTEXT://127.0.0.1:1001"
    assert config["advertised.listeners"] == "PLAINTEXT://localhost:1001"
    assert config["zookeeper.connect"] == "127.0.0.1:1002"
    assert config["auto.create.topics.enable"] == "false"


def test_zookeeper_listens_on_loopback_only() -> None:
    config = parsed(zookeeper_properties(SITE))
    assert config["clientPort"] == "1002"
    assert config["clientPortAddress"] == "127.0.0.1"
    assert config["admin.enableServer"] == "false"


def test_the_real_environment_goes_before_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("SUHU_MAX=75\nLOG_LEVEL=debug\n")
    assert user_environment(dotenv, {"SUHU_MAX": "85", "TZ": "Asia/Jakarta"}) == {
        "SUHU_MAX": "85",
        "LOG_LEVEL": "debug",
        "TZ": "Asia/Jakarta",
    }


@pytest.mark.parametrize(
    ("inherited", "written", "mode"),
    [
        ({"DISPLAY": "changes"}, "", "changes"),
        ({}, "DISPLAY=incidents", "incidents"),
        ({"DISPLAY": ":0"}, "DISPLAY=changes", "changes"),
        ({"DISPLAY": "all"}, "DISPLAY=changes", "all"),
        ({"DISPLAY": ":0"}, "", None),
        ({"DISPLAY": "changes", "SHOW": "all"}, "", None),
        ({"DISPLAY": "changes"}, "SHOW=all", None),
    ],
)
def test_who_still_sets_display_is_told(
    tmp_path: Path, inherited: dict[str, str], written: str, mode: str | None
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(written)
    line = f"[Setelan Lama] DISPLAY tidak dibaca lagi, pakai SHOW={mode}" if mode else None
    assert old_setting(dotenv, inherited) == line
