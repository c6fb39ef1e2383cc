"""What the environment says, and what an operator reads when it is wrong."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict
from tests.unreadable import unreadable

from notifier.settings import NotifierSettings
from producer_kelembaban import KELEMBABAN
from producer_suhu import SUHU
from servicekit.settings import ServiceSettings, explain, load
from simulator.simulation import load_settings
from spark_monitor.settings import MonitorSettings
from topic_init.settings import Settings as TopicSettings

WRONG = {
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "host:port[,host:port...]"),
    "KAFKA_SECURITY_PROTOCOL": ("TLS", "PLAINTEXT, SSL or SASL_SSL"),
    "KAFKA_SSL_CA_FILE": ("/not/there", "a file with the authority's certificate (PEM)"),
    "KAFKA_SASL_USERNAME": ("a user", "the name of a Kafka user"),
    "KAFKA_SASL_PASSWORD_FILE": ("/not/there", "a file with the password"),
    "LOG_LEVEL": ("loud", "debug, info, warning or error"),
    "LOG_FORMAT": ("xml", "auto, json or pretty"),
    "SIMULATION": ("real", "uniform or realistic"),
    "SUHU_TOPIC": ("a topic", "a topic's name"),
    "SUHU_MIN": ("cold", "a number"),
    "SUHU_MAX": ("inf", "a number"),
    "SUHU_INTERVAL_SECONDS": ("0", "seconds, 0.001 to 86400"),
    "SUHU_SEED": ("1.5", "a whole number, or nothing for a new series each start"),
    "SUHU_QUEUE_MESSAGES": ("100001", "messages, 1 to 100000"),
    "SUHU_DELIVERY_TIMEOUT_SECONDS": ("-1", "seconds, 1 to 86400"),
    "GUDANG_IDS": ("G1,G1", "names like G1,G2,G3"),
    "SENSOR_ID": ("x" * 65, "1 to 64 characters"),
}


class Pump(ServiceSettings):
    """The settings of a service that only this test has."""

    model_config = SettingsConfigDict(env_prefix="PUMP_")

    speed: Annotated[int, Field(ge=1, le=9, description="a step, 1 to 9")] = 5
    key: Annotated[int, Field(repr=False, description="a number")] = 0


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    """Return the lines that the producer of temperatures ends with."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load_settings(SUHU)
    return str(caught.value.code).splitlines()


def run_producer(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run a producer to its end; should it start after all, there is no broker that it could reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", "localhost:1")
        for name, value in variables.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "producer_suhu"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_table_of_mistakes_has_every_variable() -> None:
    fields = type(load_settings(SUHU)).model_fields
    names = {str(field.validation_alias or f"SUHU_{name}".upper()) for name, field in fields.items()}
    assert names == WRONG.keys()


@pytest.mark.parametrize("variable", WRONG)
def test_a_wrong_variable_is_one_line_with_name_value_and_expected_form(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    value, expected = WRONG[variable]
    (line,) = refusal(monkeypatch, **{variable: value})
    start = f"{variable}={value!r}: expected {expected}; "
    assert line.startswith(start)
    assert line != start, "the reason is missing"


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, **{variable: value for variable, (value, _) in WRONG.items()})
    assert {line.split("=")[0] for line in lines} == WRONG.keys()
    assert len(lines) == len(WRONG)


@pytest.mark.parametrize("ids", ["G1,,G2", ",", "G1,G2,G1", "G1, G1", "x" * 65])
def test_names_of_warehouses_are_distinct_and_neither_empty_nor_long(monkeypatch: pytest.MonkeyPatch, ids: str) -> None:
    (line,) = refusal(monkeypatch, GUDANG_IDS=ids)
    assert line == f"GUDANG_IDS={ids!r}: expected names like G1,G2,G3; each name once, 1 to 64 characters"


def test_a_range_upside_down_names_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, SUHU_MIN="91.5", SUHU_MAX="91")
    assert lines == ["SUHU_MIN=91.5: expected at most SUHU_MAX, which is 91.0"]


def test_one_end_alone_may_turn_the_range_upside_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other end is the sensor's default."""
    assert refusal(monkeypatch, SUHU_MAX="69") == ["SUHU_MIN=70.0: expected at most SUHU_MAX, which is 69.0"]


def test_explain_names_the_variable_with_its_prefix() -> None:
    with pytest.raises(ValidationError) as caught:
        Pump(speed=10)
    (line,) = explain(caught.value, Pump)
    assert line.startswith("PUMP_SPEED=10: expected a step, 1 to 9; ")


def test_explain_does_not_show_what_may_be_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Pump.model_validate({"key": "s3cret"})
    (line,) = explain(caught.value, Pump)
    assert line.startswith("PUMP_KEY=(not shown): expected a number; ")
    assert "s3cret" not in line


def test_the_prefix_is_for_a_service_s_own_variables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PUMP_SPEED": "7", "SPEED": "8", "LOG_LEVEL": "debug", "PUMP_LOG_LEVEL": "error"}.items():
        monkeypatch.setenv(name, value)
    pump = load(Pump)
    assert (pump.speed, pump.log_level) == (7, "debug")


@pytest.mark.parametrize("variable", ["KAFKA_SSL_CA_FILE", "KAFKA_SASL_PASSWORD_FILE"])
def test_a_file_with_the_wrong_rights_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    with unreadable(file) as user:
        (line,) = refusal(monkeypatch, **{variable: str(file)})
    assert line.startswith(f"{variable}={str(file)!r}: expected a file with ")
    assert line.endswith(f"; user {user} can't read it; on the host: make secrets, or chmod go+r <file>")


@pytest.mark.parametrize("settings", [Pump, MonitorSettings, NotifierSettings, TopicSettings])
@pytest.mark.parametrize(("level", "read"), [("INFO", "info"), ("Debug", "debug"), ("warning", "warning")])
def test_a_level_of_the_log_is_the_same_in_any_case(
    monkeypatch: pytest.MonkeyPatch, settings: type[ServiceSettings], level: str, read: str
) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    assert load(settings).log_level == read


def test_what_is_no_level_is_shown_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusal(monkeypatch, LOG_LEVEL="LOUD")
    assert line.startswith("LOG_LEVEL='LOUD': expected debug, info, warning or error; ")


def test_two_producers_do_not_read_each_other_s_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUHU_MIN", "71")
    monkeypatch.setenv("KELEMBABAN_MIN", "61")
    assert (load_settings(SUHU).min, load_settings(KELEMBABAN).min) == (71, 61)


@pytest.mark.parametrize("variable", WRONG)
def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    default = load_settings(SUHU).model_dump()
    monkeypatch.setenv(variable, "")
    assert load_settings(SUHU).model_dump() == default


def test_defaults_are_the_design_s() -> None:
    suhu, kelembaban = load_settings(SUHU), load_settings(KELEMBABAN)
    assert (suhu.topic, suhu.min, suhu.max) == ("sensor-suhu-gudang", 70, 90)
    assert (kelembaban.topic, kelembaban.min, kelembaban.max) == ("sensor-kelembaban-gudang", 60, 80)
    assert suhu.entity_ids == kelembaban.entity_ids == ("G1", "G2", "G3")
    assert suhu.interval_seconds == kelembaban.interval_seconds == 1


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    values: dict[str, tuple[str, object]] = {
        "KAFKA_BOOTSTRAP_SERVERS": ("a-1.b:9092,c:9093", "a-1.b:9092,c:9093"),
        "KAFKA_SECURITY_PROTOCOL": ("SASL_SSL", "SASL_SSL"),
        "KAFKA_SSL_CA_FILE": (str(secret), secret),
        "KAFKA_SASL_USERNAME": ("a-1", "a-1"),
        "KAFKA_SASL_PASSWORD_FILE": (str(secret), secret),
        "LOG_LEVEL": ("warning", "warning"),
        "LOG_FORMAT": ("pretty", "pretty"),
        "SIMULATION": ("realistic", "realistic"),
        "SUHU_TOPIC": ("other.topic_1-x", "other.topic_1-x"),
        "SUHU_MIN": ("-10.5", -10.5),
        "SUHU_MAX": ("-10.5", -10.5),
        "SUHU_INTERVAL_SECONDS": ("0.25", 0.25),
        "SUHU_SEED": ("-3", -3),
        "SUHU_QUEUE_MESSAGES": ("1", 1),
        "SUHU_DELIVERY_TIMEOUT_SECONDS": ("1.5", 1.5),
        "GUDANG_IDS": ("Gudang Utara, B ", ("Gudang Utara", "B")),
        "SENSOR_ID": ("s-1", "s-1"),
    }
    for name, (value, _) in values.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(SUHU)
    fields = {name: name.removeprefix("SUHU_").lower() for name in values} | {"GUDANG_IDS": "entity_ids"}
    read = {name: getattr(settings, field) for name, field in fields.items()}
    assert read == {name: expected for name, (_, expected) in values.items()}


def test_a_service_with_wrong_values_ends_with_these_lines_only() -> None:
    wrong = {"SUHU_MIN": "cold", "LOG_LEVEL": "loud", "GUDANG_IDS": "G1,G1"}
    ended = run_producer(**wrong)
    assert (ended.returncode, ended.stdout) == (1, "")
    starts = sorted(f"{name}={value!r}: expected {WRONG[name][1]}; " for name, value in wrong.items())
    lines = sorted(ended.stderr.splitlines())
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts


def test_a_service_with_a_range_upside_down_ends_with_one_line() -> None:
    ended = run_producer(SUHU_MIN="91")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "SUHU_MIN=91.0: expected at most SUHU_MAX, which is 90.0\n"
