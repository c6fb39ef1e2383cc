"""What a record of the monitor's own topics must look like, and how it is read.

Anybody may write to these topics, so each record is checked here before anything else sees it. Each function takes what
Kafka has and returns a dict of known types; what does not fit raises ValueError with a short reason. Fields that are
not named here may be there, and are left out. Times are epoch seconds; numbers are finite.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, NotRequired, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

HEADERS = "__connect.errors."
"""What the names of a refused message's headers begin with: those of Kafka Connect's dead letter queues."""

REFUSAL = ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
"""How those names go on."""

MAX_BYTES = 64 * 1024
"""Of a record. The monitor's own have at most some kilobytes."""

MAX_OFFSET = 2**63 - 1
MAX_PARTITION = 2**31 - 1
LAST_MOMENT = 253_402_300_799
"""The end of the year 9999, the last that a date can have."""

LONGEST_TOPIC = 249
"""Kafka's limit."""

LONGEST_REASON = 200

ResultId = Annotated[str, Field(max_length=2_000, pattern=r"^.+-[0-9]{1,10}-[0-9]{1,19}-[^-]+$")]
"""`topic-partition-offset-rule`: the reading behind a result, and the rule; a rule's name has no dash."""

Name = Annotated[str, Field(min_length=1, max_length=1_000)]
Text = Annotated[str, Field(max_length=20_000)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=-LAST_MOMENT, le=LAST_MOMENT)]
IncidentId = Annotated[str, Field(min_length=1, max_length=2_000)]
ActionId = Annotated[str, Field(min_length=1, max_length=200)]
Person = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(max_length=1_000)]

TimeSource = Annotated[
    Literal["sensor", "kafka"], Field(description="whose clock `event_time` is of: Kafka's where the sensor's is wrong")
]

_STRICT = ConfigDict(strict=True, extra="ignore")


class Alert(TypedDict):
    """A reading beyond a limit. `received_at` is when Kafka got the reading."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    alert_id: ResultId
    rule: Name
    stream: Name
    entity_id: Name
    received_at: Moment
    message: Text


class Status(TypedDict):
    """What an entity's streams are together; beside these, each stream has its value and its age (see `status_reader`).

    `stream` is that of the reading behind it, `alerts` are the rules that this stream's value raises.
    """

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    status_id: ResultId
    rule: Name
    entity_id: Name
    status: Text
    event_time: Moment
    complete: bool
    stream: Name
    alerts: Annotated[list[Name], Field(max_length=1_000)]
    received_at: Moment


OVER = frozenset({"closed", "recovered", "retired", "unshelved", "refused"})
"""The states after which nothing more comes: readings, data or a person's word ended it; a word had no effect."""

BY_PEOPLE = frozenset({"acknowledged", "commented", "shelved", "unshelved", "refused"})
"""The states of records that say what a person did, beside `retired`."""


class Incident(TypedDict):
    """What is reported of an incident or a silence. `emitted_at` is the clock when it was said."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    incident_id: IncidentId
    state: Literal[
        "opened", "reminder", "unknown", "closed", "recovered", "retired",
        "acknowledged", "commented", "shelved", "unshelved", "refused",
    ]  # fmt: skip
    entity_id: Name
    rule: Name
    opened_at: Moment
    emitted_at: Moment
    message: Text
    shelved_until: Annotated[
        Moment | None, Field(description="until then a person wants to hear nothing of this rule here")
    ]


def is_withheld(incident: Incident) -> bool:
    """Say whether nobody wants to be told: a person shelved its rule. That it is over is told all the same."""
    is_told = incident["state"] in OVER | BY_PEOPLE
    return incident.get("shelved_until") is not None and not is_told


class IncidentReport(Incident):
    """An incident with all that a record says of it: the figures are those of the whole time so far."""

    kind: Literal["threshold", "silence", "clock", "fault", "action", "shelf"]
    severity: Name
    closed_at: Moment | None
    peak: Figure | None
    mean: Figure | None
    duration_seconds: Figure | None
    degree_minutes: Figure | None
    readings: Annotated[int, Field(ge=0, le=MAX_OFFSET)] | None
    coverage: Figure | None
    gap_seconds: Figure | None
    mkt: Figure | None
    rules_version: Name
    late: bool | None
    stream: Name | None
    topic: Name | None
    sensor_id: Name | None
    sensors: list[Name] | None
    unit: str | None
    threshold: Figure | None
    event_time: Moment
    time_source: TimeSource | None
    acknowledged_by: Person | None
    acknowledged_at: Moment | None
    action_id: Annotated[ActionId | None, Field(description="what a person did, if that made this record")]
    by: Person | None
    reason: Reason | None


class Action(TypedDict):
    """What is to be done about an entity, by whom and when.

    `acknowledge`, `comment`, `close`: of the open incident `incident_id`. `shelve`: nobody is told of the place's
    incidents of `rule` until a time; `unshelve`: from now on they are told again. `retire`: nobody waits for a sensor
    any more, of a stream or of all; without a sensor for the whole place. `expect`: the rules name a place of a stream,
    which is waited for even if it never spoke.
    """

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    action_id: ActionId
    action: Literal["acknowledge", "comment", "close", "shelve", "unshelve", "retire", "expect"]
    entity_id: Name
    stream: NotRequired[Name | None]
    sensor_id: NotRequired[Name | None]
    incident_id: NotRequired[IncidentId]
    rule: NotRequired[Name]
    until: NotRequired[Moment]
    by: Person
    at: Moment
    reason: Reason


class Heartbeat(TypedDict):
    """An alert of the canary; `value` is its pulse, a number of milliseconds."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]
    alert_id: ResultId
    value: Annotated[float, Field(ge=0, le=1e15)]


class Refusal(TypedDict):
    """Where a refused message stood in Kafka, and why it was refused."""

    topic: str
    partition: int
    offset: int
    reason: str


def origin_of(result_id: str) -> tuple[str, int]:
    """Split a `ResultId` into `topic-partition` and the offset. Raises ValueError."""
    partition, offset_text, _ = result_id.rsplit("-", 2)
    offset = int(offset_text)
    if not 0 <= offset <= MAX_OFFSET:
        raise ValueError(f"expected an offset in the id, found {offset}")
    return partition, offset


def _reader(form: Any) -> Callable[[bytes], Any]:  # noqa: ANN401 - a TypedDict
    """Return what reads JSON of a form, and raises ValueError with the first thing that is wrong."""
    # Not the adapter's own method: its other work takes a tenth of an alert's time.
    validate = TypeAdapter(form).validator.validate_json

    def read(value: bytes) -> Any:  # noqa: ANN401 - of the form
        if len(value) > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES} bytes, found {len(value)}")
        try:
            return validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place}: {first['msg']}"[:LONGEST_REASON] if place else first["msg"]) from None

    return read


def _form(fields: dict[str, Any]) -> Any:  # noqa: ANN401 - a TypedDict
    """Return the form with these fields and their types."""
    form: Any = TypedDict("form", fields)  # type: ignore[misc]
    form.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]
    return form


alert: Callable[[bytes], Alert] = _reader(Alert)
"""Return a record of monitor-peringatan. Raises ValueError."""


def _told_since_the_first_version(form: Any) -> Any:  # noqa: ANN401 - a TypedDict
    """Return an incident's form as an earlier version may have written it: without some figures."""
    always = {*Incident.__annotations__, "kind", "severity"} - {"shelved_until"}
    fields = get_type_hints(form, include_extras=True)
    return _form({name: of if name in always else NotRequired[of] for name, of in fields.items()})


incident: Callable[[bytes], Incident] = _reader(_told_since_the_first_version(Incident))
"""Return a record of monitor-insiden. Raises ValueError."""

incident_report: Callable[[bytes], IncidentReport] = _reader(_told_since_the_first_version(IncidentReport))
"""Return a record of monitor-insiden with its figures, where it has them. Raises ValueError."""

action: Callable[[bytes], Action] = _reader(Action)
"""Return a record of monitor-tindakan. Raises ValueError."""

heartbeat: Callable[[bytes], Heartbeat] = _reader(Heartbeat)
"""Return a record of monitor-detak. Raises ValueError."""


def status_reader(streams: Iterable[str]) -> Callable[[bytes], Status]:
    """Return what reads a record of monitor-status, and raises ValueError.

    `streams` are those that the rules combine. The value and the age of each must be a number or null. A status that
    was written under other rules may lack some.
    """
    figures = {field: NotRequired[Figure | None] for name in streams for field in (name, f"{name}_age_seconds")}
    # A stream that is called as a field of every status is not told apart in Kafka, either.
    return _reader(_form(figures | Status.__annotations__))


def refusal(headers: Iterable[tuple[str, bytes | None]] | None) -> Refusal:
    """Return what the headers of a record of monitor-ditolak say. Raises ValueError."""
    told = told_by(headers)
    topic, reason = told.get("topic", ""), told.get("exception.class.name", "")
    if not 0 < len(topic) <= LONGEST_TOPIC:
        raise ValueError(f"expected a topic's name in the header {HEADERS}topic")
    if not (reason.isprintable() and 0 < len(reason) <= LONGEST_REASON):
        raise ValueError(f"expected the name of a reason in the header {HEADERS}exception.class.name")
    return {
        "topic": topic,
        "partition": _number(told, "partition", MAX_PARTITION),
        "offset": _number(told, "offset", MAX_OFFSET),
        "reason": reason,
    }


def told_by(headers: Iterable[tuple[str, bytes | None]] | None) -> dict[str, str]:
    """Return what a refused message's headers say, by the rest of their names: topic, offset, exception.message."""
    return {name.removeprefix(HEADERS): (value or b"").decode("utf-8", "replace") for name, value in headers or ()}


def _number(told: dict[str, str], name: str, most: int) -> int:
    text = told.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most):
        raise ValueError(f"expected a number from 0 to {most} in the header {HEADERS}{name}")
    return int(text)
