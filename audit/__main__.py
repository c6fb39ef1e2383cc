"""Says what is in our images, which must be built: SBOMs, licences, known vulnerabilities. Other people's tools do it.

cyclonedx-py and Maven's CycloneDX plugin write the SBOMs, pip-licenses the licences, pip-audit looks up the
vulnerabilities. Our own is one comparison: an image has exactly the Python packages that are pinned.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from audit import vulnerabilities
from audit.pinned import differences, pins

ROOT = Path(__file__).parents[1]
POM = ROOT / "services" / "spark-monitor" / "pom.xml"
CYCLONEDX_MAVEN = "org.cyclonedx:cyclonedx-maven-plugin:2.9.1:makeBom"
INSTALLED = """
import json, sys
from importlib.metadata import distributions
ours = [each for each in distributions(path=sys.path) if "/venv/" in str(each.locate_file(""))]
print(json.dumps(["%d.%d" % sys.version_info[:2], {each.name: each.version for each in ours}]))
"""
"""The version of an image's Python, and what is in its environment; the base image's own packages are not ours."""

WRONG = 1
NOT_KNOWN = 3
"""Not 2: with that argparse and make say that they were called wrongly."""


def main() -> None:
    """Write the lists and say what is wrong; the exit status is explained in docs/security.md."""
    parser = argparse.ArgumentParser(prog="audit", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "audit" / "out", metavar="FOLDER", help="for the lists")
    parser.add_argument("--python", default=sys.executable, help="of the environment that has all packages (licences)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    wrong, requirements = [], set()
    for service, (image, file) in our_images().items():
        requirements.add(file)
        version, installed = json.loads(_run("docker", "run", "--rm", "--entrypoint", "python", image, "-c", INSTALLED))
        pinned = pins(file.read_text("utf-8"), version)
        wrong += [f"{service}: {each}" for each in differences(installed, pinned, with_libraries(service))]
        bom = arguments.out / f"{service}.cdx.json"
        _run(_tool("cyclonedx-py"), "requirements", str(file), "--output-file", str(bom))
        licences = _run(
            _tool("pip-licenses"), "--python", arguments.python, "--from", "mixed", "--format", "markdown",
            "--packages", *pinned,
        )  # fmt: skip
        (arguments.out / f"{service}.licences.md").write_text(licences, "utf-8")
        print(f"{bom}: {len(pinned)} Python packages", flush=True)
    where = (f"-DoutputDirectory={arguments.out}", "-DoutputName=jars.cdx")
    _run("mvn", "-q", "-B", "-f", str(POM), CYCLONEDX_MAVEN, *where)
    answer = vulnerabilities.ask(sorted(file.relative_to(ROOT) for file in requirements))
    sys.exit(report([*wrong, *sorted(answer.known)], sorted(answer.not_looked_up)))


def our_images() -> dict[str, tuple[str, Path]]:
    """Return the image and the requirements file of each service that is built here with Python packages."""
    said = json.loads(_run("docker", "compose", "--profile", "*", "config", "--format", "json"))
    found = {}
    for name, service in said["services"].items():
        if "build" in service:
            file = ROOT / Path(service["build"]["dockerfile"]).parent / "requirements.txt"
            if file.exists():
                found[name] = (service.get("image", f"{said['name']}-{name}"), file)
    return found


def with_libraries(name: str) -> set[str]:
    """Return a part of ours and those that its pyproject.toml asks for, however far down."""
    (project,) = ROOT.glob(f"*/{name}/pyproject.toml")
    asked = {Requirement(each).name for each in tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]}
    ours = [each for each in asked if (ROOT / "libs" / each).is_dir()]
    return {name}.union(*map(with_libraries, ours))


def report(wrong: list[str], not_known: list[str]) -> int:
    """Print the sentences, and return the exit status."""
    for line in wrong:
        print(line)
    if not_known:
        print(f"NOT LOOKED UP, so that nothing is known of their vulnerabilities ({len(not_known)}):")
        for line in not_known:
            print(f"  {line}")
    if wrong:
        return WRONG
    if not_known:
        return NOT_KNOWN
    print("nothing is wrong; no known vulnerability")
    return 0


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(*command: str) -> str:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{' '.join(command[:4])}: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout


if __name__ == "__main__":
    main()
