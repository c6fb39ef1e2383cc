"""What holds before any page is asked: how large and slow a form may be, and who may read."""

import asyncio
from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 32 * 1024
BODY_SECONDS = 10

OPEN_TO_ALL = ("/masuk", "/static/", "/healthz")


class Bounded:
    """Takes a request's body in before the rest: one that is too large or too slow gets no further."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            await _say(408, "the request took too long")(scope, receive, send)
            return
        if body is None:
            await _say(413, f"expected at most {MOST_BYTES} bytes")(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)


async def _body(receive: Receive) -> bytes | None:
    """Return the body, None of one that is too large."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return None
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


class SignedInOnly:
    """Shows nothing to those who are not signed in."""

    def __init__(self, app: ASGIApp, is_signed_in: Callable[[HTTPConnection], bool]) -> None:
        self._app = app
        self._is_signed_in = is_signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN_TO_ALL):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        if self._is_signed_in(request):
            await self._app(scope, receive, send)
            return
        wants_page = "text/html" in request.headers.get("accept", "")
        answer = (
            RedirectResponse(f"/masuk?ke={quote(scope['path'])}", 303) if wants_page else _say(401, "sign in first")
        )
        await answer(scope, receive, send)


def _say(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers={"Connection": "close"} if status in {408, 413} else {})
