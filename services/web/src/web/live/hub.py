"""Tells every open page what changed: worked out once, however many look. It runs in the server's own loop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from web.view.numbers import Language
from web.view.overview import Overview, Room

Message = Mapping[str, Any]
"""What an open page is told; it becomes JSON."""

LEAST_SECONDS = 0.15
"""Between two messages: a person sees no sooner, and 3,000 readings a second are as cheap as 30."""

TICK_SECONDS = 2.0
"""Without news a page is told this often that all is as it was: one that hears nothing is cut off, and knows it."""

UNSENT_AT_MOST = 40
"""A page that takes its messages no faster than this is dropped; it connects again, and gets all at once."""

Draw = Callable[[Room, Language], str]


class Crowded(Exception):  # noqa: N818 - it is a state, not a mistake
    """There are as many open pages as there may be."""


class News:
    """That something changed: told by any thread, awaited in the loop in which it is made."""

    def __init__(self) -> None:
        self._is_there = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def tell(self) -> None:
        """Say that something changed. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._is_there.set)

    async def wait(self, seconds: float) -> None:
        """Return when something has changed since the last time, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_there.wait(), seconds)
        self._is_there.clear()


class Hub:
    """One for a process. `look` returns the overview as it is now, `draw` a room as HTML."""

    def __init__(
        self,
        news: News,
        look: Callable[[Language], Overview],
        draw: Draw,
        *,
        draw_groups: Callable[[Overview, Language], str] = lambda _shown, _language: "",
        incident_version: Callable[[], int] = lambda: 0,
        pages_at_most: int = 500,
    ) -> None:
        self._draw_groups = draw_groups
        self._groups: dict[Language, str] = {"id": "", "en": ""}
        self._incident_version = incident_version
        self._version = 0
        self._watching: set[asyncio.Queue[int]] = set()
        self._look = look
        self._draw = draw
        self._pages_at_most = pages_at_most
        self._pages: dict[Language, set[asyncio.Queue[Message | None]]] = {"id": set(), "en": set()}
        self._shown: dict[Language, dict[str, Room]] = {"id": {}, "en": {}}
        self._order: dict[Language, list[list[str]]] = {"id": [], "en": []}
        self._news = news
        self._told_at = 0.0

    @property
    def open_pages(self) -> int:
        """How many pages listen."""
        return sum(map(len, self._pages.values())) + len(self._watching)

    async def run(self) -> None:
        """Tell the pages until cancelled."""
        while True:
            await self._news.wait(TICK_SECONDS)
            for language, pages in self._pages.items():
                if pages:
                    self._send(language, self._difference(language))
            self._tell_version()
            await asyncio.sleep(LEAST_SECONDS)  # so much news goes into one message

    async def listen(self, language: Language) -> AsyncGenerator[Message]:
        """Yield what an open page is told, all of it first. Raises Crowded."""
        if self.open_pages >= self._pages_at_most:
            raise Crowded
        queue: asyncio.Queue[Message | None] = asyncio.Queue(UNSENT_AT_MOST)
        if not self._pages[language]:
            self._difference(language)  # so that what is known to be shown is of now
        self._pages[language].add(queue)
        try:
            yield self._everything(language)
            while (message := await queue.get()) is not None:
                yield message
        finally:
            self._pages[language].discard(queue)

    async def watch(self) -> AsyncGenerator[int]:
        """Yield a number that grows with each record about incidents, now and with each tick. Raises Crowded."""
        if self.open_pages >= self._pages_at_most:
            raise Crowded
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        self._watching.add(queue)
        try:
            yield self._incident_version()
            while True:
                yield await queue.get()
        finally:
            self._watching.discard(queue)

    def _tell_version(self) -> None:
        """Tell those who watch that something changed, and now and then that nothing did."""
        version, now = self._incident_version(), time.monotonic()
        if version == self._version and now - self._told_at < TICK_SECONDS:
            return
        self._version, self._told_at = version, now
        for queue in self._watching:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(version)

    def _send(self, language: Language, message: Message) -> None:
        for queue in list(self._pages[language]):
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                self._pages[language].discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    def _everything(self, language: Language) -> Message:
        now = self._look(language)
        rooms = {room.entity_id: self._draw(room, language) for drawn in now.drawn for room in drawn}
        return head(now) | {"rooms": rooms, "order": order(now), "groups": self._draw_groups(now, language)}

    def _difference(self, language: Language) -> Message:
        now = self._look(language)
        shown = self._shown[language]
        found = {room.entity_id: room for drawn in now.drawn for room in drawn}
        redrawn = {
            name: self._draw(room, language)
            for name, room in found.items()
            if name not in shown or shown[name].shape() != room.shape()
        }
        values = {
            name: values_of(room)
            for name, room in found.items()
            if name not in redrawn and shown[name].measures != room.measures
        }
        self._shown[language] = found
        message: dict[str, Any] = head(now)
        if redrawn:
            message["rooms"] = redrawn
        if values:
            message["values"] = values
        if (arranged := order(now)) != self._order[language]:
            self._order[language] = message["order"] = arranged
        if (groups := self._draw_groups(now, language)) != self._groups[language]:
            self._groups[language] = message["groups"] = groups
        return message


def head(now: Overview) -> dict[str, Any]:
    """Return what every message has: the time, the verdict, the counts, the canary."""
    return {
        "now": time.time(),
        "verdict": {
            "level": now.verdict.level, "head": now.verdict.head, "lead": now.verdict.lead, "more": now.verdict.more,
            "title": now.verdict.title, "known": now.verdict.is_known,
        },
        "tally": [count for _, count, _ in now.tally],
        "canary": {
            "mark": now.canary.mark, "text": now.canary.text, "path": now.canary.path,
            "described": now.canary.described, "at": now.canary.at,
        },
        "causes": list(now.causes),
        "places": len(now.rooms),
    }  # fmt: skip


def order(now: Overview) -> list[list[str]]:
    """Return the names of the rooms as they are arranged: those that something is wrong with, and the others."""
    return [[room.entity_id for room in drawn] for drawn in now.drawn]


def values_of(room: Room) -> list[list[Any]]:
    """Return of each measure what changes with a reading: text, value, where it is, how far beyond, its time, words."""
    return [
        [
            each.text,
            each.value,
            each.bar.now,
            *(each.bar.over or (None, None)),
            each.at,
            each.described,
        ]
        for each in room.measures
    ]
