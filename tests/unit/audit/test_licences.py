"""The table of licences, and that the one in docs/ is of what is pinned now."""

import importlib.metadata
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from audit import licences
from audit.image import packages, python
from audit.pinned import pins
from tests.unit.audit.files import FILES, export

from devstack.layout import ROOT

DOCUMENT = (ROOT / "docs" / "licences.md").read_text("utf-8")
PARTS = [
    file.parent
    for file in (*ROOT.glob("services/*/Dockerfile"), *ROOT.glob("infra/*/Dockerfile"), *ROOT.glob("libs/*/Dockerfile"))
]
NAMESPACE = "{http://maven.apache.org/POM/4.0.0}"


def python_rows() -> dict[str, tuple[str, str, str]]:
    """Return version, licence and images by package."""
    return {
        name: (version, licence, where)
        for name, version, licence, where in re.findall(
            r"^\| ([\w-]+) \| (.+) \| (.+) \| (.+) \|$", DOCUMENT, re.MULTILINE
        )
        if name != "package"
    }


def jar_rows() -> dict[str, str]:
    """Return version by group:artifact."""
    return dict(re.findall(r"^\| ([\w.-]+:[\w.-]+) \| (.+?) \| .+ \|$", DOCUMENT, re.MULTILINE))


def test_a_row_says_in_which_images_a_package_is() -> None:
    one = packages(export(FILES))
    other = [each for each in one if each.name == "typing-extensions"]
    text = licences.text({"a": one, "b": other}, frozenset({"servicekit"}))
    assert text.endswith("""
## Python

| package | version | licence | in |
|---|---|---|---|
| pyspark | 4.3.0 | Apache-2.0 | a |
| typing-extensions | 4.16.0 | PSF-2.0 | all |

## Java, in spark-monitor

| package | version | licence |
|---|---|---|
| openjdk | 21 | GPL-2.0-only WITH Classpath-exception-2.0 |
| com.github.luben:zstd-jni | 1.5.7-7 | BSD-2-Clause |
| com.google.crypto.tink:tink | 1.20.0 | Apache-2.0 |
| jline:jline | 2.14.6 | BSD-2-Clause |
""")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_list_has_what_each_image_s_requirements_pin(part: Path) -> None:
    pinned = {name: pin.version for name, pin in pins((part / "requirements.txt").read_text("utf-8"), "3.13").items()}
    listed = {name: row[0] for name, row in python_rows().items() if row[2] == "all" or part.name in row[2].split(", ")}
    assert listed == pinned


def test_the_licences_of_the_python_packages_are_what_they_say_themselves() -> None:
    """The environment of the tests has the same versions."""
    said = {
        name: python(importlib.metadata.distribution(name).read_text("METADATA") or "", "").licence or licences.NOT_SAID
        for name in python_rows()
    }
    assert said == {name: licence for name, (_, licence, _) in python_rows().items()}


def test_the_list_has_the_connector_s_jars() -> None:
    pom = ET.parse(ROOT / "services/spark-monitor/pom.xml")  # noqa: S314 - our own
    named = {
        f"{each.findtext(f'{NAMESPACE}groupId')}:{each.findtext(f'{NAMESPACE}artifactId')}": each.findtext(
            f"{NAMESPACE}version"
        )
        for each in pom.iterfind(f"{NAMESPACE}dependencies/{NAMESPACE}dependency")
        if each.findtext(f"{NAMESPACE}scope") != "provided"
    }
    assert len(named) == 11
    assert named.items() <= jar_rows().items()


def test_the_jars_in_the_list_are_those_of_the_pinned_spark() -> None:
    shipped = {
        file.name
        for file in Path(str(importlib.metadata.distribution("pyspark").locate_file("pyspark/jars"))).iterdir()
    }
    pom = (ROOT / "services/spark-monitor/pom.xml").read_text("utf-8")
    foreign = [
        f"{name} {version}"
        for name, version in jar_rows().items()
        if not any(file.startswith(f"{name.partition(':')[2]}-{version}") for file in shipped)
        and f"<artifactId>{name.partition(':')[2]}</artifactId>" not in pom
    ]
    # Amazon's library brings its own parts, all of one version.
    sdk = re.search(r"<artifactId>s3</artifactId>\s*<version>(.+)</version>", pom)
    assert sdk
    parts = {each for each in foreign if re.fullmatch(rf"software\.amazon\.awssdk:[a-z-]+ {re.escape(sdk[1])}", each)}
    assert set(foreign) - parts == {"software.amazon.eventstream:eventstream 1.0.1"}
    assert len(jar_rows()) > 100
