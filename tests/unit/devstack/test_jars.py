"""Maven is called when the pom is new, and only then."""

import os
from pathlib import Path

import pytest

from devstack.jars import fetch
from devstack.processes import StackError, running


def put_maven(folder: Path, script: str) -> None:
    """Put a stand-in for Maven on the PATH; it finds the output folder in its last argument."""
    program = folder / "mvn"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\nout="${{last#-Djars=}}"\n{script}\n')
    program.chmod(0o755)


@pytest.fixture
def pom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    pom = tmp_path / "things" / "pom.xml"
    pom.parent.mkdir()
    pom.write_text("<project/>")
    return pom


def test_fetches_once_for_each_content_of_the_pom_and_its_sources(tmp_path: Path, pom: Path) -> None:
    put_maven(tmp_path, 'mkdir "$out" && touch "$out/a.jar"; echo called >> "$(dirname "$0")/calls"')
    with running(tmp_path / "logs") as processes:
        first = fetch(pom, tmp_path / "jars", processes)
        assert fetch(pom, tmp_path / "jars", processes) == first
        assert (tmp_path / "calls").read_text().split() == ["called"]
        pom.write_text("<project><!-- changed --></project>")
        second = fetch(pom, tmp_path / "jars", processes)
        source = pom.parent / "jvm/monitor/A.java"
        source.parent.mkdir(parents=True)
        source.write_text("class A {}")
        third = fetch(pom, tmp_path / "jars", processes)
    assert len({first, second, third}) == 3
    assert [file.name for file in third.iterdir()] == ["a.jar"]
    assert sorted((tmp_path / "jars").iterdir()) == sorted([first, second, third])


def test_a_failure_leaves_nothing_and_says_what_maven_said(tmp_path: Path, pom: Path) -> None:
    put_maven(tmp_path, 'mkdir "$out" && touch "$out/half.jar"; echo "[ERROR] no such artifact"; exit 1')
    with (
        running(tmp_path / "logs") as processes,
        pytest.raises(StackError, match=r"maven failed with exit code 1(.|\n)*no such artifact"),
    ):
        fetch(pom, tmp_path / "jars", processes)
    assert list((tmp_path / "jars").iterdir()) == []


def test_a_pom_that_brings_no_jar_is_named(tmp_path: Path, pom: Path) -> None:
    put_maven(tmp_path, "true")
    with running(tmp_path / "logs") as processes, pytest.raises(StackError, match=r"things/pom\.xml: expected that"):
        fetch(pom, tmp_path / "jars", processes)
