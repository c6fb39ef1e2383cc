"""Settings from the environment: validated once, at the start, with a message an operator can act on."""

import sys
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

HostPorts = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]+:\d{1,5}(,[A-Za-z0-9._-]+:\d{1,5})*$"),
    Field(description="host:port[,host:port...]"),
]

CommaSeparated = NoDecode
"""Marks a tuple setting that is written as `a,b,c`, not as a JSON list."""


class ServiceSettings(BaseSettings):
    """What every service reads: where Kafka is and how to log.

    A subclass may set `env_prefix`; fields with a `validation_alias`, like these, keep their name without it.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    kafka_bootstrap_servers: Annotated[HostPorts, Field(validation_alias="KAFKA_BOOTSTRAP_SERVERS")] = "localhost:29092"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(validation_alias="LOG_LEVEL", description="debug, info, warning or error"),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "pretty"], Field(validation_alias="LOG_FORMAT", description="auto, json or pretty")
    ] = "auto"


S = TypeVar("S", bound=BaseSettings)


def load(settings_class: type[S]) -> S:
    """Read the settings, or end the process with status 1 and one line for each wrong variable."""
    try:
        return settings_class()
    except ValidationError as error:
        sys.exit("\n".join(explain(error, settings_class)))


def explain(error: ValidationError, settings_class: type[BaseSettings]) -> list[str]:
    """One line for each mistake: the variable, its value, what was expected and why it was refused."""
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
        lines.append(f"{variable}={mistake['input']!r}: {expected}{reason}")
    return lines
