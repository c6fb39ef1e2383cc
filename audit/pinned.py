"""What a requirements file pins, and whether an image has exactly that."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from packaging.requirements import Requirement

from audit.image import Package

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
ENVIRONMENT = "/venv/"
"""Where the images have the packages that we put in; what else is there is the base image's."""


class Pin(NamedTuple):
    """A version, and the SHA-256 sums of the files that it may come in."""

    version: str
    hashes: tuple[str, ...]


def pins(requirements: str, python_version: str) -> dict[str, Pin]:
    """Return what a hash-pinned requirements file asks for on Linux, by name. `python_version` is like 3.13."""
    environment = LINUX | {"python_version": python_version, "python_full_version": f"{python_version}.0"}
    found = {}
    whole = requirements.replace("\\\n", " ")
    for line in whole.splitlines():
        pinned = line.partition("#")[0].strip()
        if not pinned:
            continue
        asked, *hashes = re.split(r"\s+--hash=sha256:", pinned)
        requirement = Requirement(asked)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found[requirement.name] = Pin(str(requirement.specifier).removeprefix("=="), tuple(hashes))
    return found


def groups(pom: str) -> dict[str, str]:
    """Return the groups of what a pom.xml depends on, by artifact."""
    maven = "{http://maven.apache.org/POM/4.0.0}"
    dependencies = ET.fromstring(pom).iterfind(f"{maven}dependencies/{maven}dependency")  # noqa: S314 - it is ours
    return {each.findtext(f"{maven}artifactId", ""): each.findtext(f"{maven}groupId", "") for each in dependencies}


def python_version(packages: Iterable[Package]) -> str:
    """Return the version of Python that the image's own packages are for. Raises ValueError if it has none."""
    for package in packages:
        if package.kind == "python" and (found := re.match(rf"{ENVIRONMENT}lib/python(\d+\.\d+)/", package.folder)):
            return found[1]
    raise ValueError(f"no package in {ENVIRONMENT}")


def differences(packages: Iterable[Package], pinned: Mapping[str, Pin], ours: Iterable[str]) -> list[str]:
    """Return a sentence for each Python package that is not the pinned one. `ours` are built from the tree."""
    has = {
        each.name: each.version for each in packages if each.kind == "python" and each.folder.startswith(ENVIRONMENT)
    }
    said = []
    for name in sorted(has.keys() | pinned.keys() | set(ours)):
        if name in ours:
            if name not in has:
                said.append(f"{name} is missing")
        elif name not in pinned:
            said.append(f"{name} {has[name]} is not pinned")
        elif has.get(name) != pinned[name].version:
            said.append(f"{name} {has.get(name, 'is missing')}: {pinned[name].version} is pinned")
    return said
