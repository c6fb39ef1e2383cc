"""Who a request is from, and what it may."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from web.people.sessions import COOKIE, SECONDS, Person, Sessions
from web.people.throttle import Throttle
from web.people.users import Users, UsersError

log = structlog.get_logger()

MOST_FIELDS = 20


@dataclass
class Gate:
    """One for a process."""

    users: Users
    sessions: Sessions
    throttle: Throttle = field(default_factory=Throttle)

    def person(self, request: HTTPConnection) -> Person | None:
        """Return who is signed in."""
        try:
            return self.sessions.person(request.cookies.get(COOKIE))
        except UsersError as error:
            log.error("nobody can be signed in", cause=str(error))  # noqa: TRY400 - the stack says no more
            return None

    def open(self, response: Response, name: str, *, is_secure: bool) -> None:
        """Let the browser keep a session of a user who has just signed in. Raises UsersError."""
        response.set_cookie(
            COOKIE, self.sessions.begin(name), max_age=SECONDS, httponly=True, samesite="strict", secure=is_secure
        )


def is_of_this_site(request: Request) -> bool:
    """Return whether one of our own pages sent a form: browsers say where it is from, and no page can change that."""
    if (said := request.headers.get("sec-fetch-site")) is not None:
        return said == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


async def form_of(request: Request) -> dict[str, str]:
    """Return a form's fields; of one that is there twice the last."""
    try:
        return dict(
            parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        )  # fmt: skip
    except ValueError:
        return {}


def way_back(path: str) -> str:
    """Return a path of this site to go to; the overview in place of anything else."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"
