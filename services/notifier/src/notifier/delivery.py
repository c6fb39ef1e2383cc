"""Posts to the webhook until it has taken what it is given.

A webhook that is away, slow or out of order is asked again after a second, two, four, … at most half a minute. An
answer that only a person can fix (a wrong address, a refused token) is logged as an error and asked again slowly: when
it is fixed, it goes on with nothing lost.
"""

import asyncio
import email.utils
import time
from http import HTTPStatus

import httpx
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from notifier.settings import NotifierSettings, token_in, trust

log = structlog.get_logger()

MISTAKE_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 600.0
"""More than this a webhook's Retry-After can't ask for: a mistake there must not silence the alarms for a day."""

_BACK_OFF = wait_exponential_jitter(initial=1, max=30)


class NotTakenError(Exception):
    """The webhook did not take the post. `is_mistake`: it won't before a person fixes something."""

    def __init__(self, cause: str, *, is_mistake: bool = False, retry_after: float = 0) -> None:
        """`cause` is for the log: nothing of the token or the address may stand in it. `retry_after` is in seconds."""
        super().__init__(cause)
        self.is_mistake = is_mistake
        self.retry_after = retry_after


class Webhook:
    """One address. `url` is an address that `NotifierSettings` accepted."""

    def __init__(self, url: str, config: NotifierSettings) -> None:
        self._url = httpx.URL(url)
        self._config = config
        self._trust = trust(config.ca_file)
        self.failures = 0
        """How often in a row the webhook did not take a post."""

    @property
    def host(self) -> str:
        """The part of the address that may stand in a log."""
        return self._url.host

    async def deliver(self, body: bytes) -> None:
        """Return when the webhook has taken the body; until then only being cancelled ends it."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(NotTakenError), wait=seconds_to_wait, before_sleep=self._note_failure
        )
        await retrying(self._post, body)
        self.failures = 0

    async def _post(self, body: bytes) -> None:
        """Post once. Raises NotTakenError."""
        headers = {"Content-Type": "application/json", "User-Agent": "warehouse-monitor-notifier"}
        try:
            # Read each time, so that a new token needs no restart.
            token = token_in(self._config.token_file)
        except (OSError, ValueError) as error:
            raise NotTakenError(f"WEBHOOK_TOKEN_FILE: {error}", is_mistake=True) from error
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            # A deadline for all of it: the client's own are for each step, and a server that sends its answer byte by
            # byte meets every one of them.
            async with asyncio.timeout(self._config.timeout_seconds):
                answer = await self._send(body, headers)
        except TimeoutError as error:
            raise NotTakenError(f"no answer within {self._config.timeout_seconds:g} s") from error
        except (httpx.HTTPError, OSError) as error:
            raise NotTakenError(str(error) or type(error).__name__) from error
        _check(answer)

    async def _send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Return the answer's head; what comes behind it does not matter."""
        # A connection for each post: one that was kept for a minute may be dead without knowing it. Nothing of the
        # environment counts (proxies, netrc), only WEBHOOK_*.
        client = httpx.AsyncClient(verify=self._trust, timeout=None, trust_env=False)  # noqa: S113 - `_post` has one
        async with client, client.stream("POST", self._url, content=body, headers=headers) as answer:
            return answer

    def _note_failure(self, attempt: RetryCallState) -> None:
        self.failures += 1
        error = error_of(attempt)
        say = log.error if error.is_mistake else log.warning
        say(
            "the webhook refuses the post: look at WEBHOOK_URL and its token"
            if error.is_mistake
            else "the webhook did not take the post",
            host=self.host, cause=str(error), attempt=attempt.attempt_number,
            next_try_seconds=round(attempt.upcoming_sleep),
        )  # fmt: skip


def seconds_to_wait(attempt: RetryCallState) -> float:
    """Return how long to wait after a failed attempt."""
    error = error_of(attempt)
    if error.is_mistake:
        return MISTAKE_SECONDS
    return max(_BACK_OFF(attempt), min(error.retry_after, LONGEST_WAIT_SECONDS))


def error_of(attempt: RetryCallState) -> NotTakenError:
    """Return why an attempt failed."""
    error = attempt.outcome.exception() if attempt.outcome else None
    assert isinstance(error, NotTakenError)  # noqa: S101 - nothing else is retried
    return error


def retry_after_seconds(header: str | None, now: float) -> float:
    """Read a Retry-After: seconds, or a date; 0 without it, or when it is neither. `now` is in epoch seconds."""
    if header is None:
        return 0
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        return max(0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return 0


def _check(answer: httpx.Response) -> None:
    """Raise NotTakenError unless the answer says that the post was taken."""
    if answer.is_success:
        return
    status = answer.status_code
    may_pass = answer.is_server_error or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    raise NotTakenError(
        f"status {status}",
        is_mistake=not may_pass,
        retry_after=retry_after_seconds(answer.headers.get("Retry-After"), time.time()),
    )
