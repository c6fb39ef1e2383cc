"""What a listener hears of the topics that the monitor writes: each result once read, in the order of its partition."""

from dataclasses import dataclass
from typing import Any

from messages.records import Alert, Heartbeat, Incident, Refusal, Status

Partition = tuple[str, int]
"""A topic and a partition's number."""


@dataclass(slots=True)
class Record:
    """A record of one of the topics; `written_at` is Kafka's timestamp in epoch seconds, at most now."""

    partition: Partition
    offset: int
    value: bytes
    written_at: float
    message: Any
    """The client's own, which decodes the headers only when asked for them."""


@dataclass(slots=True)
class Result:
    """How a record stands to what was read before. `source` is the reading's partition (`topic-number`).

    `is_new`: it was not printed before this start. `is_repeated`: the same result was read before. Of what is not of
    one reading, such as an incident, `source` is empty.
    """

    record: Record
    is_new: bool
    is_repeated: bool
    source: str
    source_offset: int

    @property
    def is_news(self) -> bool:
        """Whether nobody has heard of it."""
        return self.is_new and not self.is_repeated


class Listener:
    """Each method does nothing: a listener overrides those of what it wants to hear.

    What it raises makes the record a bad one, which is told and passed. OSError ends the reporter: nobody reads the
    lines any more.
    """

    def on_start(self, partition: Partition, offset: int) -> None:
        """Note where the reading of a partition begins."""

    def on_record(self, record: Record) -> None:
        """Note that a record was read, whatever it holds."""

    def on_alert(self, alert: Alert, result: Result) -> None:
        """Take an alert."""

    def on_status(self, status: Status, result: Result) -> None:
        """Take a combined status."""

    def on_refusal(self, refusal: Refusal, result: Result) -> None:
        """Take a refused message."""

    def on_incident(self, incident: Incident, result: Result) -> None:
        """Take what is told of an incident or a silence."""

    def on_heartbeat(self, heartbeat: Heartbeat, result: Result) -> None:
        """Take an alert of the canary."""

    def on_bad_record(self, topic: str, place: str, cause: str) -> None:
        """Take that a record is none of the monitor's; `place` is `topic-partition-offset`."""

    def on_step(self) -> None:
        """Do what is due: called behind each record, and twice a second without any."""

    def on_end(self) -> None:
        """Do what would have been due later: no record comes any more."""
