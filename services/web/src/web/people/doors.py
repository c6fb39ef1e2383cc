"""Signing in and out, and what a person does about incidents: forms, each answered with another page."""

import asyncio
import time

import structlog
from confluent_kafka import KafkaException
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from messages.actions import to_json
from messages.topics import ACTIONS
from servicekit.messenger import Messenger
from web.pages import Pages, language_of
from web.people.gate import Gate, form_of, is_of_this_site, way_back
from web.people.sessions import COOKIE
from web.people.users import LONGEST_PASSWORD, UsersError
from web.people.words import WordError, action_of

log = structlog.get_logger()


def router(pages: Pages, gate: Gate, messenger: Messenger) -> APIRouter:
    """Return the addresses of the forms."""
    found = APIRouter(include_in_schema=False)
    doors = _Doors(pages, gate, messenger)
    found.add_api_route("/masuk", doors.show)
    found.add_api_route("/masuk", doors.sign_in, methods=["POST"])
    found.add_api_route("/keluar", doors.sign_out, methods=["POST"])
    found.add_api_route("/tindakan", doors.act, methods=["POST"])
    return found


class _Doors:
    def __init__(self, pages: Pages, gate: Gate, messenger: Messenger) -> None:
        self._pages = pages
        self._gate = gate
        self._messenger = messenger

    def show(self, request: Request, ke: str = "/") -> Response:
        """Show the form; without any user how to make the first."""
        return self._form(request, back=way_back(ke))

    async def sign_in(self, request: Request) -> Response:
        """Begin a session, or say what is wrong."""
        form = await form_of(request)
        name, password, back = form.get("name", ""), form.get("password", ""), way_back(form.get("ke", "/"))
        address, now = request.client.host if request.client else "", time.monotonic()
        if not is_of_this_site(request):
            return self._form(request, back=back, problem="not_of_this_site", status=403)
        if self._gate.throttle.wait(name, address, now) > 0:
            return self._form(request, back=back, name=name, problem="too_many_tries", status=429)
        try:
            too_long = len(password) > LONGEST_PASSWORD
            if too_long or await asyncio.to_thread(self._gate.users.verified, name, password) is None:
                self._gate.throttle.failed(name, address, now)
                log.warning("not signed in", name=name[:100], address=address)
                return self._form(request, back=back, name=name, problem="wrong_password", status=401)
            response = RedirectResponse(back, 303)
            self._gate.open(response, name, is_secure=request.url.scheme == "https")
        except (UsersError, KeyError) as error:
            log.error("nobody can be signed in", cause=str(error))  # noqa: TRY400 - the stack says no more
            return self._form(request, back=back, name=name, problem="no_users_now", status=503)
        self._gate.throttle.succeeded(name)
        log.info("signed in", name=name, address=address)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session in this browser."""
        response = RedirectResponse("/", 303)
        if is_of_this_site(request):
            response.delete_cookie(COOKIE)
        return response

    async def act(self, request: Request) -> Response:
        """Publish what a person wants, and go back to where the form was."""
        form, person = await form_of(request), self._gate.person(request)
        back = way_back(form.get("ke", "/insiden"))
        if person is None:
            return RedirectResponse("/masuk", 303)
        if not (is_of_this_site(request) and form.get("token") == person.token):
            return self._problem(request, "not_of_this_site", 403)
        if not person.may_act:
            return self._problem(request, "may_not_act", 403)
        try:
            action = action_of(form, person.name, time.time(), self._pages.now.settings["id"].zone)
            await asyncio.to_thread(self._messenger.send, ACTIONS, action["entity_id"], to_json(action))
        except WordError as error:
            return self._problem(request, str(error), 422)
        except KafkaException as error:
            log.error("an action is not sent", cause=str(error), by=person.name)  # noqa: TRY400
            return self._problem(request, "not_sent", 503)
        log.info("acted", action=action["action"], entity_id=action["entity_id"], by=person.name)
        return RedirectResponse(back, 303)

    def _form(
        self, request: Request, *, back: str, name: str = "", problem: str = "", status: int = 200
    ) -> Response:  # fmt: skip
        language = language_of(request)
        word = self._pages.now.settings[language].word
        try:
            has_users = bool(self._gate.users.all())
        except UsersError:
            has_users, problem = True, "no_users_now"
        return self._pages.page(
            "sign_in.html", request, language, status, here="", has_users=has_users, user=name, back=back,
            problem=word(problem) if problem else "",
        )  # fmt: skip

    def _problem(self, request: Request, name: str, status: int) -> Response:
        language = language_of(request)
        head = self._pages.now.settings[language].word(name)
        return self._pages.page("problem.html", request, language, status, here="", head=head)
