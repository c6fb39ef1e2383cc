"""An incident's record, as it is in `monitor-insiden`."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from messages.records import OVER

MAX_BYTES = 64 * 1024
"""Of a record. The monitor's own have about a kilobyte."""

Moment = Annotated[float, Field(ge=0, le=253_402_300_799)]
"""Epoch seconds until the end of the year 9999, the last that a date can have."""


class State(StrEnum):
    """Where an incident is in its life when the record was written."""

    OPENED = "opened"
    REMINDER = "reminder"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    RECOVERED = "recovered"
    RETIRED = "retired"

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return self in OVER


class Incident(BaseModel):
    """One record; fields that it does not know are left out.

    Times are epoch seconds, of the readings save for `emitted_at`; None where a field does not apply.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    incident_id: str = Field(min_length=1)
    kind: str
    state: State
    entity_id: str = Field(min_length=1)
    rule: str
    severity: str
    message: str
    opened_at: Moment | None = None
    closed_at: Moment | None = None
    emitted_at: Moment | None = None
    stream: str | None = None
    sensor_id: str | None = None
    peak: float | None = None
    mean: float | None = None
    duration_seconds: float | None = None
    degree_minutes: float | None = None
    readings: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    coverage: float | None = None
    gap_seconds: float | None = None
    mkt: float | None = None
    rules_version: str | None = None


def read(value: bytes | None) -> Incident:
    """Return what a message of the topic says. Raises ValueError with the reason when it is no incident.

    Anybody may write to the topic: a text in place of a number is not taken for one.
    """
    text = value or b""
    if len(text) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes, found {len(text)}")
    try:
        return Incident.model_validate_json(text, strict=True)
    except ValidationError as error:
        causes = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise ValueError("; ".join(causes)) from None
