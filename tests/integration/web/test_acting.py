"""Signing in and acting: who may, what is refused, and what a person's click becomes."""

import contextlib
import re
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.integration.web.page_process import Monitor, Page

from devstack.eventually import eventually
from devstack.kafka import Kafka
from messages.records import action as action_record
from messages.topics import ACTIONS

PASSWORD = "kunci gudang 7"  # noqa: S105 - of nobody
SCRIPT = '"><script>alert(1)</script>'
OPENED = time.time() - 600
INCIDENT = f"suhu_tinggi-G1-{OPENED:.0f}"


@pytest.fixture(scope="module")
def people(page: Page, monitor: Monitor) -> Page:
    """Return the page with two users and an open incident."""
    assert "dapat masuk" in page.make_user("dewi", PASSWORD)
    assert "dapat masuk" in page.make_user("tamu", PASSWORD, "viewer")
    monitor.incident("G1", "opened", OPENED)
    eventually(lambda: INCIDENT in page.client.get("/insiden").text, lambda: "no incident", 10)
    return page


def browser(page: Page) -> httpx.Client:
    """Return a browser of its own: with no cookie yet."""
    headers = {"Accept": "text/html", "Origin": page.url}
    return httpx.Client(base_url=page.url, timeout=20, headers=headers)


@contextlib.contextmanager
def signed_in(page: Page, name: str = "dewi") -> Iterator[httpx.Client]:
    with browser(page) as found:
        answer = found.post("/masuk", data={"name": name, "password": PASSWORD, "ke": "/insiden"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/insiden")
        yield found


@pytest.fixture
def dewi(people: Page) -> Iterator[httpx.Client]:
    with signed_in(people) as found:
        yield found


def form_of(client: httpx.Client, action: str, path: str = f"/insiden?id={INCIDENT}") -> dict[str, str]:
    """Return the hidden fields of the form for an action."""
    for form in re.findall(r"<form\b.*?</form>", client.get(path).text, re.DOTALL):
        fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form))
        if fields.get("action") == action:
            return fields
    raise AssertionError(f"no form to {action}")


@pytest.fixture
def acts(broker: Kafka) -> Iterator[Any]:
    """Return what gives the actions that came since."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": secrets.token_hex(4), "log_level": 0})
    place = TopicPartition(ACTIONS, 0)
    place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign([place])

    def came(count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def all_there() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                found.append(dict(action_record(message.value() or b"")))
                assert (message.key() or b"") == found[-1]["entity_id"].encode()
            return len(found) >= count

        eventually(all_there, lambda: f"{found}", 10)
        assert consumer.poll(0.3) is None
        return found

    yield came
    consumer.close()


def test_without_a_user_the_page_says_how_to_make_the_first(page: Page) -> None:
    assert "make user NAME=dewi" in page.client.get("/masuk").text


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        ("x", "short", "expected a password of 10"),
        ("a b", PASSWORD, "expected letters"),
        ("x" * 65, PASSWORD, "expected"),
    ],
)
def test_no_weak_password_and_no_odd_name(page: Page, name: str, password: str, said: str) -> None:
    assert said in page.make_user(name, password)


def test_a_cookie_is_for_the_browser_alone_and_ends(people: Page) -> None:
    with browser(people) as client:
        answer = client.post("/masuk", data={"name": "dewi", "password": PASSWORD, "ke": "//evil"})
        cookie = answer.headers["Set-Cookie"]
        assert answer.headers["Location"] == "/"
        assert all(each in cookie for each in ("HttpOnly", "SameSite=strict", "Max-Age=43200", "Path=/"))
        assert ">dewi · </span>Keluar" in client.get("/insiden").text
        assert client.post("/keluar").status_code == 303
        assert "dewi" not in client.get("/insiden").text


def test_an_acknowledgement_is_a_message_and_then_seen_by_all(
    people: Page, dewi: httpx.Client, monitor: Monitor, acts: Any
) -> None:
    form = form_of(dewi, "acknowledge") | {"reason": SCRIPT}
    answer = dewi.post("/tindakan", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/insiden?id={INCIDENT}")
    (action,) = acts(1)
    assert {name: action[name] for name in ("action", "entity_id", "incident_id", "by", "reason")} == {
        "action": "acknowledge", "entity_id": "G1", "incident_id": INCIDENT, "by": "dewi", "reason": SCRIPT,
    }  # fmt: skip
    assert abs(action["at"] - time.time()) < 30
    said = {"acknowledged_by": "dewi", "acknowledged_at": time.time(), "by": "dewi", "reason": SCRIPT}
    monitor.incident("G1", "acknowledged", OPENED, **said)
    # Somebody else's page shows it, as text.
    eventually(lambda: "dikonfirmasi dewi" in people.client.get("/insiden").text, lambda: "not shown", 10)
    with pytest.raises(AssertionError):
        form_of(dewi, "acknowledge")
    assert "<script>alert" not in people.client.get("/insiden").text + people.client.get("/").text


def test_a_click_that_comes_twice_has_one_id(dewi: httpx.Client, acts: Any) -> None:
    form = form_of(dewi, "comment") | {"reason": "dua kali"}
    assert [dewi.post("/tindakan", data=form).status_code for _ in range(2)] == [303, 303]
    first, second = acts(2)
    assert first["action_id"] == second["action_id"]
    assert form_of(dewi, "comment")["action_id"] != first["action_id"]


def test_a_shelf_is_asked_for_shown_and_ended(people: Page, dewi: httpx.Client, monitor: Monitor, acts: Any) -> None:
    form = form_of(dewi, "shelve", "/gudang/G1") | {"minutes": "60", "until": "", "reason": "cuci AC"}
    assert dewi.post("/tindakan", data=form).status_code == 303
    (action,) = acts(1)
    assert (action["action"], round((action["until"] - action["at"]) / 60)) == ("shelve", 60)
    shelf = {"incident_id": "shelf-suhu_tinggi-G1-1", "kind": "shelf", "shelved_until": time.time() + 3600}
    monitor.incident("G1", "shelved", time.time(), **shelf, by="dewi", reason="cuci AC")
    eventually(lambda: "Sedang ditunda" in people.client.get("/insiden").text, lambda: "no list", 10)
    shown = people.client.get("/insiden").text
    assert "oleh dewi: “cuci AC”" in shown
    dewi.post("/tindakan", data=form_of(dewi, "unshelve", "/insiden"))
    assert acts(1)[0]["action"] == "unshelve"
    monitor.incident("G1", "unshelved", time.time(), **shelf)
    eventually(lambda: "Sedang ditunda" not in people.client.get("/insiden").text, lambda: "still a list", 10)


def test_a_sensor_is_retired(dewi: httpx.Client, monitor: Monitor, acts: Any) -> None:
    silence = {"incident_id": "diam-suhu-G1-a-1", "kind": "silence", "rule": "diam", "sensor_id": "suhu-7f3a"}
    monitor.incident("G1", "opened", OPENED, **silence)
    path = "/insiden?id=diam-suhu-G1-a-1"
    eventually(lambda: "Lepaskan suhu-7f3a" in dewi.get(path).text, lambda: "no form", 10)
    assert dewi.post("/tindakan", data=form_of(dewi, "retire", path) | {"reason": "dibuang"}).status_code == 303
    (action,) = acts(1)
    assert (action["action"], action["stream"], action["sensor_id"]) == ("retire", "suhu", "suhu-7f3a")
    monitor.incident("G1", "retired", OPENED, **silence)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"token": ""}, 403),
        ({"token": "0" * 64}, 403),
        ({"action": "expect"}, 422),
        ({"action": "comment", "reason": " "}, 422),
        ({"entity_id": "G" * 3000}, 422),
        ({"action_id": "x" * 300}, 422),
    ],
)
def test_a_wrong_form_does_nothing(dewi: httpx.Client, acts: Any, fields: dict[str, str], status: int) -> None:
    form = form_of(dewi, "comment") | {"reason": "x"} | fields
    assert dewi.post("/tindakan", data=form).status_code == status
    assert acts(0) == []


def test_another_site_s_form_does_nothing(dewi: httpx.Client, acts: Any) -> None:
    form = form_of(dewi, "comment") | {"reason": "x"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert dewi.post("/tindakan", data=form, headers=headers).status_code == 403
    assert acts(0) == []


def test_nobody_acts_without_a_name_or_with_a_forged_or_a_viewer_s(people: Page, dewi: httpx.Client, acts: Any) -> None:
    form = form_of(dewi, "comment") | {"reason": "x"}
    with browser(people) as nobody, signed_in(people, "tamu") as viewer:
        assert nobody.post("/tindakan", data=form).headers["Location"] == "/masuk"
        nobody.cookies.set("sesi", dewi.cookies["sesi"][:-2] + "xx")
        assert nobody.post("/tindakan", data=form).headers["Location"] == "/masuk"
        assert viewer.post("/tindakan", data=form).status_code == 403
        with pytest.raises(AssertionError):
            form_of(viewer, "comment")
    assert acts(0) == []


def test_a_new_password_signs_out_everywhere(people: Page) -> None:
    people.make_user("budi", PASSWORD)
    with signed_in(people, "budi") as client:
        assert ">budi · </span>Keluar" in client.get("/insiden").text
        people.make_user("budi", f"{PASSWORD} baru")
        assert "budi" not in client.get("/insiden").text


def test_a_hundred_wrong_passwords_are_slowed_down(people: Page) -> None:
    with browser(people) as client:
        said = [
            client.post("/masuk", data={"name": "tamu", "password": f"salah {n}", "ke": "/"}).status_code
            for n in range(100)
        ]
        assert (set(said), said.count(401) < 15) == ({401, 429}, True)
        # Also the right one, and other pages are as quick as before.
        right = {"name": "tamu", "password": PASSWORD, "ke": "/"}
        assert client.post("/masuk", data=right).status_code == 429
        assert client.get("/").elapsed.total_seconds() < 1


@pytest.mark.parametrize("name", ["dewi\r\nSet-Cookie: a=b", "../../etc/passwd", "\0", "x" * 20_000])
def test_an_odd_name_signs_nobody_in(people: Page, name: str) -> None:
    with browser(people) as client:
        answer = client.post("/masuk", data={"name": name, "password": PASSWORD, "ke": "/\r\nSet-Cookie: a=b"})
    assert answer.status_code in {401, 429}
    assert "Set-Cookie" not in answer.headers


def test_a_body_that_is_too_large_gets_no_further(people: Page) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1600):
            yield b"x" * 65_536

    with browser(people) as client:
        begun = time.monotonic()
        with_length = client.post("/masuk", content=b"name=" + b"x" * 100_000)
        assert with_length.status_code == 413
        with contextlib.suppress(httpx.TransportError):  # cut off while it sends
            assert client.post("/masuk", content=endless()).status_code == 413
        assert time.monotonic() - begun < 5
        assert client.get("/").status_code == 200


def test_slow_clients_hold_nobody_up(people: Page) -> None:
    host, port = people.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(50)]
    for each in slow:
        each.sendall(b"POST /masuk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nname=")
    assert people.client.get("/").elapsed.total_seconds() < 1
    for each in slow:
        each.close()


@pytest.fixture
def closed(tmp_path_factory: pytest.TempPathFactory, broker: Kafka) -> Iterator[Page]:
    """Return a page that shows nothing before a sign-in."""
    page = Page(tmp_path_factory.mktemp("closed"), broker.bootstrap, "off", WEB_READING="signed-in")
    page.start()
    yield page
    page.kill()


def test_where_reading_is_closed_nothing_is_shown_before_a_sign_in(closed: Page) -> None:
    paths = ("/", "/insiden", "/gudang/G1", "/sistem", "/api/docs")
    assert {closed.client.get(path).headers.get("Location") for path in paths} == {
        f"/masuk?ke={path}" for path in paths
    }
    data = ("/api/v1/overview", "/api/v1/incidents", "/live", "/changes", "/api/openapi.json")
    assert {closed.client.get(path, headers={"Accept": "*/*"}).status_code for path in data} == {401}
    closed.make_user("tamu", PASSWORD, "viewer")
    with signed_in(closed, "tamu") as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/v1/overview").status_code == 200
