"""How Kafka is spoken to: the same for both of its client libraries, each in its own words. Pure functions."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True)
class Security:
    """The protocol, and what it needs: with SSL the certificate of who signs the brokers', with SASL a user.

    Without `ca_file` the authorities count that the system knows.
    """

    protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def for_librdkafka(self) -> dict[str, str]:
        """Return the settings of confluent-kafka's clients; none for plaintext, which is their default."""
        if self.protocol == "PLAINTEXT":
            return {}
        said = {
            "security.protocol": self.protocol,
            # The name that was called must stand in the certificate.
            "ssl.endpoint.identification.algorithm": "https",
        }
        if self.ca_file:
            said["ssl.ca.location"] = str(self.ca_file)
        if self.protocol == "SASL_SSL":
            said |= {
                "sasl.mechanism": MECHANISM,
                "sasl.username": self.username or "",
                "sasl.password": self.password or "",
            }
        return said

    def for_java(self) -> dict[str, str]:
        """Return the settings of Kafka's own clients, which are Spark's; none for plaintext."""
        if self.protocol == "PLAINTEXT":
            return {}
        said = {"security.protocol": self.protocol, "ssl.endpoint.identification.algorithm": "https"}
        if self.ca_file:
            said |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(self.ca_file)}
        if self.protocol == "SASL_SSL":
            said |= {
                "sasl.mechanism": MECHANISM,
                "sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required "
                    f"username={_quoted(self.username or '')} password={_quoted(self.password or '')};"
                ),
            }
        return said


PLAINTEXT = Security()


def _quoted(text: str) -> str:
    """Return a text as JAAS has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
