"""Jars, fetched once by Maven as a pom.xml names them."""

import contextlib
import hashlib
import tempfile
from pathlib import Path

from local_stack.layout import ROOT
from local_stack.processes import Processes

KAFKA_POM = ROOT / "infra" / "local" / "pom.xml"
SPARK_POM = ROOT / "services" / "spark-monitor" / "pom.xml"
FETCH_SECONDS = 1800


def fetch(pom: Path, into: Path, processes: Processes) -> Path:
    """Return the folder with the jars of `pom`; its name carries the pom's hash, so a changed pom is fetched anew.

    StackError when Maven fails, with what it said.
    """
    target = into / f"{pom.parent.name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if target.is_dir():
        return target
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        fetched = Path(scratch, "jars")
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={fetched}"]
        processes.run("maven", command, timeout=FETCH_SECONDS)
        # The folder appears whole or not at all. Somebody else's, put there meanwhile, is as good.
        with contextlib.suppress(OSError):
            fetched.rename(target)
    return target
