"""The cluster behind TLS and passwords: all four compose files together."""

from collections.abc import Iterator

import pytest
from tests.stack.hardening import HOLDS, assert_as_the_table_says
from tests.stack.test_secure import (
    ALERT,
    assert_new_passwords_take_effect_and_no_reading_is_lost,
    where_secrets_are_shown,
    why_refused,
    write,
)

from devstack.compose_project import eventually
from devstack.secure_project import SecureStack, secured
from messages.topics import SUHU

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

FILES = "compose.yaml:compose.secure.yaml:compose.cluster.yaml:compose.cluster-secure.yaml"
WORK_FOR_THE_MASTER = """
from pyspark.sql import SparkSession
SparkSession.builder.master("spark://spark-master:7077").getOrCreate()
print("in")
"""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureStack]:
    with secured("warehouse-secure-cluster", tmp_path_factory.mktemp("secure"), FILES) as stack:
        yield stack


def test_the_lines_come_as_ever(secure: SecureStack) -> None:
    eventually(lambda: any(map(ALERT.fullmatch, secure.log("spark-monitor"))), lambda: "no alert line", 90)
    assert write(secure.client("producer-suhu"), SUHU, {"gudang_id": "X1", "suhu": 85.25}) is None
    eventually(
        lambda: [line for line in secure.log("spark-monitor") if "Gudang X1: Suhu 85.25°C" in line],
        lambda: "no line of X1",
    )


@pytest.mark.parametrize("item", HOLDS)
def test_the_containers_are_held_to_the_same_table(secure: SecureStack, item: str) -> None:
    assert_as_the_table_says(item, secure.containers())


def test_no_broker_takes_a_client_without_the_right_password(secure: SecureStack) -> None:
    for port in (secure.bootstrap, *secure.other_brokers):
        said = why_refused(secure.client("spark-monitor", bootstrap_servers=port, sasl_password="guessed"))  # noqa: S106 - that it is wrong is the point
        assert "Authentication failed" in said, port


def test_the_master_takes_no_work_from_who_has_no_password(secure: SecureStack) -> None:
    ask = ("run", "--rm", "--no-deps", "--entrypoint", "timeout", "spark-monitor", "90", "python", "-c")
    assert "\nin\n" not in secure.fails(*ask, WORK_FOR_THE_MASTER)


def test_no_secret_is_in_what_docker_shows_or_in_a_log(secure: SecureStack) -> None:
    assert where_secrets_are_shown(secure) == []


def test_changed_passwords_take_effect_everywhere_and_no_reading_is_lost(secure: SecureStack) -> None:
    """With the brokers', that between them and ZooKeeper, and the one within Spark."""
    old = secure.client("spark-monitor")
    before = {name: secure.password(name) for name in ("kafka", "zookeeper", "spark")}
    assert_new_passwords_take_effect_and_no_reading_is_lost(secure)
    assert all(secure.password(name) != password for name, password in before.items())
    for port in (secure.bootstrap, *secure.other_brokers):
        assert "Authentication failed" in why_refused(old | {"bootstrap.servers": port}), port
