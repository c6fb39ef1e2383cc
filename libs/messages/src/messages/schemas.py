"""The whole shape of each topic's records, as JSON Schemas and as an AsyncAPI document.

`records` has what our own readers check of a record; here stands all that is written. `python -m messages.schemas
FOLDER` (or `make schemas`) writes the documents.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

from messages import records, topics
from messages.records import Figure, Moment, Name, Text, TimeSource

VERSION = 1
"""`schema_version` of what is written now. A reader must accept records without one: they are older."""

Versioned = Annotated[int, Field(ge=1, description="version of this shape")]
Entity = Annotated[str, Field(min_length=1, max_length=64, description="the warehouse")]
Sensor = Annotated[str, Field(min_length=1, max_length=64, description="which sensor")]
EventTime = Annotated[float, Field(description="the event time, UNIX seconds; without it Kafka's time counts")]


class _Reading(TypedDict):
    __pydantic_config__ = ConfigDict(extra="ignore")  # type: ignore[misc]
    gudang_id: Entity
    timestamp: NotRequired[EventTime]
    sensor_id: NotRequired[Sensor]


class Suhu(_Reading):
    """A temperature of a warehouse."""

    suhu: Annotated[float, Field(ge=-90, le=200, description="°C")]


class Kelembaban(_Reading):
    """A relative humidity of a warehouse."""

    kelembaban: Annotated[float, Field(ge=-5, le=105, description="%")]


class Mesin(TypedDict):
    """A temperature of a machine; its event time is Kafka's."""

    __pydantic_config__ = ConfigDict(extra="ignore")  # type: ignore[misc]
    sensor_id: Annotated[str, Field(min_length=1, max_length=64, description="the machine")]
    temperature: Annotated[int, Field(ge=-90, le=1500, description="°C")]


class Alert(records.Alert):
    """A reading beyond a limit."""

    sensor_id: Name | None
    value: Figure
    unit: str
    threshold: Figure
    event_time: Moment
    time_source: TimeSource
    keterangan: NotRequired[Text]
    schema_version: Versioned


class Status(records.Status):
    """What a warehouse's streams are together: those of the shipped rules."""

    time_source: TimeSource
    suhu: Figure | None
    kelembaban: Figure | None
    suhu_age_seconds: Figure | None
    kelembaban_age_seconds: Figure | None
    schema_version: Versioned


class Incident(records.IncidentReport):
    """What is told of an incident, a silence or a sensor's wrong clock. Figures are those of the whole time so far."""

    schema_version: Versioned


class Action(records.Action):
    """What a person does about incidents and sensors."""

    schema_version: Versioned


class Pulse(TypedDict):
    """A reading of the canary: when it was sent, in milliseconds of the epoch by the monitor's clock."""

    __pydantic_config__ = ConfigDict(extra="ignore")  # type: ignore[misc]
    monitor: Literal["spark-monitor"]
    pulse: Annotated[int, Field(ge=0)]


class Heartbeat(Alert):
    """An alert of the canary."""


SHAPES: dict[str, Any] = {
    topics.SUHU: Suhu,
    topics.KELEMBABAN: Kelembaban,
    topics.MESIN: Mesin,
    topics.ALERTS: Alert,
    topics.STATUSES: Status,
    topics.INCIDENTS: Incident,
    topics.ACTIONS: Action,
    topics.CANARY: Pulse,
    topics.HEARTBEATS: Heartbeat,
}
"""Of the topics whose values are JSON. A refused message is the original's bytes; its headers say why."""

KEYS = {
    topics.SUHU: "gudang_id",
    topics.KELEMBABAN: "gudang_id",
    topics.MESIN: "sensor_id",
    topics.REFUSED: "the original's key",
    topics.CANARY: "spark-monitor",
    topics.HEARTBEATS: "spark-monitor",
}
"""What a topic is keyed by, where it is not `entity_id`."""


def documents() -> dict[str, str]:
    """Return the text of each document by its file's name."""
    found = {f"{topic}.schema.json": _text(_schema(topic, shape)) for topic, shape in SHAPES.items()}
    return found | {"asyncapi.json": _text(_asyncapi())}


def _schema(topic: str, shape: Any) -> dict[str, Any]:  # noqa: ANN401 - a TypedDict
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": topic}
    return head | {name: part for name, part in TypeAdapter(shape).json_schema().items() if name != "title"}


def _asyncapi() -> dict[str, Any]:
    every = (*SHAPES, topics.REFUSED)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Warehouse monitoring", "version": str(VERSION)},
        "defaultContentType": "application/json",
        "channels": {
            topic: {
                "address": topic,
                "messages": {"record": {"$ref": f"#/components/messages/{topic}"}},
            }
            for topic in every
        },
        "operations": {
            topic: {
                "action": "receive" if topic in _READ else "send",
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic in every
        },
        "components": {"messages": {topic: _message(topic) for topic in every}},
    }


_READ = (topics.SUHU, topics.KELEMBABAN, topics.MESIN, topics.ACTIONS, topics.CANARY)
"""The topics that the monitor reads."""


def _message(topic: str) -> dict[str, Any]:
    key = {"type": "string", "description": KEYS.get(topic, "entity_id")}
    bindings = {"bindings": {"kafka": {"key": key}}}
    if topic in SHAPES:
        return bindings | {"payload": {"$ref": f"./{topic}.schema.json"}}
    headers = {"type": "object", "properties": {records.HEADERS + name: {"type": "string"} for name in records.REFUSAL}}
    return bindings | {"contentType": "application/octet-stream", "headers": headers}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the documents to the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
