"""The model of rules.yaml: streams of readings, alerts on them, and the status that combines them."""

from functools import cached_property
from importlib import resources
from itertools import product
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
JsonField = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Part(BaseModel):
    """A part of the file: unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stream(Part):
    """One quantity: where its readings come from, how they look, and what is physically plausible (in `unit`)."""

    topic: str
    entity_field: JsonField
    value_field: JsonField
    label: str
    unit: str
    minimum: float
    maximum: float


class Alert(Part):
    """Raised for every reading of `stream` that is strictly above `above` (in the stream's unit)."""

    stream: Name
    above: float
    message: str


class StatusText(Part):
    """The words for one combination of alerts."""

    alerts: frozenset[Name]
    text: str


class Status(Part):
    """The streams that are looked at together, if their event times are at most `within_seconds` apart."""

    title: str
    streams: Annotated[tuple[Name, ...], Field(min_length=2)]
    within_seconds: Annotated[float, Field(gt=0)]
    texts: tuple[StatusText, ...]


class Rules(Part):
    """The whole file. `streams` and `alerts` are by name."""

    streams: dict[Name, Stream]
    alerts: dict[Name, Alert]
    status: Status

    @model_validator(mode="after")
    def _refer_to_what_exists(self) -> Self:
        for name, alert in self.alerts.items():
            if alert.stream not in self.streams:
                raise ValueError(f"alerts.{name}.stream: no stream is named {alert.stream!r}")
        for stream in self.status.streams:
            if stream not in self.streams:
                raise ValueError(f"status.streams: no stream is named {stream!r}")
        return self

    @model_validator(mode="after")
    def _have_a_text_for_every_combination(self) -> Self:
        relevant = [name for name, alert in self.alerts.items() if alert.stream in self.status.streams]
        have = {text.alerts for text in self.status.texts}
        for raised in product((False, True), repeat=len(relevant)):
            combination = frozenset(name for name, is_raised in zip(relevant, raised, strict=True) if is_raised)
            if combination not in have:
                raise ValueError(f"status.texts: no text for the alerts {sorted(combination)}")
        return self

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """The topics that are read, in the file's order."""
        return tuple(dict.fromkeys(stream.topic for stream in self.streams.values()))

    def alerts_of(self, stream: str) -> dict[str, Alert]:
        """Return the alerts on one stream, by name."""
        return {name: alert for name, alert in self.alerts.items() if alert.stream == stream}


def load() -> Rules:
    """Read the rules that ship with the monitor. Raises pydantic's ValidationError when the file is wrong."""
    return Rules.model_validate(yaml.safe_load(resources.files(__package__).joinpath("rules.yaml").read_text("utf-8")))
