"""One post against a real HTTPS server that is well, ill, slow, or not the one it says it is."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from tests.integration.webhook_receiver import Answer, Receiver, closes, drips, receiver_running, says, takes, waits

from devstack.eventually import eventually
from notifier.delivery import Webhook
from notifier.settings import NotifierSettings

BODY = '{"groupLabels":{"entity_id":"G1"},"°":1}'.encode()
SECRET = "s3cret-7f3a"  # noqa: S105 - not one


@pytest.fixture(autouse=True)
def _plain_structlog() -> None:
    structlog.reset_defaults()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiver_running(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    return file


def webhook(receiver: Receiver, url: str | None = None, **fields: Any) -> Webhook:
    """Return what posts to the receiver, with its CA and a second for the answer unless said otherwise."""
    config = NotifierSettings.model_construct(
        **{"token_file": None, "ca_file": receiver.ca_file, "timeout_seconds": 1.0} | fields
    )
    return Webhook(url or receiver.url, config)


def deliver(hook: Webhook, within: float = 30) -> list[Any]:
    """Post until it is taken; return what was logged. Fails when it takes longer."""
    with capture_logs() as events:
        asyncio.run(asyncio.wait_for(hook.deliver(BODY), within))
    return list(events)


async def failures(hook: Webhook, number: int) -> None:
    """Return when so many attempts have failed."""
    await asyncio.to_thread(eventually, lambda: hook.failures >= number, lambda: f"{hook.failures} failures", 10)


def first_failure(hook: Webhook) -> dict[str, Any]:
    """Return what is logged of the first attempt, and stop there."""

    async def try_once() -> None:
        delivery = asyncio.create_task(hook.deliver(BODY))
        await failures(hook, 1)
        delivery.cancel()

    with capture_logs() as events:
        asyncio.run(try_once())
    return dict(events[0])


def test_a_post_arrives_as_it_is_with_the_token(receiver: Receiver, token_file: Path) -> None:
    assert deliver(webhook(receiver, token_file=token_file)) == []
    (post,) = receiver.posts
    assert (post.raw, post.path) == (BODY, "/in?site=a")
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Authorization"] == f"Bearer {SECRET}"


def test_without_a_token_there_is_no_such_header(receiver: Receiver) -> None:
    deliver(webhook(receiver))
    assert "Authorization" not in receiver.posts[0].headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_success_is_one(receiver: Receiver, status: int) -> None:
    receiver.answers.append(says(status))
    assert deliver(webhook(receiver)) == []
    assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (says(500), "status 500"),
        (says(503), "status 503"),
        (says(408), "status 408"),
        (says(429), "status 429"),
        (closes, "Server disconnected without sending a response."),
        (waits(1.5, takes), "no answer within 1 s"),
        (drips(4), "no answer within 1 s"),
    ],
)
def test_what_may_pass_is_tried_again_soon(receiver: Receiver, answer: Answer, cause: str) -> None:
    receiver.answers.append(answer)
    hook = webhook(receiver)
    (event,) = deliver(hook, within=5)
    assert (event["log_level"], event["cause"], event["host"], event["attempt"]) == ("warning", cause, "localhost", 1)
    assert event["next_try_seconds"] in {1, 2}
    assert receiver.posts[-1].taken
    assert {post.raw for post in receiver.posts} == {BODY}
    assert hook.failures == 0


def test_a_webhook_that_is_down_is_tried_again(receiver: Receiver) -> None:
    receiver.down()
    hook = webhook(receiver)

    async def comes_back() -> None:
        delivery = asyncio.create_task(hook.deliver(BODY))
        await failures(hook, 2)
        assert receiver.posts == []
        receiver.up()
        await asyncio.wait_for(delivery, 10)

    asyncio.run(comes_back())
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept(receiver: Receiver, status: int) -> None:
    receiver.answers.append(says(status, Retry_After="3"))
    deliver(webhook(receiver))
    first, second = receiver.posts
    assert second.at - first.at >= 3


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413])
def test_a_mistake_is_told_with_host_and_status_but_no_secret(
    receiver: Receiver, token_file: Path, status: int
) -> None:
    """A redirect is followed nowhere: the token is for this address alone."""
    receiver.default = says(status, Location=receiver.url)
    event = first_failure(webhook(receiver, token_file=token_file))
    assert event == {
        "event": "the webhook refuses the post: look at WEBHOOK_URL and its token",
        "log_level": "error",
        "host": "localhost",
        "cause": f"status {status}",
        "attempt": 1,
        "next_try_seconds": 30,
    }
    assert len(receiver.posts) == 1


def test_a_token_that_can_t_be_read_any_more_is_a_mistake(receiver: Receiver, token_file: Path) -> None:
    hook = webhook(receiver, token_file=token_file)
    token_file.unlink()
    event = first_failure(hook)
    assert (event["log_level"], event["next_try_seconds"]) == ("error", 30)
    assert event["cause"].startswith("WEBHOOK_TOKEN_FILE: ")
    assert receiver.posts == []


def test_a_new_token_needs_no_restart(receiver: Receiver, token_file: Path) -> None:
    hook = webhook(receiver, token_file=token_file)
    deliver(hook)
    token_file.write_text("another")
    deliver(hook)
    assert [post.headers["Authorization"] for post in receiver.posts] == [f"Bearer {SECRET}", "Bearer another"]


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(receiver: Receiver, token_file: Path) -> None:
    event = first_failure(webhook(receiver, ca_file=None, token_file=token_file))
    assert "CERTIFICATE_VERIFY_FAILED" in event["cause"]
    assert receiver.posts == []


def test_a_certificate_for_another_host_is_none(receiver: Receiver) -> None:
    event = first_failure(webhook(receiver, url=receiver.url.replace("localhost", "127.0.0.1")))
    assert "CERTIFICATE_VERIFY_FAILED" in event["cause"]


def test_proxies_of_the_environment_do_not_count(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://localhost:1")
    assert deliver(webhook(receiver)) == []
