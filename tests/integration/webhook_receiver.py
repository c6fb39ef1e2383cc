"""A real HTTPS server that takes posts, or does not, in the ways that servers have."""

import contextlib
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

HOST = "localhost"

Answer = Callable[[BaseHTTPRequestHandler], bool]
"""Answers a request; returns whether that said that the post was taken."""


def takes(handler: BaseHTTPRequestHandler) -> bool:
    handler.send_response(200)
    handler.end_headers()
    return True


def says(status: int, **headers: str) -> Answer:
    """Answer with a status and headers; in their names `_` stands for `-`."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        return 200 <= status < 300

    return answer


def closes(handler: BaseHTTPRequestHandler) -> bool:
    """Close the connection without an answer."""
    handler.close_connection = True
    return False


def waits(seconds: float, then: Answer) -> Answer:
    """Be slow: the wait is the fault that is tested."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        time.sleep(seconds)  # this is the fault that is tested
        with contextlib.suppress(OSError):  # who asked may have gone
            return then(handler)
        return False

    return answer


def drips(seconds: float) -> Answer:
    """Send a good answer so slowly, letter by letter, that each step is quick and the whole is not."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        with contextlib.suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\n\r\n":
                time.sleep(seconds / 19)  # this is the fault that is tested
                handler.wfile.write(bytes([letter]))
                handler.wfile.flush()
        return False

    return answer


@dataclass(frozen=True)
class Post:
    """One request: when it had come (monotonic seconds), and whether it was told to be taken."""

    at: float
    path: str
    headers: dict[str, str]
    raw: bytes
    taken: bool

    @property
    def said(self) -> dict[str, Any]:
        """Return the body."""
        found: dict[str, Any] = json.loads(self.raw)
        return found


class Receiver:
    """`posts` grows with each request. `answers` are used up one by one, then `default` holds."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self._context)
        self.posts: list[Post] = []
        self.answers: deque[Answer] = deque()
        self.default: Answer = takes
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Return its address, which has a path and a query as such addresses do."""
        return f"https://{HOST}:{self._port}/in?site=a"

    def up(self) -> None:
        """Listen, on the port of last time if there was one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                at = time.monotonic()
                answer = receiver.answers.popleft() if receiver.answers else receiver.default
                taken = answer(self)
                receiver.posts.append(Post(at, self.path, dict(self.headers), raw, taken))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - that is its name
                pass

        server = ThreadingHTTPServer((HOST, self._port), Handler)
        server.daemon_threads = True
        server.socket = self._context.wrap_socket(server.socket, server_side=True)
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def down(self) -> None:
        """Stop listening: who comes is refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def taken(self, entity: str) -> list[Post]:
        """Return the posts about a warehouse that were taken, in order."""
        return [post for post in self.of(entity) if post.taken]

    def of(self, entity: str) -> list[Post]:
        """Return all posts about a warehouse."""
        return [post for post in list(self.posts) if post.said["groupLabels"]["entity_id"] == entity]

    def told(self, entity: str) -> list[tuple[str, str]]:
        """Return the incidents' ids and states of a warehouse that were taken, in order."""
        return [
            (alert["labels"]["incident_id"], alert["annotations"]["state"])
            for post in self.taken(entity)
            for alert in post.said["alerts"]
        ]


@contextlib.contextmanager
def receiver_running(folder: Path) -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver(folder)
    receiver.up()
    try:
        yield receiver
    finally:
        receiver.down()
