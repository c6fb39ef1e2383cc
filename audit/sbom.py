"""Writes what is in an image as CycloneDX. `python -m audit.sbom NAME [REQUIREMENTS] <exported.tar` prints one."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from audit.image import Package, packages
from audit.pinned import ENVIRONMENT, Pin, pins, python_version

VERSION = SchemaVersion.V1_6


def sbom(image: str, found: Iterable[Package], pinned: Mapping[str, Pin], requirements: str) -> str:
    """Return the JSON. `requirements` is the file that `pinned` was read from. Raises ValueError if it is not valid."""
    root = Component(name=image, type=ComponentType.CONTAINER, bom_ref=image)
    parts = [_component(package, pinned, requirements) for package in found]
    bom = Bom(components=parts)
    bom.metadata.component = root
    bom.register_dependency(root, parts)
    document: str = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=2)
    if mistake := JsonStrictValidator(VERSION).validate_str(document):
        raise ValueError(f"not CycloneDX {VERSION.to_version()}: {mistake}")
    return document


def _component(package: Package, pinned: Mapping[str, Pin], requirements: str) -> Component:
    known = {
        "python": PackageURL("pypi", None, package.name, package.version),
        "java archive": PackageURL("maven", package.group, package.name, package.version),
        "debian": PackageURL("deb", "debian", package.name, package.version, {"arch": package.architecture}),
        "java": PackageURL("generic", None, package.name, package.version),
    }[package.kind]
    is_pinned = package.folder.startswith(ENVIRONMENT) and package.kind == "python" and package.name in pinned
    return Component(
        name=package.name,
        group=package.group or None,
        version=package.version,
        type=ComponentType.LIBRARY if package.kind != "java" else ComponentType.PLATFORM,
        bom_ref=f"{known}#{package.folder}/{package.sha256[:12]}",
        purl=known,
        licenses=[LicenseFactory().make_from_string(package.licence)] if package.licence else (),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)] if package.sha256 else (),
        external_references=[_source(pinned[package.name], requirements)] if is_pinned else (),
        properties=[Property(name="folder", value=package.folder)] if package.folder else (),
    )


def _source(pin: Pin, requirements: str) -> ExternalReference:
    """Return where the hashes stand that the package's file had one of when it was installed."""
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(requirements),
        comment="installed from a file with one of these hashes",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes],
    )


def main() -> None:
    """Print the SBOM of the image whose files come on standard input."""
    image, *files = sys.argv[1:]
    found = packages(sys.stdin.buffer)
    pinned = pins(Path(files[0]).read_text("utf-8"), python_version(found)) if files else {}
    sys.stdout.write(sbom(image, found, pinned, files[0] if files else "") + "\n")


if __name__ == "__main__":
    main()
