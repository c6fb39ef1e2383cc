"""The rules that ship with the monitor, and mistakes in such a file."""

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from spark_monitor.rules import Rules, load

TIME = "2026-11-22 11:29:18"


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return the file's content after a change to it."""
    content: dict[str, Any] = yaml.safe_load(resources.files("spark_monitor").joinpath("rules.yaml").read_text("utf-8"))
    change(content)
    return content


def mistake(change: Callable[[dict[str, Any]], object]) -> str:
    """Return what is said of the file after a change to it."""
    with pytest.raises(ValidationError) as caught:
        Rules.model_validate(changed(change))
    return str(caught.value)


def test_the_limits_are_the_design_s() -> None:
    rules = load()
    assert {name: (alert.stream, alert.above) for name, alert in rules.alerts.items()} == {
        "suhu_tinggi": ("suhu", 80),
        "kelembaban_tinggi": ("kelembaban", 70),
    }
    assert rules.status.within_seconds == 10


def test_the_words_are_the_design_s() -> None:
    rules = load()
    assert {
        rules.alerts[name].message.format(entity="G1", value=value, time=TIME)
        for name, value in {"suhu_tinggi": "84.31", "kelembaban_tinggi": "72.18"}.items()
    } == {
        f"[Peringatan Suhu Tinggi] Gudang G1: Suhu 84.31°C - {TIME}",
        f"[Peringatan Kelembaban Tinggi] Gudang G1: Kelembaban 72.18% - {TIME}",
    }
    assert {text.alerts: text.text for text in rules.status.texts} == {
        frozenset({"suhu_tinggi", "kelembaban_tinggi"}): "Bahaya tinggi! Barang berisiko rusak",
        frozenset({"suhu_tinggi"}): "Suhu tinggi, kelembaban normal",
        frozenset({"kelembaban_tinggi"}): "Kelembaban tinggi, suhu aman",
        frozenset(): "Aman",
    }


def test_topics_are_the_streams_each_once() -> None:
    rules = load()
    assert rules.topics == ("sensor-suhu-gudang", "sensor-kelembaban-gudang")
    shared = Rules.model_validate(
        changed(lambda content: content["streams"]["kelembaban"].update(topic="sensor-suhu-gudang"))
    )
    assert shared.topics == ("sensor-suhu-gudang",)


def test_alerts_of_a_stream() -> None:
    rules = load()
    assert rules.alerts_of("suhu") == {"suhu_tinggi": rules.alerts["suhu_tinggi"]}
    assert rules.alerts_of("tekanan") == {}


def test_an_alert_on_an_unknown_stream_is_told() -> None:
    said = mistake(lambda content: content["alerts"]["suhu_tinggi"].update(stream="tekanan"))
    assert "alerts.suhu_tinggi.stream: no stream is named 'tekanan'" in said


def test_a_status_of_an_unknown_stream_is_told() -> None:
    said = mistake(lambda content: content["status"].update(streams=["suhu", "tekanan"]))
    assert "status.streams: no stream is named 'tekanan'" in said


@pytest.mark.parametrize("number", range(4))
def test_a_missing_combination_is_told(number: int) -> None:
    missing = sorted(changed(lambda _: None)["status"]["texts"][number]["alerts"])
    said = mistake(lambda content: content["status"]["texts"].pop(number))
    assert f"status.texts: no text for the alerts {missing}" in said


def test_a_new_alert_needs_texts_only_if_the_status_looks_at_its_stream() -> None:
    def add_stream(content: dict[str, Any]) -> None:
        content["streams"]["tekanan"] = content["streams"]["suhu"] | {"topic": "sensor-tekanan"}
        content["alerts"]["tekanan_tinggi"] = {"stream": "tekanan", "above": 1, "message": "!"}

    assert Rules.model_validate(changed(add_stream)).alerts_of("tekanan")
    said = mistake(lambda content: content["alerts"].update(suhu_beku=content["alerts"]["suhu_tinggi"]))
    assert "status.texts: no text for the alerts ['suhu_beku']" in said


@pytest.mark.parametrize(
    "where", [(), ("streams", "suhu"), ("alerts", "suhu_tinggi"), ("status",), ("status", "texts", 0)]
)
def test_an_unknown_key_is_told(where: tuple[str | int, ...]) -> None:
    def add_key(content: Any) -> None:
        for step in where:
            content = content[step]
        content["treshold"] = 1

    said = mistake(add_key)
    assert ".".join(str(step) for step in (*where, "treshold")) in said
    assert "Extra inputs are not permitted" in said


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda content: content["alerts"]["suhu_tinggi"].pop("above"), "alerts.suhu_tinggi.above"),
        (lambda content: content["alerts"]["suhu_tinggi"].update(above="hot"), "alerts.suhu_tinggi.above"),
        (lambda content: content["status"].update(streams=["suhu"]), "status.streams"),
        (lambda content: content["status"].update(within_seconds=0), "status.within_seconds"),
        (lambda content: content["streams"]["suhu"].update(value_field="suhu`"), "streams.suhu.value_field"),
        (lambda content: content["alerts"].update({"Suhu-Beku": content["alerts"]["suhu_tinggi"]}), "Suhu-Beku"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(change: Callable[[dict[str, Any]], object], where: str) -> None:
    assert where in mistake(change)
