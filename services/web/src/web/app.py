"""The service: its parts, and what holds for every answer."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rules.model import Rules
from servicekit import heartbeat
from servicekit.messenger import Messenger
from web import api, pages
from web.live.hub import Hub, News
from web.live.site import Site
from web.live.tail import Tail
from web.pages import Pages, language_of
from web.past.database import NoHistory, Past
from web.past.day import LastDay
from web.people import doors
from web.people.gate import Gate
from web.people.limits import Bounded, SignedInOnly
from web.people.sessions import Sessions, secret_in
from web.people.users import Users
from web.render import STATIC
from web.settings import WebSettings
from web.site_now import SiteNow

log = structlog.get_logger()

REFRESH_SECONDS = 60
"""How often the small charts take what is new."""

AGAIN_SECONDS = 10
"""How soon, where the history can't be read: at the first start its tables are not there yet."""

ACT_SECONDS = 8
"""A person waits so long until Kafka has what was done."""

BEAT_SECONDS = 5
KAFKA_SILENT_SECONDS = 30
"""The canary's readings come every five seconds: without any the page does not know how things are."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
KEPT = "public, max-age=31536000, immutable"
"""Of what has another address when it changes."""


def create(config: WebSettings, rules: Rules) -> FastAPI:
    """Return the service; it begins to read Kafka when it starts. Raises OSError if PEOPLE_DIR can't be written."""
    gate = _gate(config)
    app = FastAPI(
        title="Pemantau gudang",
        version=version("web"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lambda app: _running(app, config, rules, gate),
    )
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(config.web_hosts), www_redirect=False)
    if config.web_reading == "signed-in":
        app.add_middleware(SignedInOnly, is_signed_in=lambda request: gate.person(request) is not None)
    app.add_middleware(Bounded)
    app.add_middleware(Headers)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


@contextlib.asynccontextmanager
async def _running(app: FastAPI, config: WebSettings, rules: Rules, gate: Gate) -> AsyncIterator[None]:
    """Run what works beside the answers."""
    site, history = Site(rules), Past(config.database)
    day = LastDay(history)
    news = News()
    tail = Tail(config.kafka, rules, site, news.tell)
    now = SiteNow(site, tail, day, rules, config.zone)
    shown = Pages(now, history, gate, config.site_name)
    hub = Hub(
        news, now.overview, shown.draw, draw_groups=shown.draw_groups, incident_version=now.incident_version
    )  # fmt: skip
    versions = [("web", version("web")), (now.settings["id"].word("rules_version"), rules.version)]
    app.include_router(api.router(api.Numbers(now, history), hub))
    app.include_router(pages.router(shown, hub, versions))
    app.include_router(doors.router(shown, gate, Messenger(config.kafka, "web", ACT_SECONDS)))
    app.add_api_route("/api/docs", _docs(app, shown), include_in_schema=False)
    app.add_api_route("/healthz", _health(tail), include_in_schema=False)
    app.add_exception_handler(HTTPException, _problem(shown))  # type: ignore[arg-type]
    tail.start()
    tasks = [asyncio.create_task(each) for each in (hub.run(), _refresh(now, day, news), _beat(tail))]
    for task in tasks:
        task.add_done_callback(lambda task: _end_if_failed(task, app))
    log.info("started", address=config.web_address, history=not history.is_off)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        tail.stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(tail.join, 10)


def _gate(config: WebSettings) -> Gate:
    """Return who lets people in. Raises OSError."""
    users = Users(config.people_dir)
    return Gate(users, Sessions(users, secret_in(config.people_dir)))


async def _refresh(now: SiteNow, day: LastDay, news: News) -> None:
    """Keep the small charts as they are."""
    while True:
        seconds = AGAIN_SECONDS
        with contextlib.suppress(NoHistory):  # it is logged, and asked again
            await asyncio.to_thread(day.refresh)
            now.know_places()
            news.tell()
            seconds = REFRESH_SECONDS
        await asyncio.sleep(seconds)  # its pace


async def _beat(tail: Tail) -> None:
    """Say that the service does its work: it hears from Kafka, and answers. Raises RuntimeError when it never will."""
    while True:
        if not tail.is_alive():
            raise RuntimeError(tail.failure or "the thread that reads Kafka has ended")
        if tail.is_heard(KAFKA_SILENT_SECONDS):
            heartbeat.beat()
        await asyncio.sleep(BEAT_SECONDS)  # its pace


def _end_if_failed(task: asyncio.Task[None], app: FastAPI) -> None:
    """End the process, which Docker starts again, when a part of it has ended: pages would show what is long over."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("giving up", cause=f"{type(error).__name__}: {error}", exc_info=error)
        app.state.has_failed = True
        signal.raise_signal(signal.SIGTERM)


class Headers:
    """Adds the headers to every answer, of a page, a file or an error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_kept = scope["type"] == "http" and scope["path"].startswith("/static/") and b"v=" in scope["query_string"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", KEPT if is_kept else "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _health(tail: Tail) -> Callable[[], Response]:
    def health() -> Response:
        if tail.is_alive() and tail.is_heard(KAFKA_SILENT_SECONDS):
            return PlainTextResponse("ok\n")
        return PlainTextResponse(f"{tail.failure or 'no results from Kafka'}\n", 503)

    return health


def _docs(app: FastAPI, shown: Pages) -> Callable[[Request], Response]:
    def docs(request: Request) -> Response:
        found = []
        for path, methods in app.openapi()["paths"].items():
            for method, of in methods.items():
                parameters = [
                    {
                        "name": each["name"],
                        "type": each["schema"].get("format") or each["schema"].get("type", ""),
                        "about": each.get("description") or each["schema"].get("description", ""),
                    }
                    for each in of.get("parameters", [])
                ]
                found.append(
                    {"method": method.upper(), "path": path, "summary": of.get("summary", ""), "parameters": parameters}
                )
        return shown.page("api.html", request, language_of(request), here="", paths=found)

    return docs


def _problem(shown: Pages) -> Callable[[Request, HTTPException], Response]:
    def problem(request: Request, error: HTTPException) -> Response:
        if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith("/api/"):
            return Response(api.to_json({"detail": error.detail}), error.status_code, media_type="application/json")
        return shown.page("problem.html", request, language_of(request), error.status_code, here="", head=error.detail)

    return problem
