"""What the monitor's Java starts with outside of Docker: its jars, and an archive of its classes as they are loaded.

Class-data sharing, as in the image: a start need not parse and check some 20,000 classes again. `python -m
devstack.spark_java` prints the environment, one setting a line, for a shell.
"""

import hashlib
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from devstack import jars, prerequisites
from devstack.layout import ROOT, Site
from devstack.processes import Processes, StackError, running

RUN = ROOT / "services" / "spark-monitor" / "classes" / "rules.yaml"
"""What is run once, so that Java sees the classes it will need."""

QUIETLY = "-Xlog:cds=off -Xlog:cds+dynamic=off"
SECONDS = 300


def environment(site: Site, processes: Processes) -> dict[str, str]:
    """Return the settings of a monitor's process: SPARK_JARS_DIR, SPARK_SUBMIT_OPTS.

    Fetches and builds what is not there yet. StackError when that fails, with the output.
    """
    folder = jars.fetch(jars.SPARK_POM, site.jars, processes)
    archive = _archive(folder)
    return {"SPARK_JARS_DIR": str(folder), "SPARK_SUBMIT_OPTS": f"-XX:SharedArchiveFile={archive} {QUIETLY}"}


def _archive(folder: Path) -> Path:
    """Return the archive for these jars, this Java and this Spark.

    Java ignores one that does not fit, or is empty: one that knows no such archives makes none.
    """
    java = prerequisites.java() or "java"
    about = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    spark = Path(find_spec("pyspark").origin).with_name("jars")  # type: ignore[union-attr, arg-type]
    fits = hashlib.sha256(f"{java} {about} {spark} {spark.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    archive = folder / f"classes-{fits}.jsa"
    if not archive.exists():
        part = archive.with_suffix(f".{os.getpid()}")
        options = {"SPARK_JARS_DIR": str(folder), "SPARK_SUBMIT_OPTS": f"-XX:ArchiveClassesAtExit={part} {QUIETLY}"}
        command = [sys.executable, "-m", "spark_monitor", "test-rules", str(RUN)]
        # Java writes the archive after the program ended. It holds the output's pipe until then.
        ended = subprocess.run(
            command, env=os.environ | options, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if ended.returncode:
            raise StackError(f"no archive of Java's classes: {ended.stdout}{ended.stderr}")
        part.touch()
        part.replace(archive)
    return archive


def main() -> None:
    """Print the environment; build and fetch what is needed."""
    try:
        with running(Site().logs) as processes:
            found = environment(Site(), processes)
    except StackError as error:
        sys.exit(str(error))
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - a shell reads it


if __name__ == "__main__":
    main()
