"""Reads an image's files, as `docker export` writes them, and says what software is in it. Runs none of it."""

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import Parser
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import IO, Literal

Kind = Literal["python", "java archive", "debian", "java"]

JDK_LICENCE = "GPL-2.0-only WITH Classpath-exception-2.0"
SPARK_ITSELF = "Apache-2.0"
LICENCE_TEXT = re.compile(r"(META-INF/)?LICENSE(\.txt)?")
SPARK_LICENCES = {
    "Apache License Version 2.0": "Apache-2.0",
    "BSD 0-Clause": "0BSD",
    "BSD 2-Clause": "BSD-2-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "MIT License": "MIT",
    "Common Development and Distribution License (CDDL) 1.0": "CDDL-1.0",
    "Common Development and Distribution License (CDDL) 1.1": "CDDL-1.1",
    "Eclipse Distribution License (EDL) 1.0": "BSD-3-Clause",
    "Eclipse Public License (EPL) 2.0": "EPL-2.0",
    "Unicode/ICU License": "Unicode-3.0",
}
"""The headings in the LICENSE that comes with pyspark, as SPDX writes them. The EDL's text is that of BSD-3-Clause."""


@dataclass(frozen=True, order=True)
class Package:
    """One piece of software: `group` is Maven's, `licence` SPDX where it can be known, `folder` where it lies.

    `sha256` is that of a jar. `architecture` is Debian's.
    """

    kind: Kind
    group: str
    name: str
    version: str
    licence: str = ""
    folder: str = ""
    sha256: str = ""
    architecture: str = ""


@dataclass
class _Found:
    """What is gathered on the way through the files, in whatever order they come."""

    packages: list[Package] = field(default_factory=list)
    jars: dict[str, bytes] = field(default_factory=dict)
    spark_licences: dict[str, tuple[str, str]] = field(default_factory=dict)


def packages(exported: IO[bytes], groups: Mapping[str, str] = MappingProxyType({})) -> list[Package]:
    """Return what is in a tar archive of an image's files, sorted. Raises tarfile.TarError.

    `groups` are those of jars that do not say it themselves, by artifact.
    """
    found = _Found()
    with tarfile.open(fileobj=exported, mode="r|") as files:
        for member in files:
            path = PurePosixPath("/", member.name)
            if member.isfile() and _is_of_interest(path):
                stream = files.extractfile(member)
                assert stream is not None, "a file has content"
                _take(path, stream.read(), found)
    listed = {name: (group, "") for name, group in groups.items()} | found.spark_licences
    archives = [jar(path, content, listed) for path, content in found.jars.items()]
    return sorted({*found.packages, *archives})


def _is_of_interest(path: PurePosixPath) -> bool:
    return (
        # A Java runtime's own jar is part of it.
        (path.suffix == ".jar" and path.name != "jrt-fs.jar")
        or (path.name == "METADATA" and path.parent.suffix == ".dist-info")
        or path.match("pyspark-*.dist-info/licenses/LICENSE")
        or path.match("/var/lib/dpkg/status")
        or path.match("/var/lib/dpkg/status.d/*")
        or path.match("/opt/java/release")
        or path.match("/usr/lib/jvm/*/release")
    )


def _take(path: PurePosixPath, content: bytes, found: _Found) -> None:
    if path.suffix == ".jar":
        found.jars[str(path)] = content
    elif path.name == "METADATA":
        found.packages.append(python(content.decode("utf-8", "replace"), str(path.parents[1])))
    elif path.name == "LICENSE":
        found.spark_licences |= spark_licences(content.decode("utf-8", "replace"))
    elif path.name == "release":
        found.packages.append(java(content.decode("utf-8", "replace")))
    else:
        found.packages += debian(content.decode("utf-8", "replace"))


def python(metadata: str, folder: str) -> Package:
    """Return the package of a METADATA file."""
    said = Parser().parsestr(metadata, headersonly=True)
    return Package("python", "", _normal(said["Name"]), said["Version"], _licence(said), folder)


def _licence(said: Message) -> str:
    """Return the SPDX expression, or what else the package says; a whole licence's text counts as nothing."""
    if expression := said["License-Expression"]:
        return str(expression)
    classifiers = [each for each in said.get_all("Classifier", []) if each.startswith("License ::")]
    classified = " OR ".join(each.rpartition(" :: ")[2] for each in classifiers)
    named = str(said["License"] or "").strip()
    is_a_name = 0 < len(named) <= 40 and "\n" not in named  # noqa: PLR2004 - the longest of names
    return named if is_a_name else classified


def _normal(name: str) -> str:
    """Return a Python package's name as requirements have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def debian(status: str) -> Iterator[Package]:
    """Yield the installed packages of a dpkg status file."""
    for paragraph in status.split("\n\n"):
        said = Parser().parsestr(paragraph.lstrip("\n"), headersonly=True)
        if said["Package"] and "deinstall" not in (said["Status"] or ""):
            yield Package("debian", "", said["Package"], said["Version"], architecture=said["Architecture"] or "")


def java(release: str) -> Package:
    """Return the Java runtime of a `release` file."""
    said = dict(re.findall(r'^(\w+)="(.*)"$', release, re.MULTILINE))
    return Package("java", "", "openjdk", said["JAVA_VERSION"], JDK_LICENCE)


def jar(path: str, content: bytes, listed: Mapping[str, tuple[str, str]]) -> Package:
    """Return a jar's package. `listed`: group and licence by artifact and by group:artifact, as Spark lists them."""
    file = PurePosixPath(path)
    artifact, version = split(file.stem)
    inside, licence = _said_inside(content, file.stem)
    group, artifact, version = inside or ("", artifact, version)
    known = listed.get(f"{group}:{artifact}") or listed.get(artifact) or ("", "")
    if group.startswith("org.apache.spark"):
        licence = SPARK_ITSELF
    return Package(
        "java archive", group or known[0], artifact, version, known[1] or licence, str(file.parent),
        hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def split(stem: str) -> tuple[str, str]:
    """Split `snappy-java-1.1.10` into name and version, at the first dash before a digit; py4j has no dash."""
    found = re.fullmatch(r"(.+?)-(\d.*)", stem) or re.fullmatch(r"(.*[a-z])(\d+(?:\.\d+)+)", stem)
    return (found[1], found[2]) if found else (stem, "")


def _said_inside(content: bytes, stem: str) -> tuple[tuple[str, str, str] | None, str]:
    """Return group, artifact and version of what the file is named after, None if it does not say, and its licence.

    A jar may have other projects' marks: of those that were packed into it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            marks = [
                archive.read(name).decode("utf-8", "replace") for name in names if name.endswith("/pom.properties")
            ]
            manifest = archive.read("META-INF/MANIFEST.MF") if "META-INF/MANIFEST.MF" in names else b""
            texts = [
                archive.read(name)[:500].decode("utf-8", "replace") for name in names if LICENCE_TEXT.fullmatch(name)
            ]
    except zipfile.BadZipFile:
        return None, ""
    main = _attributes(manifest.decode("utf-8", "replace"))
    licence = spdx(main.get("Bundle-License", "")) or next(filter(None, map(_title, texts)), "")
    for mark in marks:
        said = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", mark, re.MULTILINE))
        if stem.startswith(f"{said.get('artifactId')}-{said.get('version')}"):
            return (said["groupId"], said["artifactId"], said["version"]), licence
    if vendor := main.get("Implementation-Vendor-Id"):
        return (vendor, *split(stem)), licence
    return None, licence


def _attributes(manifest: str) -> dict[str, str]:
    """Return a manifest's lines; a long one goes on behind a space."""
    whole = re.sub(r"\r?\n ", "", manifest)
    return dict(re.findall(r"^([\w-]+): (.*?)\r?$", whole, re.MULTILINE))


def _title(text: str) -> str:
    """Return the SPDX name of a licence's text if it begins as Apache's does, the only one that names itself so."""
    return "Apache-2.0" if re.match(r"\s*Apache License\s+Version 2\.0,", text) else ""


def spdx(licence: str) -> str:
    """Return the SPDX name of what a manifest says, "" if it is not known."""
    known = {r"apache.*2\.0|LICENSE-2\.0": "Apache-2.0", r"BSD-2": "BSD-2-Clause", r"^0BSD": "0BSD", r"mit": "MIT"}
    return next((name for pattern, name in known.items() if re.search(pattern, licence, re.IGNORECASE)), "")


def spark_licences(text: str) -> dict[str, tuple[str, str]]:
    """Return group and licence by artifact, and by group:artifact, from the LICENSE that comes with pyspark."""
    found: dict[str, tuple[str, str]] = {}
    licence = ""
    for line in text.splitlines():
        heading = line.strip().rstrip(":")
        if heading == "License Version 2.0":
            # The heading of the largest group is a sentence over two lines.
            heading = "Apache License Version 2.0"
        licence = SPARK_LICENCES.get(heading, licence)
        if coordinates := re.match(r"([a-z][\w.-]*):([A-Za-z][\w.-]*)(?=$|[: ])", line):
            found[coordinates[2]] = found[f"{coordinates[1]}:{coordinates[2]}"] = (coordinates[1], licence)
    return found
