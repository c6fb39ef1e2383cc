"""The same numbers as JSON, for other programs. Times are epoch seconds; those that are asked for are ISO 8601."""

import contextlib
import csv
import io
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import Connection

from history.figures import figures
from history.gaps import Gap
from history.period import Period
from history.series import Series, series
from web.live.hub import Crowded, Hub, Message
from web.pages import CANARY_PLACE, language_of
from web.past.database import NoHistory, Past
from web.site_now import SiteNow
from web.view.overview import Room

MOST_POINTS = 5000
RETRY_MS = 2000
"""After which a page that is cut off connects again."""

STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The headers of an endless answer."""

Answer = TypeVar("Answer")

Place = Annotated[str, Query(min_length=1, max_length=1000, description="a warehouse or machine, such as G1")]
Stream = Annotated[str, Query(min_length=1, max_length=100, description="a kind of reading, such as suhu")]
Moment = Annotated[datetime, Query(description="ISO 8601 with an offset, such as 2026-11-28T00:00:00+07:00")]
Points = Annotated[int, Query(ge=1, le=MOST_POINTS, description="how many at most")]


class Numbers:
    """The answers. Each public method is one address."""

    def __init__(self, now: SiteNow, past: Past) -> None:
        self._now = now
        self._past = past

    def overview(self) -> dict[str, Any]:
        """Return how all places are now."""
        shown = self._now.overview("id")
        return {
            "at": time.time(),
            "known": shown.verdict.is_known,
            "verdict": shown.verdict.head,
            "causes": list(shown.causes),
            "places": [_room(room) for room in shown.rooms],
        }

    def place(self, place: Place) -> dict[str, Any]:
        """Return how one place is now."""
        room = self._now.room(place, "id")
        if room is None:
            raise HTTPException(404, f"there is no place {place!r}")
        return _room(room)

    def incidents(self) -> list[Any]:
        """Return what is open now: incidents, silences, sensors with a fault."""
        return list(self._now.incidents())

    def series(self, place: Place, stream: Stream, start: Moment, end: Moment, points: Points = 1000) -> list[Any]:
        """Return what was measured: of each sensor its points and its gaps."""
        return [
            {
                "sensor_id": each.sensor_id or None,
                "points": [
                    {"at": p.at.timestamp(), "min": p.min, "mean": p.mean, "max": p.max, "n": p.n} for p in each.points
                ],
                "gaps": _gaps(each.gaps),
            }
            for each in self._series(place, stream, _period(start, end), points)
        ]

    def as_csv(self, place: Place, stream: Stream, start: Moment, end: Moment, points: Points = 1000) -> Response:
        """Return the same as a table, with a header."""
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(["entity_id", "stream", "sensor_id", "at", "min", "mean", "max", "n"])
        for each in self._series(place, stream, _period(start, end), points):
            for p in each.points:
                rows.writerow(
                    [_cell(place), stream, _cell(each.sensor_id), p.at.isoformat(), p.min, p.mean, p.max, p.n]
                )
        headers = {"Content-Disposition": "attachment; filename=riwayat.csv"}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    def figures(self, place: Place, stream: Stream, start: Moment, end: Moment) -> list[Any]:
        """Return what a period amounts to, of each sensor."""
        period = _period(start, end)
        found = self._asked(
            lambda connection: figures(connection, place, stream, period, canary=CANARY_PLACE, now=datetime.now(UTC))
        )
        return [
            {
                "sensor_id": each.sensor_id or None, "n": each.n,
                "min": each.min, "min_at": each.min_at.timestamp(), "max": each.max, "max_at": each.max_at.timestamp(),
                "mean": each.mean, "mkt": each.mkt, "seconds_beyond": dict(each.seconds_beyond),
                "coverage": each.coverage, "late": each.late, "kafka_time": each.kafka_time, "gaps": _gaps(each.gaps),
            }
            for each in found
        ]  # fmt: skip

    def _series(self, place: str, stream: str, period: Period, points: int) -> list[Series]:
        return self._asked(
            lambda connection: series(
                connection, place, stream, period, points, canary=CANARY_PLACE, now=datetime.now(UTC)
            )
        )

    def _asked(self, question: Callable[[Connection], Answer]) -> Answer:
        try:
            return self._past.ask(question)
        except NoHistory as problem:
            raise HTTPException(404 if problem.is_off else 503, str(problem)) from problem


def router(numbers: Numbers, hub: Hub) -> APIRouter:
    """Return the addresses of the numbers, and of what is told to open pages."""
    found = APIRouter()
    for path, answer, summary in (
        ("/api/v1/overview", numbers.overview, "How all places are now"),
        ("/api/v1/places", numbers.place, "How one place is now"),
        ("/api/v1/incidents", numbers.incidents, "What is open now: incidents, silences, sensors with a fault"),
        ("/api/v1/series", numbers.series, "What was measured: of each sensor its points and its gaps"),
        ("/api/v1/series.csv", numbers.as_csv, "The same as a table, with a header"),
        ("/api/v1/figures", numbers.figures, "What a period amounts to, of each sensor"),
    ):
        found.add_api_route(path, answer, summary=summary, response_model=None)

    @found.get("/live", include_in_schema=False)
    async def live(request: Request) -> Response:
        return await _stream(hub.listen(language_of(request)))

    @found.get("/changes", include_in_schema=False)
    async def changes() -> Response:
        return await _stream(hub.watch())

    return found


def to_json(message: object) -> str:
    """Return a message as JSON without blanks."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


async def _stream(messages: AsyncGenerator[Message | int]) -> Response:
    """Return what is told as Server-Sent Events; a page that is cut off connects again."""
    try:
        first = await anext(messages)
    except Crowded:
        return JSONResponse({"detail": "too many open pages"}, 503, headers={"Retry-After": "10"})

    async def events() -> AsyncIterator[str]:
        async with contextlib.aclosing(messages):
            yield f"retry: {RETRY_MS}\n{_event(first)}"
            async for message in messages:
                yield _event(message)

    return StreamingResponse(events(), media_type="text/event-stream", headers=STREAM)


def _event(message: Message | int) -> str:
    return f"data: {to_json(message)}\n\n"


def _gaps(gaps: Iterable[Gap]) -> list[dict[str, Any]]:
    return [{"start": gap.start.timestamp(), "end": gap.end.timestamp(), "kind": gap.kind} for gap in gaps]


def _period(start: datetime, end: datetime) -> Period:
    try:
        return Period(start, end)
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, str(error)) from error


def _room(room: Room) -> dict[str, Any]:
    return {
        "entity_id": room.entity_id,
        "level": room.level.word,
        "status": room.status,
        "values": {
            each.stream: {"value": each.value, "unit": each.unit.strip(), "level": each.level.word, "at": each.at}
            for each in room.measures
        },
    }


def _cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
