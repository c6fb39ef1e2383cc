"""What a requirements file pins, and whether an image has exactly that."""

import re
from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def pins(requirements: str, python_version: str) -> dict[str, str]:
    """Return the versions that a hash-pinned requirements file asks for on Linux. `python_version` is like 3.13."""
    environment = LINUX | {"python_version": python_version, "python_full_version": f"{python_version}.0"}
    found: dict[str, str] = {}
    for line in requirements.replace("\\\n", " ").splitlines():
        pinned = line.partition("#")[0].strip()
        if not pinned:
            continue
        requirement = Requirement(re.split(r"\s+--hash=", pinned)[0])
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def differences(installed: Mapping[str, str], pinned: Mapping[str, str], ours: Iterable[str]) -> list[str]:
    """Return a sentence for each package of an image that is not the pinned one. `ours` are built from the tree."""
    has = {str(canonicalize_name(name)): version for name, version in installed.items()}
    said = []
    for name in sorted(has.keys() | pinned.keys() | set(ours)):
        if name in ours:
            if name not in has:
                said.append(f"{name} is missing")
        elif name not in pinned:
            said.append(f"{name} {has[name]} is not pinned")
        elif has.get(name) != pinned[name]:
            said.append(f"{name} {has.get(name, 'is missing')}: {pinned[name]} is pinned")
    return said
