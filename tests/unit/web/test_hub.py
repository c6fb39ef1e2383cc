"""What open pages are told: all at first, then what is different, and nothing to one that does not listen."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.unit.web.site_examples import NOW, setting, site, status

from web.live import hub as hub_module
from web.live.hub import Crowded, Hub, News
from web.view.overview import Overview, Room, overview


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(hub_module, "LEAST_SECONDS", 0.0)


def shown(suhu: float) -> Overview:
    return overview(site(status("G1", suhu, 60.0), status("G2", 75.0, 60.0)), setting(), NOW)


def draw(room: Room, _language: str) -> str:
    return f"<article>{room.entity_id} {room.level.word}</article>"


def in_a_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 10))


def test_a_page_is_told_all_and_then_only_what_changed() -> None:
    async def work() -> None:
        now = [shown(75.0)]
        hub = Hub(News(), lambda _: now[0], draw)
        messages = hub.listen("id")
        first = await anext(messages)
        assert set(first["rooms"]) == {"G1", "G2"}
        assert first["order"] == [[], ["G1", "G2"]]
        running = asyncio.create_task(hub.run())
        now[0] = shown(76.0)
        changed = await anext(messages)
        while "values" not in changed:
            changed = await anext(messages)
        assert (list(changed["values"]), "rooms" in changed, "order" in changed) == (["G1"], False, False)
        assert changed["values"]["G1"][0][:2] == ["76,0", 76.0]
        now[0] = shown(85.0)
        changed = await anext(messages)
        while "rooms" not in changed:
            changed = await anext(messages)
        assert changed["rooms"] == {"G1": "<article>G1 critical</article>"}
        assert changed["order"] == [["G1"], ["G2"]]
        assert changed["verdict"]["head"] == "1 dari 2 gudang bermasalah"
        running.cancel()

    in_a_loop(work)


def test_a_page_is_told_that_all_is_as_it_was() -> None:
    async def work() -> None:
        hub = Hub(News(), lambda _: dataclasses.replace(shown(75.0)), draw)
        messages = hub.listen("id")
        await anext(messages)
        running = asyncio.create_task(hub.run())
        message = await anext(messages)
        assert message["verdict"]["head"] == "Semua aman"
        assert not message.keys() & {"rooms", "values", "order"}
        running.cancel()

    in_a_loop(work)


def test_a_page_that_takes_nothing_is_dropped_and_the_others_go_on() -> None:
    async def work() -> None:
        hub = Hub(News(), lambda _: shown(75.0), draw)
        slow, quick_one = hub.listen("id"), hub.listen("id")
        await anext(slow)
        await anext(quick_one)
        running = asyncio.create_task(hub.run())
        for _ in range(hub_module.UNSENT_AT_MOST + 5):
            await anext(quick_one)
        assert hub.open_pages == 1
        told = [each async for each in slow]
        assert len(told) <= hub_module.UNSENT_AT_MOST
        running.cancel()

    in_a_loop(work)


def test_there_are_so_many_pages_and_no_more() -> None:
    async def work() -> None:
        hub = Hub(News(), lambda _: shown(75.0), draw, pages_at_most=1)
        first = hub.listen("id")
        await anext(first)
        with pytest.raises(Crowded):
            await anext(hub.listen("en"))
        await first.aclose()
        assert hub.open_pages == 0
        await anext(hub.listen("en"))

    in_a_loop(work)
