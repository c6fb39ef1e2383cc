"""What is told when the machine cannot run the stack."""

import socket
from pathlib import Path

import pytest

from devstack import prerequisites
from devstack.layout import Site
from devstack.processes import StackError


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the only one on the PATH."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put_program(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21" 2023-09-19', 21),
        ('openjdk version "25-ea" 2025-09-16', 25),
        ('java version "1.8.0_392"', 8),
        ("The operation couldn’t be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_java_version(said: str, version: int | None) -> None:
    assert prerequisites.java_version(said) == version


@pytest.mark.usefixtures("empty_path")
def test_missing_java_and_maven_are_a_line_each() -> None:
    with pytest.raises(StackError) as error:
        prerequisites.check(Site(kafka_port=0, zookeeper_port=0))
    assert str(error.value).splitlines() == [
        "Java: not found on the PATH; install Java 17 or newer, or set JAVA_HOME to one",
        "Maven: mvn not found on the PATH; install Maven (it fetches the jars)",
    ]


def test_old_java_is_told_with_its_version(empty_path: Path) -> None:
    put_program(empty_path / "java", 'openjdk version "11.0.2" 2019-01-15')
    assert prerequisites.java_problems() == [
        f"Java: {empty_path}/java is version 11; install Java 17 or newer, or set JAVA_HOME to one"
    ]


def test_java_home_goes_before_the_path(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(empty_path / "java", 'openjdk version "11.0.2"')
    put_program(empty_path / "jdk" / "bin" / "java", 'openjdk version "17.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(empty_path / "jdk"))
    assert prerequisites.java() == str(empty_path / "jdk" / "bin" / "java")
    assert prerequisites.java_problems() == []


def test_busy_port_is_told_with_its_purpose() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert prerequisites.port_problems(Site(kafka_port=0, zookeeper_port=port)) == [
            f"Port {port} (for ZooKeeper) is in use; is another `make run` or the compose stack up?"
        ]
