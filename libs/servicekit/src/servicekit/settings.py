"""Settings from the environment: validated once, at the start, with a message an operator can act on."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from servicekit.kafka_client import Connection, connection
from servicekit.kafka_security import Security
from servicekit.unreadable import why_unreadable

HostPorts = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]+:\d{1,5}(,[A-Za-z0-9._-]+:\d{1,5})*$"),
    Field(description="host:port[,host:port...]"),
]

CommaSeparated = NoDecode
"""Marks a tuple setting that is written as `a,b,c`, not as a JSON list."""


def _is_readable(file: Path) -> Path:
    try:
        has_content = bool(file.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(why_unreadable(error, "make secrets, or chmod go+r <file>")) from error
    if not has_content:
        raise ValueError("is empty")
    return file


Level = Literal["debug", "info", "warning", "error"]


def _in_any_case(level: object) -> object:
    """Return a level as the others know it, anything else as it was written: for the message."""
    if isinstance(level, str) and level.lower() in get_args(Level):
        return level.lower()
    return level


ReadableFile = Annotated[Path, AfterValidator(_is_readable)]


class ServiceSettings(BaseSettings):
    """What every service reads: where Kafka is, how to come in there, and how to log.

    A subclass may set `env_prefix`; fields with a `validation_alias`, like these, keep their name without it.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    kafka_bootstrap_servers: Annotated[HostPorts, Field(validation_alias="KAFKA_BOOTSTRAP_SERVERS")] = "localhost:29092"
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_SSL"],
        Field(validation_alias="KAFKA_SECURITY_PROTOCOL", description="PLAINTEXT, SSL or SASL_SSL"),
    ] = "PLAINTEXT"
    kafka_ssl_ca_file: Annotated[
        ReadableFile | None,
        Field(validation_alias="KAFKA_SSL_CA_FILE", description="a file with the authority's certificate (PEM)"),
    ] = None
    kafka_sasl_username: Annotated[
        str | None,
        Field(
            validation_alias="KAFKA_SASL_USERNAME",
            pattern=r"^[A-Za-z0-9._-]{1,249}$",
            description="the name of a Kafka user",
        ),
    ] = None
    kafka_sasl_password_file: Annotated[
        ReadableFile | None, Field(validation_alias="KAFKA_SASL_PASSWORD_FILE", description="a file with the password")
    ] = None
    log_level: Annotated[
        Level,
        BeforeValidator(_in_any_case),
        Field(validation_alias="LOG_LEVEL", description="debug, info, warning or error"),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "pretty"], Field(validation_alias="LOG_FORMAT", description="auto, json or pretty")
    ] = "auto"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = {
            "KAFKA_SASL_USERNAME": self.kafka_sasl_username, "KAFKA_SASL_PASSWORD_FILE": self.kafka_sasl_password_file,
        }  # fmt: skip
        missing = [variable for variable, value in needed.items() if value is None]
        if self.kafka_security_protocol == "SASL_SSL" and missing:
            raise ValueError(f"KAFKA_SECURITY_PROTOCOL='SASL_SSL': expected {' and '.join(missing)} too")
        return self

    @property
    def kafka(self) -> Connection:
        """Return what every client's configuration has (see `kafka_client.connection`)."""
        return connection(self.kafka_bootstrap_servers, self.kafka_security)

    @property
    def kafka_security(self) -> Security:
        """Return how Kafka is to be spoken to. The password is read now, so that no settings hold it."""
        password = self.kafka_sasl_password_file
        return Security(
            self.kafka_security_protocol,
            ca_file=self.kafka_ssl_ca_file,
            username=self.kafka_sasl_username,
            password=password.read_text("utf-8").strip() if password else None,
        )


S = TypeVar("S", bound=BaseSettings)


def load(settings_class: type[S]) -> S:
    """Read the settings, or end the process with status 1 and one line for each wrong variable."""
    try:
        return settings_class()
    except ValidationError as error:
        sys.exit("\n".join(explain(error, settings_class)))


def explain(error: ValidationError, settings_class: type[BaseSettings]) -> list[str]:
    """One line for each mistake: the variable, its value, what was expected and why it was refused.

    The value of a field with `repr=False` is not shown: it may be a secret.
    """
    prefix = settings_class.model_config.get("env_prefix", "")
    variables = {
        field.validation_alias if isinstance(field.validation_alias, str) else name: field
        for name, field in settings_class.model_fields.items()
    }
    lines = []
    for mistake in error.errors():
        reason = mistake["msg"].removeprefix("Value error, ")
        if not mistake["loc"]:
            lines.append(reason)
            continue
        name = str(mistake["loc"][0])
        field = variables[name]
        variable = name if field.validation_alias else f"{prefix}{name}".upper()
        expected = f"expected {field.description}; " if field.description else ""
        value = repr(mistake["input"]) if field.repr else "(not shown)"
        lines.append(f"{variable}={value}: {expected}{reason}")
    return lines
