"""What the pages ask of the live state: the overview, a place, as they are at this moment. Thread-safe."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from messages.records import IncidentReport
from rules.model import Rules
from web.live.site import RefusedMessage, Site
from web.live.tail import Tail
from web.past.day import DAY, WIDTH, LastDay
from web.view.curve import SPARK, Curve, Frame, curve, missing
from web.view.levels import Limits
from web.view.numbers import Language
from web.view.overview import Overview, Room, Setting, is_chain_whole, overview, room

Found = TypeVar("Found")


@dataclass(frozen=True)
class Spark:
    """The small chart of a room's stream."""

    curve: Curve | None
    described: str


class SiteNow:
    """The live state with all that it takes to show it."""

    def __init__(self, site: Site, tail: Tail, day: LastDay, rules: Rules, zone: ZoneInfo) -> None:
        self.settings: Mapping[Language, Setting] = {
            "id": Setting(rules, zone, "id"),
            "en": Setting(rules, zone, "en"),
        }
        self._site = site
        self._tail = tail
        self._day = day
        self._rules = rules

    @property
    def is_read(self) -> bool:
        """Whether what was there before this process is read."""
        return self._tail.caught_up.is_set()

    def overview(self, language: Language) -> Overview:
        """Return the overview."""
        return self._with(lambda site, now: overview(site, self.settings[language], now, is_reading=not self.is_read))

    def room(self, entity_id: str, language: Language) -> Room | None:
        """Return a place, None if there is none of this name."""

        def look(site: Site, now: float) -> Room | None:
            place = site.places.get(entity_id)
            if place is None or not (place.is_combined or place.incidents):
                return None
            return room(place, self.settings[language], now)

        return self._with(look)

    def incidents(self) -> list[IncidentReport]:
        """Return what is open: the incidents of all places, and the larger causes."""
        return self._with(
            lambda site, _: [
                *site.causes.values(),
                *(each for place in site.places.values() for each in place.incidents.values()),
            ]
        )

    def refused(self) -> list[RefusedMessage]:
        """Return the last refused messages, the newest first."""
        return self._with(lambda site, _: [*reversed(site.refused)])

    def incident_version(self) -> int:
        """Return a number that grows with each record about incidents."""
        return self._with(lambda site, _: site.incident_version)

    def pulses(self) -> list[float]:
        """Return how long the last tests took, in seconds."""
        return self._with(lambda site, _: [each.seconds for each in site.pulses])

    def is_chain_whole(self) -> bool:
        """Return whether the alarm's way is known to work."""
        return self._with(is_chain_whole)

    def newest(self) -> float:
        """Return when the last result about any place came, 0 without any."""
        return self._with(lambda site, _: max((place.seen_at for place in site.places.values()), default=0.0))

    def know_places(self) -> None:
        """Take the places of the last day's history: also one that is not heard of now is shown."""
        with self._tail.lock:
            for entity_id in self._day.places(self._rules.combined_streams):
                self._site.know(entity_id)

    def sparks(self, of: Room, language: Language) -> dict[str, Spark]:
        """Return the small chart of each of a room's streams."""
        return {each.stream: self._spark(of.entity_id, each.stream, language) for each in of.measures}

    def _spark(self, entity_id: str, stream: str, language: Language) -> Spark:
        setting, now = self.settings[language], datetime.now(UTC)
        limits = Limits.of(self._rules, stream, entity_id)
        frame = Frame(now - DAY, now, WIDTH, limits.uppers, limits.lowers)
        points = [point for point in self._day.points(entity_id, stream) if point.at >= frame.start]
        drawn, of = curve(points, missing(points, frame), frame, SPARK), self._rules.streams[stream]
        if drawn is None:
            return Spark(None, setting.word("no_past", label=of.label))
        low, high = setting.value(drawn.low, of), f"{setting.value(drawn.high, of)} {of.unit.strip()}"
        return Spark(drawn, setting.word("spark", label=of.label, low=low, high=high))

    def _with(self, look: Callable[[Site, float], Found]) -> Found:
        with self._tail.lock:
            return look(self._site, time.time())
