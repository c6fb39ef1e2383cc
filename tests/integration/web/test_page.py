"""The page as a process, beside a real Kafka and a real PostgreSQL; the monitor's records are written by the test."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.integration.history.readings import batch, frame
from tests.integration.web.page_process import Monitor, Page

from devstack.eventually import eventually
from devstack.kafka import Kafka
from devstack.postgres import Postgres
from history.database import engine
from history.merge import merge
from messages.topics import HEARTBEATS, INCIDENTS, STATUSES

ODD = "<b>G\"1'/&%2F😀</b>"
"""A warehouse's name that would be markup, a path and an attribute's end."""

SOON_SECONDS = 0.5


def messages(page: Page) -> Iterator[dict[str, Any]]:
    """Yield what an open page is told."""
    with page.client.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def test_a_reading_beyond_the_limit_is_told_to_an_open_page_at_once(page: Page, monitor: Monitor) -> None:
    told = messages(page)
    assert "G1" in next(told)["rooms"]
    took = []
    for number in range(10):
        suhu = 84.0 + number / 10 if number % 2 == 0 else 70.0 + number / 10
        begun = time.monotonic()
        monitor.status("G1", suhu)
        text = f"{suhu:.1f}".replace(".", ",")
        for message in told:
            if text in message.get("rooms", {}).get("G1", "") or text in str(message.get("values", {}).get("G1")):
                break
        took.append(time.monotonic() - begun)
    assert sorted(took)[8] < SOON_SECONDS, took


def test_the_verdict_follows_the_worst_place(page: Page, monitor: Monitor) -> None:
    monitor.status("G1", 75.0)
    eventually(lambda: page.level("G1") == "well", lambda: str(page.overview()), 10)
    monitor.status("G1", 85.0)
    eventually(lambda: page.level("G1") == "critical", lambda: str(page.overview()), 10)
    assert "bermasalah" in page.overview()["verdict"]
    monitor.status("G1", 75.0, None)
    eventually(lambda: page.level("G1") == "unknown", lambda: str(page.overview()), 10)


def test_an_open_incident_is_listed_with_its_life_until_it_ends(page: Page, monitor: Monitor) -> None:
    begun = round(time.time()) - 90.0
    monitor.incident("G7", "opened", begun)
    eventually(lambda: page.level("G7") == "critical", lambda: str(page.overview()), 10)
    shown = page.client.get("/insiden").text
    assert "G7 Suhu" in shown
    assert "puncak 84,3 °C, batas 80 °C" in shown
    assert "1 menit" in shown
    monitor.incident("G7", "closed", begun, closed_at=time.time())
    eventually(lambda: page.level("G7") != "critical", lambda: str(page.overview()), 10)


def test_a_name_is_text_wherever_it_stands(page: Page, monitor: Monitor) -> None:
    monitor.status(ODD, 75.0)
    monitor.incident(ODD, "opened", round(time.time()) - 60.0)
    eventually(lambda: page.level(ODD) is not None, lambda: str(page.overview()), 10)
    answers = [page.client.get(each) for each in ("/", f"/gudang/{quote(ODD, safe='')}", "/insiden", "/sistem")]
    assert [each.status_code for each in answers] == [200] * 4
    assert [each.text.count("<b>G") for each in answers] == [0] * 4
    assert "&lt;b&gt;G" in answers[1].text
    assert page.client.get("/api/v1/places", params={"place": ODD}).json()["entity_id"] == ODD
    monitor.incident(ODD, "closed", round(time.time()) - 60.0)


def test_what_is_no_record_is_passed(page: Page, monitor: Monitor) -> None:
    for topic in (STATUSES, INCIDENTS, HEARTBEATS):
        for value in (b"", b"\xff", b"[]", b'{"entity_id":"G1"}', b"{" * 3000):
            monitor.bytes(topic, value)
    monitor.status("G8", 75.0)
    eventually(lambda: page.level("G8") == "well", lambda: str(page.overview()), 10)


def test_a_place_shows_its_history_exactly(page: Page, monitor: Monitor, postgres: Postgres) -> None:
    now = time.time() // 60 * 60
    values = [70.0 + minute / 10 for minute in range(120)]
    rows = [("G2", "s-1", now - 7200 + minute * 60, value) for minute, value in enumerate(values)]
    # Half an hour without readings, and one reading far beyond the limit.
    rows = [row for row in rows if not now - 5400 <= row[2] < now - 3600]
    rows[10] = ("G2", "s-1", rows[10][2], 99.5)
    merge(engine(postgres.url), batch(frame(rows), 0, 1))
    monitor.status("G2", 75.0)
    eventually(lambda: page.level("G2") == "well", lambda: str(page.overview()), 10)
    shown = page.client.get("/gudang/G2", params={"rentang": "day"}).text
    assert "99,5 °C" in shown
    assert "tidak ada data" in shown
    assert shown.count('class="gap') >= 2
    period = {
        "start": datetime.fromtimestamp(now - 7200, UTC).isoformat(),
        "end": datetime.fromtimestamp(now, UTC).isoformat(),
    }
    asked = {"place": "G2", "stream": "suhu", **period}
    (figures,) = page.client.get("/api/v1/figures", params=asked).json()
    assert (figures["n"], figures["max"], figures["min"]) == (len(rows), 99.5, 70.0)
    assert figures["mean"] == pytest.approx(sum(row[3] for row in rows) / len(rows))
    (series,) = page.client.get("/api/v1/series", params=asked | {"points": 20}).json()
    assert max(point["max"] for point in series["points"]) == 99.5
    lines = page.client.get("/api/v1/series.csv", params=asked).text.splitlines()
    assert lines[0] == "entity_id,stream,sensor_id,at,min,mean,max,n"
    assert len(lines) == len(rows) + 1


def test_without_the_database_what_is_live_is_shown(page: Page, monitor: Monitor, postgres: Postgres) -> None:
    monitor.status("G1", 75.0)
    postgres.kill()
    try:
        eventually(lambda: page.level("G1") == "well", lambda: str(page.overview()), 10)
        shown = page.client.get("/gudang/G1")
        assert shown.status_code == 200
        assert "Riwayat tidak dapat dibaca sekarang" in shown.text
        start = datetime.now(UTC) - timedelta(hours=1)
        asked = {"place": "G1", "stream": "suhu", "start": start.isoformat(), "end": datetime.now(UTC).isoformat()}
        assert page.client.get("/api/v1/series", params=asked).status_code == 503
    finally:
        postgres.start()
    eventually(
        lambda: "Riwayat tidak dapat dibaca" not in page.client.get("/gudang/G1").text, lambda: "still not read", 30
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gudang/nobody", 404),
        ("/nothing", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/api/v1/places?place=nobody", 404),
        ("/api/v1/series?place=G1&stream=suhu&start=yesterday&end=now", 422),
        ("/api/v1/series?place=G1&stream=suhu&start=2026-11-22T00:00:00&end=2026-11-23T00:00:00", 422),
        ("/api/v1/series?place=G1&stream=suhu&start=2026-11-23T00:00:00Z&end=2026-11-22T00:00:00Z", 422),
        ("/gudang/G1?rentang=forever&sampai=2026-11-22T00:00:00Z", 200),
        ("/gudang/G1?rentang=year&sampai=0001-01-01T00:00:00%2B14:00", 200),
        ("/api/v1/series?place=G1&stream=suhu&start=0001-01-01T00:00:00%2B14:00&end=2026-11-22T00:00:00Z", 422),
        ("/api/docs", 200),
        ("/healthz", 200),
    ],
)
def test_what_is_asked_wrongly_is_refused(page: Page, monitor: Monitor, path: str, status: int) -> None:
    monitor.status("G1", 75.0)
    eventually(lambda: page.level("G1") == "well", lambda: str(page.overview()), 10)
    assert page.client.get(path).status_code == status


def test_every_answer_lets_nothing_come_from_elsewhere(page: Page) -> None:
    for path in ("/", "/insiden", "/sistem", "/api/v1/overview", "/static/live.js", "/gudang/nobody"):
        headers = page.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_another_name_than_its_own_is_refused(page: Page) -> None:
    """So a page of somebody else's, whose name is made to lead here, reads nothing."""
    assert page.client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert page.client.get("/", headers={"Host": "localhost:8080"}).status_code == 200


def test_english_is_one_click_away_and_is_remembered(page: Page) -> None:
    with httpx.Client(base_url=page.url) as client:
        assert 'lang="id"' in client.get("/").text
        assert "Overview" in client.get("/?lang=en").text
        assert "Overview" in client.get("/").text


def test_the_first_load_is_small(page: Page) -> None:
    html = page.client.get("/")
    assert html.headers["content-encoding"] == "gzip"
    with httpx.Client(base_url=page.url, headers={"Accept-Encoding": "gzip"}) as client:
        sizes = [
            int(client.get(path).headers.get("content-length", 0))
            for path in ("/static/style.css", "/static/live.js", "/static/time.js", "/static/theme.js")
        ]
    assert html.num_bytes_downloaded + sum(sizes) < 150_000


def test_after_a_kill_it_knows_again_what_is_open(page: Page, monitor: Monitor) -> None:
    begun = round(time.time()) - 30.0
    monitor.incident("G5", "opened", begun)
    eventually(lambda: page.level("G5") == "critical", lambda: str(page.overview()), 10)
    page.kill()
    page.start()
    eventually(lambda: page.level("G5") == "critical", lambda: str(page.overview()), 20)
    monitor.incident("G5", "closed", begun, closed_at=time.time())


def test_kafka_may_be_away(page: Page, monitor: Monitor, broker: Kafka) -> None:
    broker.stop_broker()
    assert page.client.get("/").status_code == 200
    broker.start_broker()

    def shows_what_is_new() -> bool:
        monitor.status("G1", 86.0)  # the clients come back at their own pace, and an old status is no news
        return page.level("G1") == "critical"

    eventually(shows_what_is_new, lambda: str(page.overview()), 90)


def test_it_ends_when_it_is_asked_to(page: Page) -> None:
    """Last: an open page does not hold it up."""
    told = messages(page)
    next(told)
    assert page.stop() == 0
