"""The pages: what a browser asks for, as HTML."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from sqlalchemy import Connection

from history import incidents as past_incidents
from history.figures import figures
from history.period import Period
from history.quality import database_bytes, openings, refusals
from history.series import Series, resolution, series
from messages.records import IncidentReport
from rules import canary
from web.live.hub import Hub
from web.past.database import NoHistory, Past
from web.past.record import Record
from web.people.gate import Gate
from web.people.words import SHELF_MINUTES
from web.render import Templates
from web.site_now import SiteNow
from web.view import cases, numbers, past
from web.view.groups import groups, matching
from web.view.levels import Level
from web.view.numbers import Language
from web.view.overview import MANY, Overview, Room, Setting
from web.view.quality import Quality, Reason, quality, reasons

COOKIE = "lang"
COOKIE_SECONDS = 365 * 24 * 3600

CANARY_PLACE = (canary.ENTITY, canary.NAME)
ENDED_DAYS = 7
ENDED_AT_MOST = 200


class Pages:
    """Builds pages of the live state and the past."""

    def __init__(self, now: SiteNow, history: Past, gate: Gate, site_name: str | None) -> None:
        self.now = now
        self.history = history
        self.record = Record(history)
        self._gate = gate
        self.templates = Templates()
        self._site_name = site_name

    def draw(self, room: Room, language: Language) -> str:
        """Return a room as HTML."""
        setting, now = self.now.settings[language], time.time()
        ages = {each.stream: _age(each.at, now, setting) for each in room.measures} | {
            "": _age(room.age_at, now, setting)
        }
        return self.templates.page("room.html", language, room=room, ages=ages, sparks=self.now.sparks(room, language))

    def draw_groups(self, shown: Overview, language: Language) -> str:
        """Return the squares of many places as HTML; nothing of a few."""
        if not shown.is_many:
            return ""
        found = groups(shown, self.now.settings[language])
        return self.templates.page("groups.html", language, groups=found)

    def page(self, name: str, request: Request, language: Language, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
        """Return a page; a language that the address asks for is remembered."""
        text = self.templates.page(
            name, language, clock=self._clock(language), site_name=self._site_name,
            wall="layar" in request.query_params, person=self._gate.person(request), path=request.url.path, **values,
        )  # fmt: skip
        response = HTMLResponse(text, status)
        if request.query_params.get(COOKIE) in {"id", "en"}:
            response.set_cookie(COOKIE, language, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
        return response

    def _clock(self, language: Language) -> dict[str, object]:
        setting, now = self.now.settings[language], time.time()
        local = datetime.fromtimestamp(now, setting.zone)
        return {
            "iso": local.isoformat(timespec="seconds"), "now": now, "zone": setting.zone.key,
            "zone_name": setting.zone_name(now), "date": numbers.weekday(local, language),
            "time": local.strftime("%H:%M:%S"),
        }  # fmt: skip


def language_of(request: Request) -> Language:
    """Return the reader's language: what the address asks for, else what it asked for before, else Indonesian."""
    asked = request.query_params.get(COOKIE) or request.cookies.get(COOKIE)
    return "en" if asked == "en" else "id"


def router(pages: Pages, hub: Hub, versions: Sequence[tuple[str, str]]) -> APIRouter:
    """Return the addresses of the pages."""
    found = APIRouter(include_in_schema=False)

    @found.get("/")
    def overview(request: Request, q: str = "") -> Response:
        language = language_of(request)
        shown, setting = pages.now.overview(language), pages.now.settings[language]
        rules = setting.rules
        loud, calm = shown.drawn
        found = ""
        if q.strip():
            matches = matching(shown.rooms, q)
            loud = [room for room in matches if room.level is not Level.WELL][:MANY]
            calm = [room for room in matches if room.level is Level.WELL][: MANY - len(loud)]
            found = setting.word("found", count=setting.count(len(matches)), drawn=setting.count(len(loud + calm)))
        return pages.page(
            "overview.html", request, language, here="overview", shown=shown, read=pages.now.is_read, loud=loud,
            calm=calm, asked=q.strip(), found=found, groups=_safe(pages.draw_groups(shown, language)),
            labels=[rules.streams[name].label for name in rules.combined_streams or tuple(rules.streams)[:2]],
            draw=lambda room: _safe(pages.draw(room, language)),
        )  # fmt: skip

    @found.get("/gudang/{entity_id:path}")
    def place(
        request: Request,
        entity_id: str,
        rentang: str = past.DEFAULT_RANGE,
        sampai: Annotated[datetime | None, Query()] = None,
    ) -> Response:
        language = language_of(request)
        setting = pages.now.settings[language]
        room = pages.now.room(entity_id, language)
        if room is None:
            head = setting.word("unknown_place", place=entity_id)
            return pages.page("problem.html", request, language, 404, here="", head=head)
        moment, now = datetime.now(UTC), time.time()
        until = sampai if sampai is None or sampai.tzinfo else sampai.replace(tzinfo=UTC)
        name = rentang if rentang in past.RANGES else past.DEFAULT_RANGE
        period = past.period_of(name, until, moment)
        shown, found_cases = _past_of(pages, room, setting, name=name, period=period, now=moment)
        return pages.page(
            "place.html", request, language, here="", place=entity_id, room=room, past=shown, range=name,
            ranges=[(each, setting.word(each)) for each in past.RANGES], cases=found_cases,
            ages={each.stream: _age(each.at, now, setting) for each in room.measures},
            rules=_limits_of(room, setting), times=_shelf_times(setting, now),
        )  # fmt: skip

    @found.get("/insiden")
    def incidents(request: Request, id: str = "") -> Response:  # noqa: A002 - the name in the address
        language = language_of(request)
        setting, now = pages.now.settings[language], time.time()
        live = pages.now.incidents()
        ended, problem = _ended(pages, setting, now)
        limits = cases.of_limits(live)
        shown = cases.open_ones(limits, setting, now)
        head = (
            setting.word("open_incidents", count=setting.count(len(shown))) if shown else setting.word("no_incidents")
        )
        # Without a choice the worst one is shown.
        chosen = id or next((each.id for each in shown), "")
        return pages.page(
            "incidents.html", request, language, here="incidents", head=head, problem=problem, open_ones=shown,
            faults=cases.open_ones(cases.of_sensors(live), setting, now), shelves=cases.shelves(live, setting, now),
            ended=ended, is_chosen=bool(id), times=_shelf_times(setting, now), open_id=chosen,
            detail=_detail(pages, chosen, live, setting, now) if chosen else None,
        )  # fmt: skip

    @found.get("/sistem")
    def system(request: Request) -> Response:
        language = language_of(request)
        answer = None if pages.history.is_off else pages.history.answer_seconds()
        return pages.page(
            "system.html", request, language, here="system", versions=versions,
            record=_record_of_actions(pages, pages.now.settings[language]), refused=_refused(pages, language),
            last_day=_last_day(pages, pages.now.settings[language]),
            **_system(pages, hub, answer, pages.now.settings[language], language),
        )  # fmt: skip

    return found


def _safe(html: str) -> object:
    return Markup(html)  # noqa: S704 - a template's, which has escaped what is in it


def _age(at: float | None, now: float, setting: Setting) -> str:
    return "–" if at is None else setting.ago(now - at)


def _shelf_times(setting: Setting, now: float) -> list[tuple[int, str]]:
    """Return for how many minutes a rule may be shelved, with words."""
    return [
        (minutes, f"{numbers.duration(60 * minutes, setting.language)}, {setting.moment(now + 60 * minutes, now)}")
        for minutes in SHELF_MINUTES
    ]


def _limits_of(room: Room, setting: Setting) -> list[tuple[str, str]]:
    """Return the rules that make incidents of a place, with their streams' labels."""
    rules, streams = setting.rules, {each.stream for each in room.measures}
    return [
        (name, rules.streams[each.stream].label)
        for name, each in rules.alerts.items()
        if each.incident and each.stream in streams
    ]


def _past_of(
    pages: Pages, room: Room, setting: Setting, *, name: str, period: Period, now: datetime
) -> tuple[past.Shown, list[cases.Case]]:
    """Return a place's history and its incidents; with what is wrong where the database can't be asked."""
    _, width = resolution(period, past.POINTS)

    def ask(connection: Connection) -> tuple[dict[str, list[Series]], list[past.FiguresRow], list[IncidentReport]]:
        found = {
            each.stream: series(
                connection, room.entity_id, each.stream, period, past.POINTS, canary=CANARY_PLACE, now=now
            )
            for each in room.measures
        }
        rows = [
            past.figures_row(each.stream, one, setting)
            for each in room.measures
            for one in figures(connection, room.entity_id, each.stream, period, canary=CANARY_PLACE, now=now)
        ]
        records = past_incidents.incidents(connection, period, room.entity_id)
        return found, rows, cast(list[IncidentReport], records)

    try:
        found, rows, records = pages.history.ask(ask)
    except NoHistory as problem:
        empty = past.frame_lines(name, period, width, setting, now)
        live = [each for each in pages.now.incidents() if each["entity_id"] == room.entity_id]
        said = setting.word("history_off" if problem.is_off else "no_history")
        return replace(empty, problem=said), cases.open_ones(live, setting, now.timestamp())
    frame = past.frame_lines(name, period, width, setting, now)
    charts = [
        past.chart((stream, room.entity_id), each, period, width, setting, incidents=records)
        for stream, each in found.items()
    ]
    shown = replace(frame, charts=tuple(charts), figures=tuple(rows))
    return shown, [cases.case(each, setting, now.timestamp()) for each in records]


def _ended(pages: Pages, setting: Setting, now: float) -> tuple[list[cases.Case], str]:
    """Return the incidents that ended lately, the newest first, and what is wrong with the history, if anything is."""
    end = datetime.fromtimestamp(now, UTC)
    period = Period(end - timedelta(days=ENDED_DAYS), end)
    try:
        records = pages.history.ask(
            lambda connection: past_incidents.incidents(connection, period, at_most=ENDED_AT_MOST)
        )
    except NoHistory as problem:
        return [], setting.word("history_off" if problem.is_off else "no_history")
    found = [cases.case(cast(IncidentReport, each), setting, now) for each in records]
    return [each for each in found if each.is_over], ""


def _detail(
    pages: Pages, incident_id: str, live: Sequence[IncidentReport], setting: Setting, now: float
) -> cases.Detail | None:
    """Return an incident with its life, from the history; of an open one at least what is live."""
    open_one = next((each for each in live if each["incident_id"] == incident_id), None)
    try:
        events = cast(
            list[IncidentReport],
            pages.history.ask(lambda connection: past_incidents.events(connection, [incident_id])),
        )
    except NoHistory:
        events = []
    known = open_one or (events[-1] if events else None)
    if known is None:
        return None
    return cases.detail(known, events or [known], setting, now)


def _record_of_actions(pages: Pages, setting: Setting) -> tuple[str, bool]:
    """Return whether all that people did stands as it was written, in words, and whether something is wrong."""
    try:
        found = pages.record.chain()
    except NoHistory as problem:
        return setting.word("history_off" if problem.is_off else "record_unknown"), False
    if found.broken_at is not None:
        return setting.word("record_broken", number=setting.count(found.broken_at)), True
    return setting.word("record_whole", count=setting.count(found.length)), False


def _refused(pages: Pages, language: Language) -> list[tuple[str, str, str, str, str]]:
    setting, now = pages.now.settings[language], time.time()
    return [(setting.moment(r.at, now), r.reason, r.place, r.message, r.detail) for r in pages.now.refused()]


def _last_day(pages: Pages, setting: Setting) -> tuple[Quality, list[Reason], str] | None:
    """Return how good the alarms of the last day were, what was refused, and how large the database is."""
    now = datetime.now(UTC)
    period = Period(now - timedelta(days=1), now)
    try:
        found, refused, size = pages.history.ask(
            lambda connection: (openings(connection, period), refusals(connection, period), database_bytes(connection))
        )
    except NoHistory:
        return None
    megabytes = numbers.number(size / 1e6, 1, setting.language)
    return quality(found, setting, now), reasons(refused, setting), setting.word("megabytes", size=megabytes)


def _system(pages: Pages, hub: Hub, answer: float | None, setting: Setting, language: Language) -> dict[str, Any]:
    word, count, now = setting.word, setting.count, time.time()
    shown, tests = pages.now.overview(language), sorted(pages.now.pulses())
    whole, newest = pages.now.is_chain_whole(), pages.now.newest()
    live = pages.now.incidents()
    limits, faults = len(cases.of_limits(live)), len(cases.of_sensors(live))
    if pages.history.is_off:
        database = word("off")
    else:
        database = word("unreachable") if answer is None else word("reachable", ms=count(round(answer * 1000)))
    results = word("answered" if whole else "silent_now", ago=setting.ago(now - newest)) if newest else word("untested")
    count_of_open = word("open_incidents", count=count(limits)) if limits else word("no_incidents")
    tested = f"p50 {count(round(tests[len(tests) // 2] * 1000))} ms" if tests else word("untested")
    places = word("places_known", count=count(len(shown.rooms)), places=setting.places(len(shown.rooms)))
    pulses = (
        [
            (f"{count(round(tests[len(tests) // 2] * 1000))} ms", word("pulse_median")),
            (f"{count(round(tests[-1] * 1000))} ms", word("pulse_worst", count=count(len(tests)))),
        ]
        if tests
        else []
    )
    return {
        "head": word("chain_whole" if whole else "chain_not_whole"),
        "whole": whole,
        "shown": shown,
        "pulses": pulses,
        "chain": [
            {"name": word("sensor"), "lines": [places], "link": "", "problem": False},
            {
                "name": word("kafka"),
                "lines": [results],
                "link": word("sensors_silent", count=count(faults)),
                "problem": bool(faults),
            },
            {"name": word("spark"), "lines": [tested], "link": "", "problem": not whole},
            {"name": word("results"), "lines": [count_of_open], "link": "", "problem": not whole},
            {
                "name": word("page"),
                "lines": [word("open_pages", count=count(hub.open_pages)), f"{word('database')}: {database}"],
                "link": "",
                "problem": False,
            },
        ],
    }
