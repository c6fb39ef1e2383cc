"""Jars, fetched and built once by Maven as a pom.xml and the Java sources beside it tell."""

import contextlib
import hashlib
import tempfile
from pathlib import Path

from devstack.layout import ROOT
from devstack.processes import Processes, StackError

KAFKA_POM = ROOT / "devstack" / "pom.xml"
SPARK_POM = ROOT / "services" / "spark-monitor" / "pom.xml"
FETCH_SECONDS = 1800


def fetch(pom: Path, into: Path, processes: Processes) -> Path:
    """Return the folder with the jars of `pom`; its name carries a hash of the pom and the sources beside it.

    StackError when Maven fails, with its output.
    """
    sources = sorted(pom.parent.glob("jvm/**/*.java"))
    content = b"".join(file.read_bytes() for file in [pom, *sources])
    target = into / f"{pom.parent.name}-{hashlib.sha256(content).hexdigest()[:12]}"
    if target.is_dir():
        return target
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        fetched = Path(scratch, "jars")
        command = ["mvn", "-q", "-B", "-f", str(pom), "package", f"-Dtarget={scratch}/target", f"-Djars={fetched}"]
        processes.run("maven", command, timeout=FETCH_SECONDS)
        if not any(fetched.glob("*.jar")):
            raise StackError(f"{pom}: expected that `mvn package` puts jars into ${{jars}}, found none")
        # The folder appears whole or not at all. Somebody else's, put there meanwhile, is as good.
        with contextlib.suppress(OSError):
            fetched.rename(target)
    return target
