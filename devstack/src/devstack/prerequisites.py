"""What the machine must offer before anything is started: Java, Maven, free ports."""

import os
import re
import shutil
import socket
import subprocess

from devstack.layout import Site
from devstack.processes import StackError

MINIMUM_JAVA = 17
JAVA_ADVICE = f"install Java {MINIMUM_JAVA} or newer, or set JAVA_HOME to one"


def check(site: Site) -> None:
    """Raise StackError with one line for each thing that is missing."""
    if problems := [*java_problems(), *maven_problems(), *port_problems(site)]:
        raise StackError("\n".join(problems))


def java() -> str | None:
    """Find the java program as Spark and Maven do: JAVA_HOME's, else the PATH's."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which(f"{home}/bin/java" if home else "java")


def java_version(text: str) -> int | None:
    """Read the major version from what `java -version` says: 17 for "17.0.15", 8 for "1.8.0_392"."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def java_problems() -> list[str]:
    """Return one line when Java is missing or too old."""
    program = java()
    if program is None:
        return [f"Java: not found {'in JAVA_HOME' if os.environ.get('JAVA_HOME') else 'on the PATH'}; {JAVA_ADVICE}"]
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    version = java_version(said)
    if version is None or version < MINIMUM_JAVA:
        return [f"Java: {program} is version {version or 'unknown'}; {JAVA_ADVICE}"]
    return []


def maven_problems() -> list[str]:
    """Return one line when Maven is missing."""
    return [] if shutil.which("mvn") else ["Maven: mvn not found on the PATH; install Maven (it fetches the jars)"]


def port_problems(site: Site) -> list[str]:
    """Return one line for each port that somebody listens on."""
    wanted = {"ZooKeeper": site.zookeeper_port, "Kafka": site.kafka_port}
    return [
        f"Port {port} (for {purpose}) is in use; is another `make run` or the compose stack up?"
        for purpose, port in wanted.items()
        if not _is_free(port)
    ]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
