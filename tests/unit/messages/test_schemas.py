"""The documents of the topics are those that the code makes, and name every topic that is declared."""

import json
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from messages import schemas, topics
from spark_monitor.incidents.records import FIELDS

ROOT = Path(__file__).parents[3]


def test_the_documents_are_up_to_date() -> None:
    folder = ROOT / "docs/messages"
    written = {file.name: file.read_text("utf-8") for file in folder.glob("*.json")}
    assert written == schemas.documents(), "make schemas writes them"


def test_every_topic_with_a_channel_is_declared() -> None:
    """A site may declare more: its own sensors'."""
    declared = yaml.safe_load((ROOT / "infra/topic-init/topics.yaml").read_text("utf-8"))
    names = {each["name"] for each in declared["topics"]}
    channels = json.loads(schemas.documents()["asyncapi.json"])["channels"]
    assert channels.keys() == {*schemas.SHAPES, topics.REFUSED} <= names


def test_an_incidents_shape_has_the_fields_that_are_written() -> None:
    shape = TypeAdapter(schemas.Incident).json_schema()
    assert set(shape["required"]) == shape["properties"].keys() == set(FIELDS)


def test_a_reading_of_three_fields_fits() -> None:
    reading = b'{"gudang_id":"G1","suhu":84.31,"timestamp":1795321758.142}'
    assert TypeAdapter(schemas.Suhu).validate_json(reading)["suhu"] == 84.31
