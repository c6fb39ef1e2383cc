"""The table in docs/security.md is whole, and each check behind it tells a good container from a bad one."""

import copy
from typing import Any

import pytest
from tests.stack.hardening import HOLDS, TABLE, not_held_by, rows

from devstack import compose_file

SERVICES = frozenset(
    service
    for file in ("compose.yaml", "compose.secure.yaml", "compose.cluster.yaml")
    for service in compose_file.services(file)
)
TEXT = TABLE.read_text("utf-8")

GOOD: dict[str, Any] = {
    "AppArmorProfile": "docker-default",
    "Args": ["--", "python", "-m", "producer_suhu"],
    "Config": {
        "Cmd": None,
        "Entrypoint": ["python", "-m", "producer_suhu"],
        "Env": ["PATH=/venv/bin:/bin", "KAFKA_BOOTSTRAP_SERVERS=kafka:9092", "KAFKA_PASSWORD_FILE=/run/secrets/suhu"],
        "Healthcheck": {"Test": ["CMD", "python", "-m", "servicekit.heartbeat"]},
        "Labels": {"com.docker.compose.service": "producer-suhu"},
        "User": "10001:10001",
    },
    "HostConfig": {
        "CapAdd": None,
        "CapDrop": ["ALL"],
        "CgroupParent": "",
        "CpuShares": 512,
        "Devices": None,
        "Init": True,
        "IpcMode": "private",
        "LogConfig": {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}},
        "Memory": 100663296,
        "NetworkMode": "warehouse_default",
        "PidMode": "",
        "PidsLimit": 512,
        "PortBindings": {},
        "Privileged": False,
        "PublishAllPorts": False,
        "ReadonlyRootfs": True,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
        "SecurityOpt": ["no-new-privileges:true"],
        "UTSMode": "",
        "Ulimits": [{"Name": "core", "Hard": 0, "Soft": 0}],
        "UsernsMode": "",
    },
    "Mounts": [
        {"Type": "bind", "Source": "/home/a/rules.yaml", "Propagation": "rprivate"},
        {"Type": "bind", "Source": "/home/a/infra/empty", "Propagation": "rprivate"},
        {"Type": "volume", "Source": "/var/lib/docker/volumes/data/_data", "Propagation": ""},
    ],
    "NetworkSettings": {"Networks": {"warehouse_default": {}}},
}  # fmt: skip

BAD: list[tuple[str, str, str, Any]] = [
    ("5.2", "HostConfig", "SecurityOpt", ["no-new-privileges:true", "apparmor:unconfined"]),
    ("5.3", "HostConfig", "SecurityOpt", ["no-new-privileges:true", "label=disable"]),
    ("5.4", "HostConfig", "CapDrop", None),
    ("5.4", "HostConfig", "CapAdd", ["NET_ADMIN"]),
    ("5.5", "HostConfig", "Privileged", True),
    ("5.6", "Mounts", "", [{"Type": "bind", "Source": "/etc/ssl", "Propagation": "rprivate"}]),
    ("5.6", "Mounts", "", [{"Type": "bind", "Source": "/dev/null", "Propagation": "rprivate"}]),
    ("5.6", "Mounts", "", [{"Type": "bind", "Source": "/", "Propagation": "rprivate"}]),
    ("5.8", "HostConfig", "PortBindings", {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]}),
    ("5.9", "HostConfig", "PortBindings", {"9/tcp": [{"HostIp": "127.0.0.1", "HostPort": "2000"}]}),
    ("5.9", "HostConfig", "PublishAllPorts", True),
    ("5.10", "HostConfig", "NetworkMode", "host"),
    ("5.11", "HostConfig", "Memory", 0),
    ("5.12", "HostConfig", "CpuShares", 0),
    ("5.13", "HostConfig", "ReadonlyRootfs", False),
    ("5.14", "HostConfig", "PortBindings", {"9/tcp": [{"HostIp": "", "HostPort": "2000"}]}),
    ("5.14", "HostConfig", "PortBindings", {"9/tcp": [{"HostIp": "0.0.0.0", "HostPort": "2000"}]}),  # noqa: S104
    ("5.15", "HostConfig", "RestartPolicy", {"Name": "always", "MaximumRetryCount": 0}),
    ("5.16", "HostConfig", "PidMode", "host"),
    ("5.17", "HostConfig", "IpcMode", "host"),
    ("5.18", "HostConfig", "Devices", [{"PathOnHost": "/dev/sda"}]),
    ("5.19", "HostConfig", "Ulimits", None),
    ("5.20", "Mounts", "", [{"Type": "bind", "Source": "/srv", "Propagation": "rshared"}]),
    ("5.21", "HostConfig", "UTSMode", "host"),
    ("5.22", "HostConfig", "SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]),
    ("5.25", "HostConfig", "CgroupParent", "/"),
    ("5.26", "HostConfig", "SecurityOpt", None),
    ("5.27", "Config", "Healthcheck", None),
    ("5.27", "Config", "Healthcheck", {"Test": ["NONE"]}),
    ("5.29", "HostConfig", "PidsLimit", None),
    ("5.30", "NetworkSettings", "Networks", {"bridge": {}}),
    ("5.31", "HostConfig", "UsernsMode", "host"),
    ("5.32", "Mounts", "", [{"Type": "bind", "Source": "/run/docker.sock", "Propagation": "rprivate"}]),
    ("4.1", "Config", "User", ""),
    ("4.1", "Config", "User", "0:1000"),
    ("4.10", "Config", "Env", ["KAFKA_PASSWORD=rahasia"]),
    ("4.10", "Config", "Env", ["DATABASE=postgres://gudang:rahasia@host/db"]),
    ("4.10", "Config", "Cmd", ["producer", "--password=rahasia"]),
    ("4.10", "Config", "Healthcheck", {"Test": ["CMD-SHELL", "ask --set password=rahasia"]}),
    ("init", "HostConfig", "Init", None),
    ("logs", "HostConfig", "LogConfig", {"Type": "json-file", "Config": {}}),
    ("restart", "HostConfig", "RestartPolicy", {"Name": "no", "MaximumRetryCount": 0}),
]  # fmt: skip


def test_the_table_has_each_item_of_the_section_once_and_ours_behind_them() -> None:
    items = [row.item for row in rows(TEXT, SERVICES)]
    assert items == [f"5.{number}" for number in range(1, 33)] + ["4.1", "4.10", "init", "logs", "restart"]


def test_what_a_container_can_hold_is_checked_and_the_rest_is_said_to_be_elsewhere() -> None:
    assert {row.item for row in rows(TEXT, SERVICES) if row.exceptions is not None} == HOLDS.keys()


def test_what_is_not_held_has_a_reason_and_names_services_that_there_are() -> None:
    for row in rows(TEXT, SERVICES):
        assert (row.exceptions or set()) <= SERVICES, row.item
        assert row.exceptions == frozenset() or row.why, row.item


def test_a_row_says_who_holds_it() -> None:
    text = "| 5.5 | a | all but `kafka`, `topic-init` | b |\n| 5.6 | a | no | b |\n| 5.7 | a | elsewhere | |\n"
    assert [row.exceptions for row in rows(text, {"kafka", "topic-init", "x"})] == [
        {"kafka", "topic-init"}, {"kafka", "topic-init", "x"}, None,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="expected yes, no, elsewhere"):
        rows("| 5.5 | a | perhaps | b |", {"x"})


@pytest.mark.parametrize("item", HOLDS)
def test_a_good_container_holds_it(item: str) -> None:
    assert not_held_by(item, [GOOD]) == set()


@pytest.mark.parametrize(("item", "part", "name", "value"), BAD)
def test_a_bad_container_does_not(item: str, part: str, name: str, value: Any) -> None:
    bad = copy.deepcopy(GOOD)
    if name:
        bad[part][name] = value
    else:
        bad[part] = value
    assert not_held_by(item, [GOOD, bad]) == {"producer-suhu"}


def test_each_check_has_a_bad_container() -> None:
    assert {item for item, *_ in BAD} == HOLDS.keys()
