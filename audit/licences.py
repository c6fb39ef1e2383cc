"""docs/licences.md: what our images add to their base image, under which licences."""

from collections.abc import Mapping, Sequence

from audit.image import Package
from audit.pinned import ENVIRONMENT

HEAD = """\
# Licences of what is shipped

Written by `make licences` from the files in the images; do not edit. `make audit` and the tests say when it is out of
date. Here is what our images add to their base image, each as it says of itself (pyspark's jars as Spark's LICENSE
says); the texts are in the images, beside the packages. This project itself is under [Apache-2.0](../LICENSE).

What is in the base images (Python, Debian's packages) and in Confluent's images is in the
[SBOMs](security.md#what-is-in-the-images); Debian's texts are in `/usr/share/doc/*/copyright`. Confluent's images are
not changed and not passed on. `confluent-kafka` has librdkafka (BSD-2-Clause) in it, and what that is linked with.
"""
NOT_SAID = "not said"


def is_ours(package: Package) -> bool:
    """Say whether a package is one that we add, not one of the base image."""
    return package.kind in {"java archive", "java"} or package.folder.startswith(ENVIRONMENT)


def text(images: Mapping[str, Sequence[Package]], built_here: frozenset[str]) -> str:
    """Return the file, from the packages of each image. What is `built_here` has no row."""
    users: dict[Package, set[str]] = {}
    for image, packages in images.items():
        for package in packages:
            if is_ours(package) and package.name not in built_here:
                users.setdefault(package, set()).add(image)
    return "\n".join([HEAD, *_python(users, len(images)), "", *_java(users)]) + "\n"


def _python(users: Mapping[Package, set[str]], number_of_images: int) -> list[str]:
    rows = ["## Python", "", "| package | version | licence | in |", "|---|---|---|---|"]
    for package, images in sorted(users.items()):
        if package.kind == "python":
            where = "all" if len(images) == number_of_images else ", ".join(sorted(images))
            rows.append(f"| {package.name} | {package.version} | {package.licence or NOT_SAID} | {where} |")
    return rows


def _java(users: Mapping[Package, set[str]]) -> list[str]:
    """Java's runtime has no version here: Debian's newest patch is taken when the image is built."""
    rows = ["## Java, in spark-monitor", "", "| package | version | licence |", "|---|---|---|"]
    for package in sorted(users):
        name = f"{package.group}:{package.name}" if package.group else package.name
        version = package.version.split(".")[0] if package.kind == "java" else package.version
        row = f"| {name} | {version} | {package.licence or NOT_SAID} |"
        # A jar may come once for each processor.
        if package.kind in {"java", "java archive"} and row not in rows:
            rows.append(row)
    return rows
