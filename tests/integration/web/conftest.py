"""The page beside a real Kafka and a real PostgreSQL; the monitor's records are written by the test."""

from collections.abc import Iterator

import pytest
from tests.integration.web.page_process import Monitor, Page

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.postgres import Postgres, local_postgres
from history.database import engine
from history.upgrade import upgrade


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with local_postgres(tmp_path_factory.mktemp("postgres")) as server:
        upgrade(engine(server.url))
        yield server


@pytest.fixture(scope="module")
def monitor(broker: Kafka) -> Iterator[Monitor]:
    monitor = Monitor(broker.bootstrap)
    yield monitor
    monitor.end()


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, broker: Kafka, postgres: Postgres, monitor: Monitor
) -> Iterator[Page]:
    page = Page(tmp_path_factory.mktemp("web"), broker.bootstrap, postgres.url)
    monitor.status("G1", 75.0)
    page.start()
    eventually(lambda: page.overview()["known"], lambda: f"{page.overview()}", 30)
    yield page
    page.process.kill()
    page.process.wait()
