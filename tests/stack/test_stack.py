"""What a user does with the stack, and sees. The tests build on each other's containers, in this order."""

import datetime as dt
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.stack.people import form_of, sign_in
from tests.stack.people import send as send_form

from devstack.compose_project import Stack, eventually
from devstack.layout import ROOT
from messages.topics import SUHU

ALERT = re.compile(
    r"\[Peringatan (Suhu|Kelembaban) Tinggi\] Gudang G[123]: (Suhu [89]\d\.\d\d°C|Kelembaban [78]\d\.\d\d%)"
    r" - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
)

JAVAS_OWN = "WARNING: Using incubator modules"
"""What Java writes past every setting for its log."""


def send(stack: Stack, stream: str, *readings: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    for reading in readings:
        producer.produce(f"sensor-{stream}-gudang", json.dumps(reading), reading["gudang_id"])
    assert producer.flush(30) == 0


def starts(stack: Stack, *services: str) -> dict[str, str]:
    """Return when each container was started, by its id."""
    return {container["Id"]: container["State"]["StartedAt"] for container in stack.containers(*services)}


def printed(stack: Stack, text: str) -> list[str]:
    return [line for line in stack.log("spark-monitor") if text in line]


def test_up_shows_an_alert_within_a_minute(stack: Stack) -> None:
    start = min(Stack.seconds(container["State"]["StartedAt"]) for container in stack.containers())
    eventually(lambda: any(map(ALERT.fullmatch, stack.log("spark-monitor"))), lambda: "no alert line", 90)
    (stamped, *_) = [
        line
        for line in stack.compose("logs", "--no-log-prefix", "--timestamps", "spark-monitor").splitlines()
        if "[Peringatan" in line
    ]
    assert Stack.seconds(stamped.split(" ")[0]) - start < 60


def test_every_container_is_healthy_and_the_status_comes_too(stack: Stack) -> None:
    stack.wait_until_healthy()
    eventually(lambda: printed(stack, "- Status: "), lambda: "no status line")
    topic_init = stack.containers("topic-init")[0]
    assert topic_init["State"]["ExitCode"] == 0


def test_all_that_the_monitor_says_besides_its_lines_is_json(stack: Stack) -> None:
    said = [line for line in stack.errors(0, "spark-monitor") if line]
    assert any("watching" in line for line in said), said
    assert [line for line in said if not line.startswith(("{", JAVAS_OWN))] == []


def test_the_page_shows_every_warehouse_with_its_history(stack: Stack) -> None:
    def shows_all() -> bool:
        places = page.get("/api/v1/overview").json()["places"]
        return {"G1", "G2", "G3"} <= {each["entity_id"] for each in places if each["level"] != "unknown"}

    with httpx.Client(base_url=stack.page, timeout=10) as page:
        eventually(shows_all, lambda: f"the page has {page.get('/api/v1/overview').text}", 30)
        eventually(lambda: 'class="band"' in page.get("/gudang/G1").text, lambda: "no chart of G1", 60)


def test_what_a_person_does_stands_everywhere_within_seconds(stack: Stack) -> None:
    """Acknowledged on the page: the log, the topic, the database and another page agree; and all is recorded."""

    def opened() -> str:
        found = other.get("/api/v1/incidents").json()
        return next((each["incident_id"] for each in found if each["entity_id"] == "ACK"), "")

    def acknowledged_by() -> list[str | None]:
        found = other.get("/api/v1/incidents").json()
        return [each.get("acknowledged_by") for each in found if each["incident_id"] == incident]

    with httpx.Client(base_url=stack.page, timeout=10) as page, httpx.Client(base_url=stack.page, timeout=10) as other:
        at = time.time()
        send(stack, "suhu", *({"gudang_id": "ACK", "suhu": 88.5, "timestamp": at - 90 + 2 * n} for n in range(45)))
        eventually(opened, lambda: other.get("/api/v1/incidents").text, 60)
        incident = opened()
        assert send_form(page, "/tindakan", {"action": "acknowledge"}).headers["Location"] == "/masuk"
        sign_in(stack, page, "dewi")
        form = form_of(page, f"/insiden?id={incident}", "acknowledge")
        assert send_form(page, "/tindakan", form | {"reason": "pendingin dicek"}).status_code == 303
        eventually(lambda: acknowledged_by() == ["dewi"], lambda: other.get("/api/v1/incidents").text, 15)
        line = "[Insiden Dikonfirmasi] Gudang ACK: Suhu, oleh dewi: pendingin dicek"
        eventually(lambda: printed(stack, line), lambda: "no line", 15)
        in_database = ("exec", "--no-TTY", "db", "psql", "-U", "postgres", "gudang", "-Atc")
        asked = "SELECT record ->> 'acknowledged_by' FROM incident WHERE entity_id = 'ACK'"
        eventually(lambda: stack.compose(*in_database, asked).strip() == "dewi", lambda: "not in the database", 15)
        # The same click twice, and a form of nobody's session.
        assert send_form(page, "/tindakan", form | {"reason": "pendingin dicek"}).status_code == 303
        assert send_form(page, "/tindakan", form | {"token": "0" * 64}).status_code == 403
        said = stack.compose("exec", "--no-TTY", "spark-monitor", "python", "-m", "spark_monitor", "check-actions")
        assert "rantai utuh" in said
        assert len(printed(stack, "[Insiden Dikonfirmasi] Gudang ACK")) == 1


def test_the_page_s_role_in_the_database_can_only_read(stack: Stack) -> None:
    tried = """
import sqlalchemy as sa
from web.settings import WebSettings
for statement in ("SELECT count(*) FROM minute", "DELETE FROM minute", "DROP TABLE minute", "CREATE TABLE own (x int)"):
    with WebSettings().database.connect() as connection:
        connection.execute(sa.text("SET default_transaction_read_only = off"))
        connection.commit()
        try:
            connection.execute(sa.text(statement))
            print("done")
        except sa.exc.SQLAlchemyError as error:
            print(type(error.orig).__name__)
"""
    said = stack.compose("exec", "--no-TTY", "web", "python", "-c", tried).split()
    assert said == ["done", *["InsufficientPrivilege"] * 3]


def test_any_client_on_this_machine_is_answered_word_for_word(stack: Stack) -> None:
    at = time.time()
    send(stack, "suhu", {"gudang_id": "X1", "suhu": 85.25, "timestamp": at})
    send(stack, "kelembaban", {"gudang_id": "X1", "kelembaban": 75.5, "timestamp": at})
    eventually(
        lambda: printed(stack, "[Status Gabungan] Gudang X1:"), lambda: f"nothing of X1: {printed(stack, 'X1')}", 20
    )
    when = (dt.datetime.fromtimestamp(int(at), tz=dt.UTC) + dt.timedelta(hours=7)).strftime("%Y-%m-%d %H:%M:%S")
    eventually(
        lambda: (
            {
                f"[Peringatan Suhu Tinggi] Gudang X1: Suhu 85.25°C - {when}",
                f"[Peringatan Kelembaban Tinggi] Gudang X1: Kelembaban 75.50% - {when}",
            }
            <= set(printed(stack, "X1"))
        ),
        lambda: str(printed(stack, "X1")),
        20,
    )
    expected = "- Suhu: 85.25°C\n- Kelembaban: 75.50%\n- Status: Bahaya tinggi! Barang berisiko rusak"
    eventually(lambda: expected in stack.statuses("X1"), lambda: str(stack.statuses("X1")), 20)


def kept_of(stack: Stack, place: str) -> str:
    """Return what the history has of a place's temperatures, a line for each minute; nothing while it is away."""
    command = ("python", "-m", "spark_monitor", "history", place, "--csv")
    return stack.compose("exec", "-T", "spark-monitor", *command, check=False)


def test_what_was_measured_is_kept_without_a_step_for_the_user(stack: Stack) -> None:
    eventually(lambda: ",85.25,85.25,85.25" in kept_of(stack, "X1"), lambda: f"X1: {kept_of(stack, 'X1')}", 60)


def test_alarms_do_not_wait_for_a_database_that_is_away(stack: Stack) -> None:
    stack.compose("kill", "db")
    send(stack, "suhu", {"gudang_id": "X6", "suhu": 91.5, "timestamp": time.time()})
    eventually(lambda: printed(stack, "Gudang X6: Suhu 91.50°C"), lambda: "no line of X6", 20)
    eventually(lambda: printed(stack, "[Riwayat] tidak dapat menulis"), lambda: "nobody was told", 60)
    stack.compose("start", "db")
    eventually(lambda: printed(stack, "[Riwayat] basis data tersambung lagi"), lambda: "not back", 60)
    eventually(lambda: ",91.5,91.5,91.5" in kept_of(stack, "X6"), lambda: f"X6: {kept_of(stack, 'X6')}", 60)


def test_the_documented_commands_back_the_history_up_and_restore_it(stack: Stack, tmp_path: Path) -> None:
    section = (ROOT / "docs/history.md").read_text("utf-8").partition("<!-- a test runs both -->")[2]
    backup, restore = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:2]
    file = str(tmp_path / "gudang.dump")
    before = kept_of(stack, "X1")
    stack.shell(backup.replace("gudang.dump", file))
    stack.compose("exec", "-T", "db", "psql", "--dbname", "gudang", "--command", "DELETE FROM minute")
    assert kept_of(stack, "X1") != before
    stack.shell(restore.replace("gudang.dump", file))
    assert kept_of(stack, "X1") == before
    eventually(lambda: stack.health_of("spark-monitor") == "healthy", lambda: "not healthy", 90)


def test_the_documented_command_rebuilds_the_history(stack: Stack) -> None:
    section = (ROOT / "docs/history.md").read_text("utf-8").partition("<!-- a test runs it -->")[2]
    (command,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:1]
    before = kept_of(stack, "X1")
    stack.compose("exec", "-T", "db", "psql", "--dbname", "gudang", "--command", "UPDATE minute SET n = n + 1")
    assert kept_of(stack, "X1") != before
    assert " dari Kafka (1/" in stack.shell(command)
    assert kept_of(stack, "X1") == before


def test_scaling_the_producers_restarts_nothing_and_brings_more_sensors(stack: Stack) -> None:
    before = starts(stack)
    stack.compose("up", "--detach", "--scale", "producer-suhu=3", "--scale", "producer-kelembaban=2")
    after = starts(stack)
    # topic-init ran to its end; compose runs it again, which changes nothing.
    kept = {container["Id"] for container in stack.containers() if "topic-init" not in container["Name"]}
    assert {i: at for i, at in before.items() if i in kept}.items() <= after.items()
    assert len(stack.containers("producer-suhu")) == 3
    assert len(stack.containers("producer-kelembaban")) == 2

    consumer = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": "test", "enable.auto.commit": False})
    place = TopicPartition(SUHU, 0)
    place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign([place])
    sensors: Counter[tuple[str, str]] = Counter()

    def three_sensors_in_each_warehouse() -> bool:
        for message in consumer.consume(100, 1):
            reading = json.loads(message.value() or b"")
            if reading["gudang_id"].startswith("G"):
                sensors[reading["gudang_id"], reading["sensor_id"]] += 1
        return len(sensors) == 9

    try:
        eventually(three_sensors_in_each_warehouse, lambda: str(sensors), 30)
    finally:
        consumer.close()


@pytest.mark.parametrize("service", ["producer-suhu", "producer-kelembaban"])
def test_a_producer_stops_in_order_and_says_what_was_acknowledged(stack: Stack, service: str) -> None:
    begun = time.monotonic()
    stack.compose("stop", service)
    assert time.monotonic() - begun < 12
    for container in stack.containers(service):
        assert container["State"]["ExitCode"] == 0, container["Name"]
    stopped = [json.loads(line) for line in stack.log(service) if '"stopped"' in line]
    assert stopped
    assert all(event["acknowledged"] > 0 and event["unsent"] == 0 for event in stopped)


def test_stop_send_200_start_prints_200_lines_once(stack: Stack) -> None:
    begun = time.monotonic()
    stack.compose("stop", "spark-monitor")
    assert time.monotonic() - begun < 30
    (container,) = stack.containers("spark-monitor")
    assert container["State"]["ExitCode"] == 0
    before = Counter(line for line in stack.log("spark-monitor") if line.startswith("[Peringatan"))
    at = time.time()
    send(stack, "suhu", *({"gudang_id": "X2", "suhu": 81 + n / 100, "timestamp": at} for n in range(200)))
    stack.compose("start", "spark-monitor")
    eventually(lambda: len(printed(stack, "Gudang X2: Suhu")) >= 200, lambda: str(len(printed(stack, "Gudang X2: S"))))
    send(stack, "suhu", {"gudang_id": "X3", "suhu": 99, "timestamp": time.time()})
    eventually(lambda: printed(stack, "Gudang X3: Suhu 99.00°C"), lambda: "no line of X3")
    after = Counter(line for line in stack.log("spark-monitor") if line.startswith("[Peringatan"))
    again = {line: number for line, number in after.items() if before[line] and number > before[line]}
    assert not again, "lines of before the stop were printed again"
    assert len(printed(stack, "Gudang X2: Suhu")) == 200


def test_the_rules_are_checked_and_tested_in_the_container(stack: Stack) -> None:
    run = ("run", "--rm", "--no-deps", "spark-monitor")
    assert "no mistake: streams 3, alerts 3, statuses 1" in stack.compose(*run, "check-rules")
    assert "12 passed, 0 failed" in stack.compose(*run, "test-rules")
    good = stack.rules_file.read_text("utf-8")
    stack.rules_file.write_text(good.replace("above: 80", "above: 800", 1), "utf-8")
    assert "alerts.suhu_tinggi.above: expected what is plausible" in stack.compose(*run, "check-rules", check=False)
    stack.rules_file.write_text(good, "utf-8")


def test_a_forgotten_command_starts_no_second_monitor(stack: Stack) -> None:
    def restarts() -> tuple[int, str]:
        (container,) = stack.containers("spark-monitor")
        return container["RestartCount"], container["State"]["StartedAt"]

    before = restarts()
    said = stack.fails("run", "--rm", "-T", "--no-deps", "spark-monitor")
    assert "[Monitor Ganda] Pemantau lain sedang memakai CHECKPOINT_DIR='/var/lib/spark-monitor/checkpoints'" in said
    assert "another monitor is running with it" in said
    send(stack, "suhu", {"gudang_id": "X5", "suhu": 88.5, "timestamp": time.time()})
    eventually(lambda: printed(stack, "Gudang X5: Suhu 88.50°C"), lambda: "no line of X5", 30)
    assert restarts() == before


def test_a_changed_limit_takes_effect_when_only_the_monitor_restarts(stack: Stack) -> None:
    shipped = stack.rules_file.read_text("utf-8")
    stack.rules_file.write_text(shipped.replace("above: 80", "above: 90", 1), "utf-8")
    stack.compose("restart", "spark-monitor")
    at = time.time()
    send(stack, "suhu", *({"gudang_id": "X4", "suhu": value, "timestamp": at} for value in (89, 91)))
    eventually(lambda: printed(stack, "Gudang X4: Suhu 91.00°C"), lambda: str(printed(stack, "X4")), 60)
    assert not printed(stack, "Gudang X4: Suhu 89.00°C")


def test_the_factory_comes_with_its_profile_alone(stack: Stack) -> None:
    before = {
        container["Id"]: container["State"]["StartedAt"] for container in stack.containers("spark-monitor", "kafka")
    }
    stack.compose("--profile", "pabrik", "up", "--detach", "--build")
    line = re.compile(
        r"\[Peringatan Suhu Mesin\] Sensor S[123]: Suhu \d+°C - Suhu terlalu tinggi - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    )
    eventually(lambda: any(map(line.fullmatch, stack.log("spark-monitor"))), lambda: "no line of a machine")
    after = {
        container["Id"]: container["State"]["StartedAt"] for container in stack.containers("spark-monitor", "kafka")
    }
    assert before == after


def test_memory_stays_within_its_limits(stack: Stack) -> None:
    for container in stack.containers():
        assert not container["State"]["OOMKilled"], container["Name"]
