"""Every knob is in .env.example with the code's default; compose.yaml hands it on to the service that reads it."""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic_settings import BaseSettings

from devstack import compose_file
from notifier.settings import NotifierSettings
from producer_kelembaban import KELEMBABAN
from producer_mesin import MESIN
from producer_suhu import SUHU
from simulator.simulation import load_settings
from spark_monitor.settings import MonitorSettings
from topic_init.settings import Settings as TopicSettings
from web.settings import WebSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text("utf-8").splitlines()
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
SECURE = (ROOT / "compose.secure.yaml").read_text("utf-8")
CLUSTER = "".join((ROOT / f"compose.{name}.yaml").read_text("utf-8") for name in ("cluster", "cluster-secure"))

FIXED = {"KAFKA_BOOTSTRAP_SERVERS"}
"""What compose.yaml itself says."""

OF_THE_IMAGE = {
    "CHECKPOINT_DIR",
    "SHIPPED_RULES_FILE",
    "SPARK_JARS_DIR",
    "TOPICS_FILE",
    "PASSWORDS_DIR",
    "WAIT_SECONDS",
    "WEB_ADDRESS",
    "PEOPLE_DIR",
}
"""Where things lie in the container, and how long a start may take there."""

OF_THE_SECURE_OVERLAY = {
    "KAFKA_SECURITY_PROTOCOL", "KAFKA_SSL_CA_FILE", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE", "ACCESS_FILE",
    "WEB_TLS_FILE",
}  # fmt: skip
"""What compose.secure.yaml itself says."""

OF_THE_CLUSTER_OVERLAY = {"SPARK_MASTER", "SPARK_PROPERTIES_FILE"}
"""What compose.cluster.yaml and compose.cluster-secure.yaml themselves say."""

HANDED_ON_BY_THE_CLUSTER_OVERLAY = {"EXECUTOR_MEMORY"}
"""What means nothing on one machine."""

MOUNTED = {"CONFIG_DIR", "DATABASE_PASSWORD_FILE", "WEBHOOK_CA_FILE", "WEBHOOK_TOKEN_FILE"}
"""What is a file or folder beside the repository, and always at the same place in the container."""

OF_THE_STACK = {"ARCHIVE_LOCATION", "DATABASE_URL"}
"""What compose.yaml has another default for than the code: a container of its own."""

OF_THE_CONTAINER = {"SENSOR_ID"}
"""Each container of a scaled service has its own: its host name."""

GIVEN_UP = {"DISPLAY", "RULES_FILE"}
"""What is read only to say that it has no effect any more."""

Services = dict[str, type[BaseSettings]]


class Knob(NamedTuple):
    """A variable that a user may set, and who reads it."""

    service: str
    variable: str
    field: str
    settings: type[BaseSettings]


def variables(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the fields' names by their variables."""
    prefix = settings.model_config["env_prefix"]
    return {
        str(field.validation_alias or f"{prefix}{name}".upper()): name for name, field in settings.model_fields.items()
    }


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    """Return each service's settings; no variable of the developer's own reaches them."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    return {
        "producer-suhu": type(load_settings(SUHU)),
        "producer-kelembaban": type(load_settings(KELEMBABAN)),
        "producer-mesin": type(load_settings(MESIN)),
        "notifier": NotifierSettings,
        "spark-monitor": MonitorSettings,
        "topic-init": TopicSettings,
        "web": WebSettings,
    }


@pytest.fixture
def knobs(services: Services) -> list[Knob]:
    return [
        Knob(service, variable, field, settings)
        for service, settings in services.items()
        for variable, field in variables(settings).items()
        if variable
        not in FIXED
        | OF_THE_IMAGE
        | OF_THE_SECURE_OVERLAY
        | OF_THE_CLUSTER_OVERLAY
        | MOUNTED
        | OF_THE_STACK
        | OF_THE_CONTAINER
        | GIVEN_UP
    ]


@pytest.fixture
def example() -> dict[str, str]:
    """Return what .env.example says, commented out as it is."""
    named = (line[1:].partition("=") for line in EXAMPLE if re.match(r"#[A-Z0-9_]+=", line))
    return {name: value for name, _, value in named}


@pytest.fixture
def environments() -> dict[str, dict[str, Any]]:
    """Return each service's `environment`; a value of None hands the variable on."""
    return {name: service.get("environment", {}) for name, service in yaml.safe_load(COMPOSE)["services"].items()}


@pytest.fixture
def interpolated() -> set[tuple[str, str]]:
    """Return the variables that the compose files themselves read, with the defaults that it has for them."""
    return set(re.findall(r"\$\{([A-Z0-9_]+):-([^}]*)\}", COMPOSE + SECURE + CLUSTER))


def test_every_knob_stands_in_the_example(knobs: list[Knob], example: dict[str, str]) -> None:
    assert {knob.variable for knob in knobs} - example.keys() == set()


def test_the_example_has_the_code_s_defaults(
    knobs: list[Knob], example: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is read as the service would read it: 70 is 70.0. Empty means that there is no default."""
    different = {}
    for service, variable, field, settings in knobs:
        default = getattr(settings(), field)
        monkeypatch.setenv(variable, example[variable])
        said = getattr(settings(), field) if example[variable] else None
        if said != default:
            different[service, variable] = (said, default)
    assert different == {}


def test_compose_hands_every_knob_on_to_the_service_that_reads_it(
    knobs: list[Knob], environments: dict[str, dict[str, Any]]
) -> None:
    """Without a value: else the default would stand in two places."""
    absent = object()
    of_the_cluster = compose_file.services("compose.cluster.yaml")["spark-monitor"]["environment"]
    assert [
        (knob.service, knob.variable)
        for knob in knobs
        if environments[knob.service].get(knob.variable, absent) is not None
        and knob.variable not in HANDED_ON_BY_THE_CLUSTER_OVERLAY
    ] == []
    assert {name: of_the_cluster[name] for name in HANDED_ON_BY_THE_CLUSTER_OVERLAY} == {"EXECUTOR_MEMORY": None}


def test_compose_hands_on_nothing_that_the_service_does_not_read(
    services: Services, environments: dict[str, dict[str, Any]]
) -> None:
    assert [
        (service, variable)
        for service, settings in services.items()
        for variable, value in environments[service].items()
        if value is None and variable not in variables(settings)
    ] == []


def test_compose_hands_on_what_is_given_up_so_that_it_is_told(environments: dict[str, dict[str, Any]]) -> None:
    assert {name: environments["spark-monitor"][name] for name in GIVEN_UP} == dict.fromkeys(GIVEN_UP)


def test_compose_says_where_kafka_is(services: Services, environments: dict[str, dict[str, Any]]) -> None:
    said = {service: environments[service].get("KAFKA_BOOTSTRAP_SERVERS") for service in services}
    assert said == dict.fromkeys(services, "kafka:9092")


def test_the_cluster_overlay_tells_each_client_of_all_brokers(services: Services) -> None:
    """One of them may be the one that is away when a client starts."""
    overlay = compose_file.services("compose.cluster.yaml")
    said = {service: overlay[service]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] for service in services}
    assert said == dict.fromkeys(services, "kafka:9092,kafka-2:9092,kafka-3:9092")


def test_monitor_master_and_workers_of_the_cluster_overlay_know_of_each_other() -> None:
    overlay = compose_file.services("compose.cluster.yaml")
    said = {
        service: overlay[service]["environment"]["SPARK_MASTER"]
        for service in ("spark-monitor", "spark-master", "spark-worker")
    }
    assert said == dict.fromkeys(said, "spark://spark-master:7077")


def test_the_secure_overlay_tells_each_client_who_it_is(services: Services) -> None:
    """By the name of its service, and with a password that nobody else is given."""
    overlay = yaml.safe_load(SECURE)["services"]
    for service in services:
        assert (
            overlay[service]["environment"].items()
            >= {
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SSL_CA_FILE": "/run/secrets/ca.pem",
                "KAFKA_SASL_USERNAME": service,
                "KAFKA_SASL_PASSWORD_FILE": f"/run/secrets/{service}",
            }.items()
        ), service
        assert set(overlay[service]["secrets"]) >= {"ca.pem", service}
        if service != "topic-init":
            # The page also has a certificate of its own.
            own = {"ca.pem", service} | ({"web.pem"} if service == "web" else set())
            assert set(overlay[service]["secrets"]) == own


def test_what_compose_itself_reads_stands_in_the_example_with_the_same_default(
    example: dict[str, str], interpolated: set[tuple[str, str]]
) -> None:
    assert interpolated - set(example.items()) == set()
    read = set(re.findall(r"(?<!\$)\$\{?([A-Z0-9_]+)", COMPOSE + SECURE + CLUSTER))
    assert {name for name, _ in interpolated} == read, "one has no default"


def test_the_example_names_nothing_that_nobody_reads(
    knobs: list[Knob], example: dict[str, str], interpolated: set[tuple[str, str]]
) -> None:
    assert example.keys() - {knob.variable for knob in knobs} - {name for name, _ in interpolated} == set()


def test_the_example_sets_nothing_and_names_each_knob_once(example: dict[str, str]) -> None:
    """Copied to .env as it is, it changes nothing."""
    assert [line for line in EXAMPLE if line and not line.startswith("#")] == []
    assert len([line for line in EXAMPLE if re.match(r"#[A-Z0-9_]+=", line)]) == len(example)
