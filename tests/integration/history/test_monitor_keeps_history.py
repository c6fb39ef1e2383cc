"""What the running monitor keeps: each reading once, whatever dies meanwhile, and alarms come all the same."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from tests.integration.history import weather
from tests.integration.history.readings import assert_is, stored

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.monitor_process import Client, MonitorProcess
from devstack.postgres import Postgres, local_postgres
from history.database import engine as open_engine
from history.figures import figures
from history.period import Period
from history.tables import metadata
from messages.topics import SUHU

AWAY, BACK = "[Riwayat] tidak dapat menulis ke basis data", "[Riwayat] basis data tersambung lagi"


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Run a server that the monitor's tests may kill."""
    with local_postgres(tmp_path_factory.mktemp("monitor-postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def database(own_postgres: Postgres) -> Iterator[Engine]:
    with open_engine(own_postgres.url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE DATABASE kept"))
    found = open_engine(make_url(own_postgres.url).set(database="kept").render_as_string(hide_password=False))
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def earlier(broker: Kafka) -> Counter[tuple[str, float]]:
    """Return how many readings of which place and minute Kafka got two days ago, when no monitor ran."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    # Else Kafka would say when it got them in truth.
    set_time_type(admin, "CreateTime")
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    noon = datetime.combine(datetime.now(UTC).date() - timedelta(days=2), clock_time(12), UTC).timestamp()
    sent = Counter[tuple[str, float]]()
    for number in range(600):
        place, at = f"EARLIER{number % 3}", noon + number
        value = json.dumps({"gudang_id": place, "suhu": 70 + number % 20, "timestamp": at})
        producer.produce(SUHU, value, place, timestamp=round(at * 1000))
        sent[place, at // 60 * 60] += 1
    producer.produce(SUHU, "{", "EARLIER0", timestamp=round(noon * 1000))
    assert producer.flush(30) == 0
    set_time_type(admin, "LogAppendTime")
    return sent


def set_time_type(admin: AdminClient, kind: str) -> None:
    entry = ConfigEntry("message.timestamp.type", kind, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, SUHU, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(10)


@pytest.fixture(scope="module")
def monitor(
    *, broker: Kafka, java: dict[str, str], tmp_path_factory: pytest.TempPathFactory, database: Engine, archive: Path,
    earlier: Counter[tuple[str, float]],
) -> Iterator[MonitorProcess]:  # fmt: skip
    assert earlier.total() == 600
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    folder = tmp_path_factory.mktemp("keeping")
    process = MonitorProcess(
        broker.bootstrap, folder, java, STARTING_OFFSETS="latest", DATABASE_URL=url, ARCHIVE_LOCATION=str(archive)
    )
    process.start()
    yield process
    process.end()


def kept(database: Engine, prefix: str, table: str = "minute") -> Counter[tuple[str, float]]:
    """Return how many readings the tables have of each place whose name begins so, by minute or hour."""
    try:
        with database.connect() as connection:
            rows = connection.execute(
                text(
                    f"SELECT entity_id, extract(epoch FROM {table})::float8 AS begin, n FROM {table} "  # noqa: S608 - a table's name
                    "JOIN sensor ON sensor = id WHERE starts_with(entity_id, :prefix)"
                ),
                {"prefix": prefix},
            )
            return Counter({(row.entity_id, row.begin): row.n for row in rows})
    except SQLAlchemyError:
        return Counter()


class Sender:
    """Sends readings, and knows what of them the history must have."""

    def __init__(self, client: Client, prefix: str, monitor: MonitorProcess) -> None:
        self.sent: Counter[tuple[str, float]] = Counter()
        self._client = client
        self._prefix = prefix
        self._monitor = monitor

    def send(self, number: int) -> None:
        """Send so many readings of three places, some of them an hour old."""
        for each in range(number):
            at = time.time() - 3000 * (each % 7 == 0)
            place = f"{self._prefix}{each % 3}"
            self._client.reading("suhu", place, 70 + each % 20, at)
            self.sent[place, at // 60 * 60] += 1
        self._client.flush()

    def wait_until_kept(self, database: Engine, seconds: float = 90) -> None:
        """Wait until the history has just these readings."""

        def found() -> Counter[tuple[str, float]]:
            return kept(database, self._prefix)

        eventually(
            lambda: found() == self.sent,
            lambda: f"missing: {self.sent - found()}; too many: {found() - self.sent}; {self._monitor.events[-8:]}",
            seconds,
        )


@pytest.mark.usefixtures("monitor")
def test_refusals_and_incidents_are_kept_too(client: Client, database: Engine) -> None:
    client.send("suhu", b"{", "G1")
    begin = time.time() - 60
    for second in range(60):
        client.reading("suhu", "HOT", 95, begin + second)
    client.flush()

    def rows(statement: str) -> list[Any]:
        try:
            with database.connect() as connection:
                return [tuple(each) for each in connection.execute(text(statement))]
        except SQLAlchemyError:
            return []  # the monitor has yet to make the tables

    def found() -> tuple[list[Any], list[Any]]:
        refusals = rows("SELECT topic, reason, n FROM refusal_minute")
        return refusals, rows("SELECT rule, state, record FROM incident WHERE entity_id = 'HOT'")

    both = 2 * [("sensor-suhu-gudang", "InvalidJson", 1)]  # today's, and the earlier one
    eventually(lambda: found()[0] == both and found()[1], lambda: f"not kept: {found()}", 90)
    _, incidents = found()
    rule, _state, record = incidents[0]
    assert rule == record["rule"]


def test_a_restored_backup_gets_again_what_came_since(
    monitor: MonitorProcess, client: Client, database: Engine
) -> None:
    sender = Sender(client, "BACKUP", monitor)
    sender.send(200)
    sender.wait_until_kept(database)
    tables = list(metadata.tables)
    with database.begin() as connection:
        for table in tables:
            connection.execute(text(f"CREATE TABLE backup_{table} AS TABLE {table}"))
    sender.send(200)
    sender.wait_until_kept(database)
    with database.begin() as connection:
        # As a restore that makes the tables again.
        connection.execute(text("ALTER TABLE action DISABLE TRIGGER USER"))
        for table in tables:
            connection.execute(text(f"TRUNCATE {table}"))
            override = "OVERRIDING SYSTEM VALUE" if table == "sensor" else ""
            connection.execute(text(f"INSERT INTO {table} {override} TABLE backup_{table}"))
    sender.send(200)
    sender.wait_until_kept(database)


@pytest.fixture(scope="module")
def month() -> dict[str, pd.DataFrame]:
    """Return the weather, up to an hour ago at most."""
    return weather.month(time.time() - 60)


def assert_has_the_weather(database: Engine, month: dict[str, pd.DataFrame]) -> None:
    for stream, readings in month.items():
        assert_is(database, readings, stream, weather.PLACES)


def test_a_month_of_real_weather_is_what_pandas_makes_of_it(
    monitor: MonitorProcess, client: Client, database: Engine, month: dict[str, pd.DataFrame]
) -> None:
    """It comes all at once, as from a logger's file."""
    for stream, readings in month.items():
        for place, at, value in readings[["entity_id", "time", "value"]].to_numpy().tolist():
            client.reading(stream, place, value, at)
    client.flush()
    number = sum(map(len, month.values()))

    def kept_by_now() -> int:
        return sum(int(stored(database, "hour", stream, weather.PLACES).n.sum()) for stream in month)

    eventually(lambda: kept_by_now() == number, lambda: f"{kept_by_now()} of {number}; {monitor.events[-8:]}", 90)
    assert_has_the_weather(database, month)
    period = Period(*(datetime.fromtimestamp(each(month["suhu"].time), UTC) for each in (min, max)))
    with database.connect() as connection:
        (found,) = figures(connection, "JFK", "suhu", period)
    readings = month["suhu"][month["suhu"].entity_id == "JFK"]
    celsius = readings.value[readings.time < period.end.timestamp()]
    assert (found.n, found.min, found.max) == (len(celsius), celsius.min(), celsius.max())
    assert found.mean == pytest.approx(celsius.mean(), rel=1e-9)
    assert found.mkt == pytest.approx(10_000 / -np.log(np.exp(-10_000 / (celsius + 273.15)).mean()) - 273.15, rel=1e-9)


def test_a_finished_day_is_archived_and_the_tables_are_rebuilt_from_it(
    *, monitor: MonitorProcess, client: Client, database: Engine, broker: Kafka, archive: Path,
    earlier: Counter[tuple[str, float]], month: dict[str, pd.DataFrame],
) -> None:  # fmt: skip
    """Kafka has forgotten it by then. The monitor goes on all the while, and so do alarms."""
    folder = archive / f"day={datetime.now(UTC).date() - timedelta(days=2)}"
    eventually((folder / "_SUCCESS").exists, lambda: f"no {folder}; {monitor.events[-8:]}", 150)
    assert not [line for line in monitor.lines if line.startswith("[Arsip]")]
    sender = Sender(client, "ANEW", monitor)
    sender.send(300)
    sender.wait_until_kept(database)
    assert kept(database, "EARLIER") == earlier

    # Not the weather, which came today.
    forgotten = TopicPartition(SUHU, 0, earlier.total() + 1)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for gone in admin.delete_records([forgotten]).values():
        gone.result(10)
    with database.begin() as connection:
        connection.execute(text("UPDATE minute SET n = n + 1"))
        connection.execute(text("DELETE FROM hour"))
    sender.send(300)
    with ThreadPoolExecutor(1) as beside:
        rebuilding = beside.submit(monitor.run_beside, "rebuild-history", 120)
        while not rebuilding.done():
            sender.send(20)
            time.sleep(0.5)  # this is the pace of the readings that the monitor adds meanwhile
        ended = rebuilding.result()
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert " dari arsip (1/3)" in ended.stdout.splitlines()[0]
    sender.send(300)
    client.reading("suhu", "AFTERWARDS", 91)
    client.flush()
    monitor.wait_for("AFTERWARDS", ["Suhu 91.00°C"], 20)
    sender.wait_until_kept(database)
    assert kept(database, "EARLIER") == earlier
    assert kept(database, "EARLIER", "hour").total() == earlier.total()
    assert_has_the_weather(database, month)


def test_each_reading_is_kept_once_though_database_and_monitor_die(
    monitor: MonitorProcess, client: Client, database: Engine, own_postgres: Postgres
) -> None:
    sender = Sender(client, "LEDGER", monitor)
    sender.send(500)
    sender.wait_until_kept(database)

    own_postgres.kill()
    sender.send(500)
    client.reading("suhu", "LOUD", 91)
    client.flush()
    monitor.wait_for("LOUD", ["Suhu 91.00°C"], 20)
    monitor.wait_for_line(AWAY)
    own_postgres.start()
    monitor.wait_for_line(BACK)
    sender.wait_until_kept(database)

    sender.send(500)
    monitor.kill()
    sender.send(500)
    monitor.start()
    sender.wait_until_kept(database)
    hours = Counter[tuple[str, float]]()
    for (place, begin), number in sender.sent.items():
        hours[place, begin // 3600 * 3600] += number
    assert kept(database, "LEDGER", "hour") == hours
