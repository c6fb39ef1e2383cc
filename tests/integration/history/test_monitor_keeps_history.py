"""What the running monitor keeps: each reading once, whatever dies meanwhile, and alarms come all the same."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.monitor_process import Client, MonitorProcess
from devstack.postgres import Postgres, local_postgres
from history.database import engine as open_engine
from history.tables import metadata

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
def monitor(
    broker: Kafka, java: dict[str, str], tmp_path_factory: pytest.TempPathFactory, database: Engine
) -> Iterator[MonitorProcess]:
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    folder = tmp_path_factory.mktemp("keeping")
    process = MonitorProcess(broker.bootstrap, folder, java, STARTING_OFFSETS="latest", DATABASE_URL=url)
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

    eventually(lambda: all(found()), lambda: f"not kept: {found()}", 90)
    refusals, incidents = found()
    assert refusals == [("sensor-suhu-gudang", "InvalidJson", 1)]
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
        for table in tables:
            connection.execute(text(f"TRUNCATE {table}"))
            override = "OVERRIDING SYSTEM VALUE" if table == "sensor" else ""
            connection.execute(text(f"INSERT INTO {table} {override} TABLE backup_{table}"))
    sender.send(200)
    sender.wait_until_kept(database)


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
