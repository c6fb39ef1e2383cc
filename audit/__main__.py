"""Says what is in the images that compose.yaml names, which must be built: SBOMs, licences, known vulnerabilities."""

import argparse
import difflib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audit import licences, vulnerabilities
from audit.image import Package, packages
from audit.pinned import Pin, differences, groups, pins, python_version
from audit.report import report
from audit.sbom import sbom

ROOT = Path(__file__).parents[1]
LICENCES = ROOT / "docs" / "licences.md"
POM = ROOT / "services" / "spark-monitor" / "pom.xml"
OUR_LIBRARIES = {"messages", "servicekit", "simulator"}


def main() -> None:
    """Write the SBOMs and say what is wrong; the exit status is explained in docs/security.md."""
    parser = argparse.ArgumentParser(prog="audit", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "audit" / "out", metavar="FOLDER", help="for the SBOMs")
    parser.add_argument("--write-licences", action="store_true", help="write docs/licences.md, and nothing else")
    arguments = parser.parse_args()
    services = _services()
    found = {name: exported(image) for name, (image, _) in services.items()}
    ours = {name: requirements for name, (_, requirements) in services.items() if requirements is not None}
    listed = licences.text({name: found[name] for name in ours}, frozenset({*OUR_LIBRARIES, *ours}))
    if arguments.write_licences:
        LICENCES.write_text(listed, "utf-8")
        return
    wrong = write_sboms(found, ours, arguments.out)
    if drift := list(difflib.unified_diff(LICENCES.read_text("utf-8").splitlines(), listed.splitlines(), lineterm="")):
        wrong += ["docs/licences.md is not what the images have (make licences writes it):", *drift]
    answer = vulnerabilities.ask(path.relative_to(ROOT) for path in ours.values())
    wrong += sorted(answer.known)
    sys.exit(report(wrong, sorted(answer.not_looked_up)))


def write_sboms(found: Mapping[str, Sequence[Package]], ours: Mapping[str, Path], out: Path) -> list[str]:
    """Write an SBOM for each image; return how our images differ from what is pinned."""
    out.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name, parts in found.items():
        pinned: dict[str, Pin] = {}
        file = ""
        if name in ours:
            pinned = pins(ours[name].read_text("utf-8"), python_version(parts))
            file = str(ours[name].relative_to(ROOT))
            wrong += [f"{name}: {sentence}" for sentence in differences(parts, pinned, OUR_LIBRARIES | {name})]
        (out / f"{name}.cdx.json").write_text(sbom(name, parts, pinned, file), "utf-8")
        kinds = ", ".join(
            f"{sum(each.kind == kind for each in parts)} {kind}" for kind in sorted({e.kind for e in parts})
        )
        print(f"{out / name}.cdx.json: {kinds}", flush=True)
    return wrong


def _services() -> dict[str, tuple[str, Path | None]]:
    """Return each service's image, and the requirements file of those that are built here."""
    said = json.loads(_docker("compose", "--profile", "*", "config", "--format", "json"))
    return {name: _image(said["name"], name, service) for name, service in said["services"].items()}


def _image(project: str, name: str, service: Mapping[str, Any]) -> tuple[str, Path | None]:
    if "build" not in service:
        return service["image"], None
    requirements = ROOT / Path(service["build"]["dockerfile"]).parent / "requirements.txt"
    return service.get("image", f"{project}-{name}"), requirements


def exported(image: str) -> list[Package]:
    """Return what is in an image, without running it."""
    container = _docker("create", image).strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None, "a pipe was asked for"
            found = packages(export.stdout, groups(POM.read_text("utf-8")))
            # The archive's end comes before the stream's.
            export.stdout.read()
        if export.returncode:
            sys.exit(f"docker export of {image}: status {export.returncode}")
    finally:
        _docker("rm", "--volumes", container)
    return found


def _docker(*arguments: str) -> str:
    ended = subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"docker {' '.join(arguments)}: {ended.stderr.strip()}")
    return ended.stdout


if __name__ == "__main__":
    main()
