"""The stack with compose.secure.yaml: who comes in, who does not, and what a changed password does."""

import json
import re
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from tests.stack.hardening import HOLDS, assert_as_the_table_says, service_of
from tests.stack.people import form_of, send, sign_in

from devstack.compose_project import eventually
from devstack.secure_project import SecureStack, secured
from messages.topics import ALERTS, KELEMBABAN, SUHU

ALERT = re.compile(r"\[Peringatan Suhu Tinggi\] Gudang G[123]: Suhu [89]\d\.\d\d°C - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
CALL_PLAINLY = (
    "import sys; from confluent_kafka.admin import AdminClient;"
    "AdminClient({'bootstrap.servers': 'kafka:9092', 'log_level': 0}).list_topics(timeout=5)"
)
CALL_ZOOKEEPER = "import socket; socket.create_connection(('zookeeper', 2181), 5)"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureStack]:
    with secured("warehouse-secure", tmp_path_factory.mktemp("secure"), "compose.yaml:compose.secure.yaml") as stack:
        yield stack


def why_refused(config: dict[str, Any]) -> str:
    """Ask for the topics, which must fail; return what the client said of it."""
    said: list[str] = []
    admin = AdminClient(config | {"error_cb": lambda error: said.append(error.str())})
    with pytest.raises(KafkaException) as caught:
        admin.list_topics(timeout=6)
    admin.poll(0)
    return " ".join([*said, str(caught.value)])


def write(config: dict[str, Any], topic: str, reading: dict[str, Any]) -> KafkaError | None:
    """Send a reading; return the error, or None when it is acknowledged."""
    told: list[KafkaError | None] = []
    producer = Producer(config | {"message.timeout.ms": 10_000})
    producer.produce(topic, json.dumps(reading), reading["gudang_id"], on_delivery=lambda error, _: told.append(error))
    producer.flush(20)
    (error,) = told
    return error


def test_the_lines_come_as_ever(secure: SecureStack) -> None:
    eventually(lambda: any(map(ALERT.fullmatch, secure.log("spark-monitor"))), lambda: "no alert line", 90)
    assert write(secure.client("producer-suhu"), SUHU, {"gudang_id": "X1", "suhu": 85.25}) is None
    assert write(secure.client("producer-kelembaban"), KELEMBABAN, {"gudang_id": "X1", "kelembaban": 75.5}) is None
    expected = "- Suhu: 85.25°C\n- Kelembaban: 75.50%\n- Status: Bahaya tinggi! Barang berisiko rusak"
    eventually(lambda: expected in secure.statuses("X1"), lambda: str(secure.statuses("X1")), 30)


DATABASE = "host=db dbname=gudang user=monitor password=salah"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{DATABASE} sslmode=disable", "no encryption"),
        (DATABASE, "password authentication failed"),
        (DATABASE.replace("host=db", "host=kafka hostaddr={db}"), "does not match host name"),
    ],
)
def test_the_database_speaks_tls_and_asks_for_a_password(secure: SecureStack, address: str, said: str) -> None:
    (container,) = secure.containers("db")
    (network,) = container["NetworkSettings"]["Networks"].values()
    connect = f"import psycopg; psycopg.connect({address.format(db=network['IPAddress'])!r})"
    assert said in secure.fails("exec", "-T", "spark-monitor", "python", "-c", connect)


def test_what_was_measured_is_kept(secure: SecureStack) -> None:
    history = ("exec", "-T", "spark-monitor", "python", "-m", "spark_monitor", "history", "X1", "--csv")
    eventually(lambda: ",85.25,85.25,85.25" in secure.compose(*history, check=False), lambda: secure.compose(*history))


def test_the_page_speaks_tls_and_shows_nothing_before_a_sign_in(secure: SecureStack) -> None:
    trust = ssl.create_default_context(cafile=str(secure.secrets / "mounted" / "ca.pem"))
    with httpx.Client(base_url=secure.page.replace("http:", "https:"), timeout=10, verify=trust) as page:
        assert {page.get(path).status_code for path in ("/api/v1/overview", "/live", "/api/docs")} == {401}
        asked = page.get("/insiden", headers={"Accept": "text/html"})
        assert (asked.status_code, asked.headers["Location"]) == (303, "/masuk?ke=/insiden")
        sign_in(secure, page, "siti", "viewer")
        # Who may only look is shown no form, and refused without one.
        assert form_of(page, "/gudang/G1", "shelve") == {}
        assert send(page, "/tindakan", {"action": "shelve"}).status_code == 403
        eventually(lambda: page.get("/api/v1/overview").json()["known"], lambda: page.get("/").text, 30)
        eventually(lambda: 'class="band"' in page.get("/gudang/G1").text, lambda: "no chart of G1", 60)


@pytest.mark.parametrize("item", HOLDS)
def test_the_containers_are_held_to_the_same_table(secure: SecureStack, item: str) -> None:
    assert_as_the_table_says(item, secure.containers())


def test_who_does_not_know_the_authority_does_not_trust_the_broker(secure: SecureStack) -> None:
    said = why_refused(secure.client("spark-monitor", ssl_ca_location=None))
    assert "certificate verify failed" in said


def test_a_broker_by_another_name_is_not_trusted(secure: SecureStack) -> None:
    said = why_refused(
        secure.client("spark-monitor") | {"bootstrap.servers": secure.bootstrap.replace("localhost", "127.0.0.1")}
    )
    assert "certificate verify failed" in said or "mismatch" in said


def test_a_wrong_password_is_refused_and_the_refusal_logged(secure: SecureStack) -> None:
    before = len(secure.said_by_kafka("Failed authentication"))
    said = why_refused(secure.client("spark-monitor", sasl_password="salah"))  # noqa: S106 - the wrong one
    assert "Authentication failed" in said
    eventually(lambda: len(secure.said_by_kafka("Failed authentication")) > before, lambda: "Kafka logged nothing")


def test_a_user_that_nobody_made_is_refused(secure: SecureStack) -> None:
    assert "Authentication failed" in why_refused(secure.client("kafka", sasl_username="operator"))


def test_plaintext_is_refused_from_outside_and_inside_and_the_refusal_logged(secure: SecureStack) -> None:
    before = len(secure.said_by_kafka("Failed authentication"))
    why_refused({"bootstrap.servers": secure.bootstrap, "log_level": 0})
    python = ("run", "--rm", "--no-deps", "--entrypoint", "python", "producer-suhu", "-c")
    assert "KafkaException" in secure.fails(*python, CALL_PLAINLY)
    eventually(lambda: len(secure.said_by_kafka("Failed authentication")) > before, lambda: "Kafka logged nothing")


def test_a_producer_writes_its_own_topic_only_and_the_refusal_is_logged(secure: SecureStack) -> None:
    error = write(secure.client("producer-suhu"), KELEMBABAN, {"gudang_id": "X2", "kelembaban": 99.0})
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    denied = r"(?i)principal = User:producer-suhu is denied"
    eventually(lambda: secure.said_by_kafka(denied), lambda: "Kafka logged nothing")
    assert not [each for each in secure.messages(KELEMBABAN).values() if each.get("gudang_id") == "X2"]


def test_a_producer_does_not_even_read_what_it_wrote(secure: SecureStack) -> None:
    consumer = Consumer(secure.client("producer-suhu") | {"group.id": "producer-suhu"})
    told: set[int] = set()

    def is_refused() -> bool:
        for message in consumer.consume(100, 1):
            error = message.error()
            assert error is not None, "a message was read"
            told.add(error.code())
        return {KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED} <= told

    try:
        consumer.assign([TopicPartition(SUHU, 0, 0)])
        eventually(is_refused, lambda: f"told only {told}")
    finally:
        consumer.close()


@pytest.mark.parametrize("topic", [KELEMBABAN, ALERTS, "no-such-topic"])
def test_a_producer_does_not_learn_whether_another_topic_is_there(secure: SecureStack, topic: str) -> None:
    found = AdminClient(secure.client("producer-suhu")).list_topics(topic, timeout=20).topics[topic]
    assert found.error is not None
    assert found.error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert not found.partitions


def test_the_monitor_s_tools_come_in_too(secure: SecureStack) -> None:
    assert write(secure.client("producer-suhu"), SUHU, {"gudang_id": "X4", "suhu": "panas"}) is None

    def told() -> str:
        return secure.compose("exec", "-T", "spark-monitor", "python", "-m", "spark_monitor", "refused", check=False)

    eventually(lambda: '"gudang_id": "X4"' in told(), told)


def test_the_monitor_invents_no_readings(secure: SecureStack) -> None:
    error = write(secure.client("spark-monitor"), SUHU, {"gudang_id": "X2", "suhu": 99.0})
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_right_that_is_not_in_the_file_is_taken_away(secure: SecureStack) -> None:
    admin = AdminClient(secure.client("topic-init"))
    foreign = AclBinding(
        ResourceType.TOPIC, SUHU, ResourcePatternType.LITERAL, "User:producer-kelembaban", "*", AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    admin.create_acls([foreign])[foreign].result(20)

    def error() -> KafkaError | None:
        return write(secure.client("producer-kelembaban"), SUHU, {"gudang_id": "X5", "suhu": 75.0})

    eventually(lambda: error() is None, lambda: "the right has no effect")
    secure.compose("run", "--rm", "--no-deps", "topic-init")
    eventually(lambda: error() is not None, lambda: "the right is still there")
    assert write(secure.client("producer-suhu"), SUHU, {"gudang_id": "X5", "suhu": 75.0}) is None


def test_zookeeper_is_out_of_reach_of_other_containers(secure: SecureStack) -> None:
    python = ("run", "--rm", "--no-deps", "--entrypoint", "python", "producer-suhu", "-c")
    assert "gaierror" in secure.fails(*python, CALL_ZOOKEEPER)


def ask_zookeeper(secure: SecureStack, command: str, options: str, *, check: bool) -> str:
    """Ask ZooKeeper from the brokers' own network, with Java's `options`; return what it said."""
    # Not zookeeper-shell: where that script takes the address differs between images.
    main = "-cp '/usr/share/java/kafka/*' org.apache.zookeeper.ZooKeeperMain -server zookeeper:2181"
    ask = ("run", "--rm", "--no-deps", "kafka-users", "sh", "-c", f"timeout 30 java {options} {main} {command}")
    return secure.compose(*ask, check=check)


def test_zookeeper_answers_nobody_without_a_password_and_logs_the_refusal(secure: SecureStack) -> None:
    """Even from the brokers' own network."""
    assert "brokers" in ask_zookeeper(secure, "ls /", "$KAFKA_OPTS", check=True)
    assert "brokers" not in ask_zookeeper(secure, "ls /", "", check=False)
    refused = r"(?i)authentication scheme|not authenticated|session.*auth"
    eventually(
        lambda: [line for line in secure.log("zookeeper") if re.search(refused, line)],
        lambda: "\n".join(secure.log("zookeeper")[-20:]),
    )


def test_zookeeper_s_entries_are_the_broker_s(secure: SecureStack) -> None:
    """Anyone who came in there without being the broker could still not see a password."""
    said = ask_zookeeper(secure, "getAcl /config/users/kafka", "$KAFKA_OPTS", check=True)
    assert "'sasl,'kafka" in said
    assert "'world" not in said


def where_secrets_are_shown(stack: SecureStack) -> list[str]:
    """Return where a password or the brokers' key is in the open."""
    key = (stack.secrets / "kafka.pem").read_text().splitlines()[1]
    hidden = [key, *(file.read_text().strip() for file in (stack.secrets / "passwords").iterdir())]
    assert len(hidden) == 1 + 10, "the key, and a password for each user, for ZooKeeper and for Spark"
    shown = {
        f"{what} of {container['Name']}": text
        for container in stack.containers()
        for what, text in (
            ("inspect", json.dumps(container)),
            ("log", "\n".join(stack.log(service_of(container)))),
            ("processes", stack.docker("top", container["Id"]) if container["State"]["Running"] else ""),
            ("image", stack.docker("history", "--no-trunc", container["Image"])),
        )
    }
    return [where for where, text in shown.items() if any(secret in text for secret in hidden)]


def test_no_secret_is_in_what_docker_shows_or_in_a_log(secure: SecureStack) -> None:
    assert where_secrets_are_shown(secure) == []


def assert_new_passwords_take_effect_and_no_reading_is_lost(secure: SecureStack) -> None:
    """Change them while readings come; each that was sent is acknowledged, and judged."""
    before = secure.client("producer-suhu")
    begun = time.time()
    secure.make("rotate")
    secure.wait_until_healthy()
    assert "Authentication failed" in why_refused(before)
    after = secure.client("producer-suhu")
    assert after["sasl.password"] != before["sasl.password"]
    assert write(after, SUHU, {"gudang_id": "X3", "suhu": 99.0}) is None
    eventually(
        lambda: [line for line in secure.log("spark-monitor") if "Gudang X3: Suhu 99.00°C" in line],
        lambda: "no line of X3", 90,
    )  # fmt: skip

    stopped = [
        event
        for service in ("producer-suhu", "producer-kelembaban")
        for event in secure.events(begun, service)
        if event["event"] == "stopped"
    ]
    assert len(stopped) == 2
    assert [(event["failed"], event["unsent"]) for event in stopped] == [(0, 0)] * 2

    readings = secure.messages(SUHU)
    high = [place for place, each in readings.items() if isinstance(each["suhu"], float) and each["suhu"] > 80]
    expected = {f"{SUHU}-{partition}-{offset}-suhu_tinggi" for partition, offset in high}

    def judged() -> set[str]:
        return {alert["alert_id"] for alert in secure.messages(ALERTS).values()}

    eventually(lambda: expected <= judged(), lambda: f"{len(expected - judged())} readings without their alert", 60)


def test_a_changed_password_takes_effect_and_no_reading_is_lost(secure: SecureStack) -> None:
    assert_new_passwords_take_effect_and_no_reading_is_lost(secure)
