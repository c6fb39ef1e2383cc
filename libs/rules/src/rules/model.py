"""The model of rules.yaml: streams of readings, alerts on them, and the statuses that combine them.

Here stand the forms, and what is wrong inside one part. `rules_file` reads the file and checks the parts against each
other.
"""

import hashlib
import json
import string
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    field_validator,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
JsonField = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
TopicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]

KAFKA_TIME = "kafka"
"""As a stream's `event_time`: Kafka's timestamp, for messages without a time of their own."""

COMPARISONS = ("above", "at_least", "below", "at_most")

SHORTEST_SILENCE = 5
SILENT_INTERVALS = 3
"""How many of its intervals a sensor may be silent, where the rules say nothing else."""
"""Seconds without a reading that nobody should be called for."""

Severity = Literal["info", "warning", "critical"]
Delay = Annotated[FiniteFloat, Field(ge=0)]
Duration = Annotated[FiniteFloat, Field(gt=0)]
"""Both in seconds."""


def _template(*places: str) -> AfterValidator:
    """Return a check that a text's braces name nothing but `places`."""

    def check(text: str) -> str:
        for _, place, form, conversion in string.Formatter().parse(text):
            if place is not None and place not in places:
                allowed = ", ".join(f"{{{each}}}" for each in places)
                raise ValueError(f"{{{place}}} is not known here; known are {allowed}")
            if form or conversion:
                raise ValueError(f"expected {{{place}}} without a format of its own: the stream's value_type decides")
        return text

    return AfterValidator(check)


class Part(BaseModel):
    """A part of the file: unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Silence(Part):
    """When a stream's sensor counts as silent, and how often an open silence is said. In seconds.

    `interval` is the time between two readings of a sensor, `intervals` has those of slower places and sensors, by
    name. `silent_after` is by default three intervals, at least 5 s. A name that came only once is forgotten after
    `forget_after`. `expected` are places that are missed if they never spoke. Reminders come after `remind_every`, and
    then at growing intervals, up to a day.
    """

    interval: Duration
    intervals: Mapping[str, Duration] = {}
    silent_after: Annotated[
        Duration,
        Field(default_factory=lambda given: max(SHORTEST_SILENCE, SILENT_INTERVALS * given.get("interval", 0))),
    ]
    forget_after: Duration = 3600
    remind_every: Duration = 900
    severity: Severity = "warning"
    expected: tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.interval < self.silent_after < self.forget_after:
            raise ValueError("expected interval < silent_after < forget_after")
        return self


class Stream(Part):
    """One quantity: where its readings come from, how they look, and what is physically plausible (in `unit`).

    `entity_label` is what an entity is called in the lines about incidents. A sensor whose readings arrive one by one
    and whose clock is further behind than `late_after` (seconds) is judged by Kafka's. `fault_values` are error codes
    that a sensor sends for a value; a value that changes by more than `max_step` (in `unit`) from one reading to the
    next, or not at all for `stuck_after` (seconds), is a fault, too. Without `silence`, nobody waits for a reading.
    """

    topic: TopicName
    entity_field: JsonField
    value_field: JsonField
    value_type: Literal["number", "integer"] = "number"
    label: Annotated[str, StringConstraints(min_length=1)]
    unit: str
    plausible: tuple[FiniteFloat, FiniteFloat]
    event_time: JsonField = "timestamp"
    entity_label: Annotated[str, StringConstraints(min_length=1)] = "Gudang"
    late_after: Duration = 3600
    fault_values: tuple[FiniteFloat, ...] = ()
    max_step: Duration | None = None
    stuck_after: Duration | None = None
    silence: Silence | None = None

    @field_validator("plausible")
    @classmethod
    def _is_a_range(cls, plausible: tuple[float, float]) -> tuple[float, float]:
        if plausible[0] >= plausible[1]:
            raise ValueError("expected [lowest, highest]")
        return plausible

    @property
    def is_celsius(self) -> bool:
        """Whether it is a temperature of which a mean kinetic one can be worked out."""
        return self.unit == "°C"

    @property
    def value_format(self) -> str:
        """How a value is shown, as a printf format."""
        return "%.0f" if self.value_type == "integer" else "%.2f"


class Incident(Part):
    """When an alert's readings make an incident: how long beyond the limit, how long and how far back within it.

    The delays are seconds of event time; `remind_every` is seconds of the clock; `deadband` is in the stream's unit.
    """

    severity: Severity = "warning"
    on_delay: Delay = 30
    off_delay: Delay = 30
    deadband: Annotated[FiniteFloat, Field(ge=0)] = 0
    remind_every: Duration = 900


class Alert(Part):
    """Raised for every reading of `stream` beyond its limit (in the stream's unit); `overrides` has entities' own.

    Without `incident` there are only the alerts.
    """

    stream: Name
    above: FiniteFloat | None = None
    at_least: FiniteFloat | None = None
    below: FiniteFloat | None = None
    at_most: FiniteFloat | None = None
    overrides: Mapping[str, FiniteFloat] = {}
    keterangan: str | None = None
    message: Annotated[str, _template("entity", "value", "unit", "threshold", "time", "keterangan")]
    incident: Incident | None = None

    @model_validator(mode="after")
    def _has_one_comparison(self) -> Self:
        given = [name for name in COMPARISONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of {', '.join(COMPARISONS)}, found {', '.join(given) or 'none'}")
        if "{keterangan}" in self.message and self.keterangan is None:
            raise ValueError("message uses {keterangan}, which is not given")
        return self

    @property
    def comparison(self) -> str:
        """The name of the comparison that is given."""
        return next(name for name in COMPARISONS if getattr(self, name) is not None)

    @property
    def is_upper(self) -> bool:
        """Whether what is beyond the limit is above it."""
        return self.comparison in {"above", "at_least"}

    @property
    def threshold(self) -> float:
        """The limit for entities without one of their own."""
        limit: float = getattr(self, self.comparison)
        return limit


class StatusText(Part):
    """The words for one combination of alerts."""

    alerts: frozenset[Name]
    text: str


class Status(Part):
    """The streams that are looked at together, if their event times are at most `within_seconds` apart."""

    title: Annotated[str, _template("entity")]
    streams: tuple[Name, ...]
    within_seconds: Annotated[FiniteFloat, Field(gt=0)]
    texts: tuple[StatusText, ...]
    incomplete: Annotated[str, _template("missing")]
    too_old: Annotated[str, _template("stream", "age")]
    never_seen: Annotated[str, _template("stream")]

    @field_validator("streams")
    @classmethod
    def _are_several(cls, streams: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(streams)) < 2 or len(set(streams)) != len(streams):  # noqa: PLR2004 - to combine takes two
            raise ValueError("expected two or more different streams")
        return streams


class Rules(Part):
    """The whole file, by name."""

    streams: Annotated[Mapping[Name, Stream], Field(min_length=1)]
    alerts: Mapping[Name, Alert] = {}
    statuses: Mapping[Name, Status] = {}

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """The topics that are read, in the file's order."""
        return tuple(dict.fromkeys(stream.topic for stream in self.streams.values()))

    @cached_property
    def combined_streams(self) -> tuple[str, ...]:
        """The streams that any status combines, in the file's order."""
        return tuple(name for name in self.streams if self.statuses_with(name))

    @cached_property
    def combined_topics(self) -> tuple[str, ...]:
        """The topics of the streams that any status combines."""
        return tuple(dict.fromkeys(self.streams[name].topic for name in self.combined_streams))

    @cached_property
    def watched_streams(self) -> tuple[str, ...]:
        """The streams of which incidents or silences are made, in the file's order."""
        with_incidents = {alert.stream for alert in self.alerts.values() if alert.incident}
        return tuple(name for name, stream in self.streams.items() if stream.silence or name in with_incidents)

    @cached_property
    def watched_topics(self) -> tuple[str, ...]:
        """The topics of the streams of which incidents or silences are made."""
        return tuple(dict.fromkeys(self.streams[name].topic for name in self.watched_streams))

    @cached_property
    def version(self) -> str:
        """What tells these rules from others: 12 hexadecimal digits, the same for the same content."""
        text = json.dumps(_sorted(self.model_dump(mode="python")), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def statuses_with(self, stream: str) -> list[str]:
        """Return the names of the statuses that a stream is part of."""
        return [name for name, status in self.statuses.items() if stream in status.streams]

    def alerts_of(self, stream: str) -> dict[str, Alert]:
        """Return the alerts on one stream, by name."""
        return {name: alert for name, alert in self.alerts.items() if alert.stream == stream}

    def alerts_in(self, status: Status) -> dict[str, Alert]:
        """Return the alerts that tell one combination from another in a status, by name."""
        return {name: alert for stream in status.streams for name, alert in self.alerts_of(stream).items()}


def _sorted(content: Any) -> Any:  # noqa: ANN401 - any part of the rules
    """Return the same with each set as a list in order: a set's own order is another in each process."""
    if isinstance(content, Mapping):
        return {name: _sorted(each) for name, each in content.items()}
    if isinstance(content, frozenset):
        return sorted(content)
    return [_sorted(each) for each in content] if isinstance(content, tuple) else content
