"""Where one local stack keeps its files and which ports it takes."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The repository's root."""


@dataclass(frozen=True)
class Site:
    """One stack's folders and ports. The jars are shared by all, so nothing is fetched twice."""

    state: Path = ROOT / ".local"
    jars: Path = ROOT / ".local" / "jars"
    kafka_port: int = 29092
    zookeeper_port: int = 22181
    is_brief: bool = False
    """Whether it runs for minutes, as in a test: then Java's first compiler is enough, and takes half of the start."""

    @property
    def bootstrap(self) -> str:
        """Kafka's address for clients."""
        return f"localhost:{self.kafka_port}"

    @property
    def logs(self) -> Path:
        """The folder of the log files, one a process."""
        return self.state / "logs"
