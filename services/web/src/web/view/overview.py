"""The overview as it is shown: the verdict, the canary, the rooms in their order. Pure: the site and the time in."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo

from messages.records import IncidentReport
from rules.canary import PULSE_SECONDS
from rules.model import Rules, Stream
from web.live.site import PLACES_AT_MOST, PULSES, Place, Pulse, Side, Site
from web.view import numbers
from web.view.levels import Level, Limits, is_stale, of_severity, streams_of
from web.view.numbers import Language
from web.view.scale import Bar, Scale, bar_of, scale_of
from web.view.words import WORDS

PULSE_LATE_SECONDS = 2 * PULSE_SECONDS
CHAIN_BROKEN_SECONDS = 20
"""Without a test that came back nobody knows how the places are."""

SLOT, STROKE, MIDDLE = 4, 2.5, 6
"""Of the strokes for the tests, in units of their picture."""

MANY = 60
"""Warehouses. Of more, each is a square; those with something wrong are drawn whole, as many as these."""

FAULTS = {"silence": ("silent", "silent"), "clock": ("clock", "clock"), "fault": ("fault", "stuck")}
"""Of each kind of record about a sensor the word and the mark, in the order in which they are shown."""

PLACE_WORDS: Mapping[Language, tuple[str, str]] = {"id": ("gudang", "gudang"), "en": ("warehouse", "warehouses")}


@dataclass(frozen=True)
class Setting:
    """What the shown depends on beside what is known: the rules, the site's time zone, the reader's language."""

    rules: Rules
    zone: ZoneInfo
    language: Language
    fixed: dict[tuple[str, str], "Fixed"] = field(default_factory=dict, compare=False, repr=False)
    """What of a place's stream is always the same, worked out once."""
    calm: dict[str, tuple[object, "Room"]] = field(default_factory=dict, compare=False, repr=False)
    """The rooms that are well, and what they were made of: of a thousand only some change between two looks."""

    def word(self, name: str, **filled: object) -> str:
        """Return a text in the language."""
        return WORDS[self.language][name].format(**filled)

    def places(self, count: int) -> str:
        """Return the word for so many places."""
        return PLACE_WORDS[self.language][count != 1]

    def count(self, number: int) -> str:
        """Return a whole number as it is written."""
        return numbers.number(number, 0, self.language)

    def ago(self, seconds: float) -> str:
        """Return a time in one unit."""
        return numbers.duration(seconds, self.language)

    def value(self, value: float, stream: Stream, limits: Sequence[float] = ()) -> str:
        """Return a value without its unit, on the same side of its limits as it is."""
        least = 0 if stream.value_type == "integer" else 1
        return numbers.number(value, numbers.decimals_of(value, limits, least), self.language)

    def zone_name(self, at: float) -> str:
        """Return what the site's time zone is called."""
        return numbers.zone_name(self.zone, at)

    def moment(self, at: float, now: float) -> str:
        """Return a time as short as it is clear."""
        return numbers.moment(at, now, self.zone, self.language)


@dataclass(frozen=True)
class Fixed:
    """A stream's limits at a place, and what they look like."""

    limits: Limits
    uppers: Sequence[float]
    lowers: Sequence[float]
    scale: Scale
    in_words: str
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Measure:
    """A stream's value in a room. `at` is when it was measured, None if never."""

    stream: str
    label: str
    unit: str
    level: Level
    value: float | None
    text: str
    described: str
    bar: Bar
    limits: tuple[str, ...]
    at: float | None

    def shape(self) -> object:
        """Return what of it is more than a number that changes."""
        return self.level, self.value is None, self.bar.over is None, self.limits


@dataclass(frozen=True)
class Remark:
    """A line about a room: the mark, its level, the words."""

    mark: str
    level: str
    text: str


@dataclass(frozen=True)
class Room:
    """A place as it is shown."""

    entity_id: str
    level: Level
    status: str
    since: str
    measures: tuple[Measure, ...]
    remarks: tuple[Remark, ...]
    begun_at: float | None
    age_at: float | None

    def shape(self) -> object:
        """Return what of it is more than numbers that change: with another shape it is drawn again."""
        return self.level, self.status, self.since, self.remarks, *(each.shape() for each in self.measures)


@dataclass(frozen=True)
class Canary:
    """The test of the chain."""

    mark: str
    text: str
    path: str
    described: str
    at: float | None


@dataclass(frozen=True)
class Verdict:
    """The first line. `is_known` is whether anything can be said of now."""

    level: str
    head: str
    lead: str
    more: str
    title: str
    is_known: bool


@dataclass(frozen=True)
class Overview:
    """All of it. `rooms` are in their order, the worst first."""

    verdict: Verdict
    tally: tuple[tuple[str, str, str], ...]
    canary: Canary
    rooms: tuple[Room, ...] = ()
    causes: tuple[str, ...] = field(default=())

    @property
    def is_many(self) -> bool:
        """Whether there are more rooms than a person looks through: then only those with something wrong are drawn."""
        return len(self.rooms) > MANY

    @property
    def drawn(self) -> tuple[list[Room], list[Room]]:
        """Return the rooms that are drawn: those that something is wrong with, and the other ones."""
        return (self.loud[:MANY], []) if self.is_many else (self.loud, self.calm)

    @property
    def by_name(self) -> list[Room]:
        """Return the rooms in the order of their names."""
        return sorted(self.rooms, key=lambda room: natural(room.entity_id))

    @property
    def loud(self) -> list[Room]:
        """Return the rooms that something is wrong with."""
        return [room for room in self.rooms if room.level is not Level.WELL]

    @property
    def calm(self) -> list[Room]:
        """Return the other ones."""
        return [room for room in self.rooms if room.level is Level.WELL]


def overview(site: Site, setting: Setting, now: float, *, is_reading: bool = False) -> Overview:
    """Return the overview; `is_reading`: what was there before now is not read yet."""
    found = [room(place, setting, now) for place in site.places.values() if place.is_combined or place.incidents]
    rooms = tuple(sorted(found, key=_order))
    count = Counter(each.level for each in rooms)
    levels = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.WELL)
    return Overview(
        verdict=_verdict(site, rooms, setting, now, is_reading=is_reading),
        tally=tuple((level.word, setting.count(count[level]), setting.word(level.word)) for level in levels)
        if rooms
        else (),
        canary=canary(site.pulses, setting, now),
        rooms=rooms,
        causes=tuple(_cause(each, setting, now) for each in site.causes.values()),
    )


def _order(room: Room) -> tuple[int, float, tuple[object, ...]]:
    begun = room.begun_at if room.begun_at is not None else float("inf")
    return -room.level, begun if room.level is not Level.WELL else 0.0, natural(room.entity_id)


@lru_cache(PLACES_AT_MOST)
def natural(name: str) -> tuple[object, ...]:
    """Return what puts names with numbers into the order that people expect: G2 before G10."""
    parts: list[tuple[int, int, str]] = []
    word = ""
    for each in [*name, ""]:
        if word and (each == "" or (each in "0123456789") != (word[-1] in "0123456789")):
            is_number = word[0] in "0123456789"
            parts.append((0, int(word), "") if is_number else (1, 0, word.casefold()))
            word = ""
        word += each
    return *parts, name


def room(place: Place, setting: Setting, now: float) -> Room:
    """Return a place as it is shown: as bad as the worst of its values and of its open incidents."""
    streams = streams_of(setting.rules, place)
    made_of = (id(place), place.version, *(is_stale(setting.rules, stream, place, now) for stream in streams))
    known_of, known = setting.calm.get(place.entity_id, (None, None))
    if known is not None and known_of == made_of:
        return known
    made = _room(place, streams, setting, now)
    # Of the others the words grow old by themselves.
    if made.level is Level.WELL and place.is_combined and not any(made_of[2:]):
        setting.calm[place.entity_id] = (made_of, made)
    return made


def _room(place: Place, streams: Sequence[str], setting: Setting, now: float) -> Room:
    measures = tuple(_measure(stream, place, setting, now) for stream in streams)
    limits = place.beyond
    level = max(
        (*(each.level for each in measures), *(of_severity(each["severity"]) for each in limits)), default=Level.WELL
    )
    worst = _worst(limits)
    return Room(
        entity_id=place.entity_id,
        level=level,
        status=_status(place, worst, setting, now),
        since=_since(worst, setting, now) if worst is not None else "",
        measures=measures,
        remarks=tuple(_remarks(place, level, setting)),
        begun_at=None if worst is None else worst["opened_at"],
        age_at=min((each.at for each in measures if each.at is not None), default=None),
    )


def _worst(incidents: Sequence[IncidentReport]) -> IncidentReport | None:
    """Return the one that speaks for the place: the most severe, of those the oldest."""
    return min(incidents, key=lambda each: (-of_severity(each["severity"]), each["opened_at"]), default=None)


def _measure(stream: str, place: Place, setting: Setting, now: float) -> Measure:
    of = setting.rules.streams[stream]
    side = place.sides.get(stream, Side())
    value = None if is_stale(setting.rules, stream, place, now) else side.value
    fixed = _fixed(stream, place.entity_id, setting)
    uppers, lowers = fixed.uppers, fixed.lowers
    text = "–" if value is None else setting.value(value, of, (*uppers, *lowers))
    name = "value_missing" if value is None else "value_of"
    return Measure(
        stream=stream,
        label=of.label,
        unit=of.unit,
        level=Level.UNKNOWN if value is None else fixed.limits.level(value),
        value=value,
        text=text,
        described=setting.word(name, label=of.label, value=f"{text} {of.unit}", limits=fixed.in_words),
        bar=bar_of(fixed.scale, uppers, lowers, value),
        limits=fixed.marks,
        at=side.at,
    )


def _fixed(stream: str, entity_id: str, setting: Setting) -> Fixed:
    known = setting.fixed.get((stream, entity_id))
    if known is None:
        of = setting.rules.streams[stream]
        limits = Limits.of(setting.rules, stream, entity_id)
        uppers, lowers = limits.uppers, limits.lowers
        known = setting.fixed[stream, entity_id] = Fixed(
            limits, uppers, lowers, scale_of(uppers, lowers, of.plausible), limits_in_words(limits, of, setting),
            tuple(numbers.limit(each, setting.language) for each in sorted({*lowers, *uppers})),
        )  # fmt: skip
    return known


def limits_in_words(limits: Limits, stream: Stream, setting: Setting) -> str:
    """Return the limits in words: `batas 2 sampai 8 °C`."""
    high = f"{numbers.limit(limits.uppers[0], setting.language)} {stream.unit}" if limits.uppers else None
    low = numbers.limit(limits.lowers[0], setting.language) if limits.lowers else None
    if high and low:
        return setting.word("limit_both", low=low, high=high)
    if high:
        return setting.word("limit_above", limit=high)
    if low:
        return setting.word("limit_below", limit=f"{low} {stream.unit}")
    return setting.word("no_limit")


def _status(place: Place, worst: IncidentReport | None, setting: Setting, now: float) -> str:
    """Return the words of the place's newest status, or how long there has been none."""
    if not place.is_combined:
        return (worst or next(iter(place.incidents.values())))["message"].partition("] ")[2]
    if not place.statuses:
        return setting.word("no_status")
    if all(is_stale(setting.rules, stream, place, now) for stream in streams_of(setting.rules, place)):
        newest = max((side.at for side in place.sides.values() if side.at is not None), default=place.seen_at)
        return setting.word("no_data", ago=setting.ago(now - newest))
    return max(place.statuses.values(), key=lambda status: status["event_time"])["status"]


def _since(incident: IncidentReport, setting: Setting, now: float) -> str:
    said = {
        "when": setting.moment(incident["opened_at"], now),
        "zone": setting.zone_name(incident["opened_at"]),
        "lasted": setting.ago(now - incident["opened_at"]),
    }
    peak = incident.get("peak")
    if peak is None:
        return setting.word("since", **said)
    return setting.word("since_peak", **said, peak=peak_of(incident, setting))


def peak_of(incident: IncidentReport, setting: Setting) -> str:
    """Return an incident's peak with its unit; a dash where there is none."""
    peak, stream = incident.get("peak"), setting.rules.streams.get(incident.get("stream") or "")
    if peak is None:
        return "–"
    limit = incident.get("threshold")
    limits = () if limit is None else (limit,)
    decimals = numbers.decimals_of(peak, limits, 0 if stream and stream.value_type == "integer" else 1)
    return f"{numbers.number(peak, decimals, setting.language)} {incident.get('unit') or ''}".strip()


def _remarks(place: Place, level: Level, setting: Setting) -> list[Remark]:
    found = []
    if open_ones := place.beyond:
        tone = max(of_severity(each["severity"]) for each in open_ones).word
        name = "open_one" if len(open_ones) == 1 else "open_many"
        found.append(Remark(tone, tone, setting.word(name, count=setting.count(len(open_ones)))))
    elif level is not Level.WELL:
        found.append(Remark("well", "", setting.word("no_open")))
    found += faults_of(place, setting)
    return found


def faults_of(place: Place, setting: Setting) -> list[Remark]:
    """Return what is wrong with a place's sensors."""
    names: dict[str, set[str]] = {}
    for each in place.incidents.values():
        if each["kind"] in FAULTS:
            stream = setting.rules.streams.get(each.get("stream") or "")
            label = (stream.label if stream else each["rule"]).lower()
            name = each.get("sensor_id") or setting.word("all_sensors", label=label)
            names.setdefault(each["kind"], set()).add(name)
    return [
        Remark(mark, "unknown", setting.word(word, names=", ".join(sorted(names[kind]))))
        for kind, (word, mark) in FAULTS.items()
        if kind in names
    ]


def _cause(incident: IncidentReport, setting: Setting, now: float) -> str:
    ago = setting.ago(now - incident["opened_at"])
    if topic := incident.get("topic"):
        return setting.word("cause_topic", topic=topic, ago=ago)
    return setting.word("cause_kafka", ago=ago)


def canary(pulses: Sequence[Pulse], setting: Setting, now: float) -> Canary:
    """Return the test of the chain, with a stroke for each of the last ones; a missing one is a hole."""
    if not pulses:
        return Canary("silent", setting.word("untested"), "", "", None)
    last = pulses[-1]
    age = now - last.sent_at
    slots = {round((last.sent_at - each.sent_at) / PULSE_SECONDS) for each in pulses}
    expected = round((last.sent_at - pulses[0].sent_at) / PULSE_SECONDS) + 1
    missed = expected - len(slots)
    path = "".join(
        f"M{(PULSES - 1 - slot) * SLOT:g} {MIDDLE}h{STROKE}" for slot in sorted(slots, reverse=True) if slot < PULSES
    )
    name = "tested" if age < PULSE_LATE_SECONDS else "tested_late"
    described = (
        setting.word("tests_shown", count=expected, missed=missed)
        if missed
        else setting.word("tests_all", count=expected)
    )
    return Canary(
        mark="acknowledged" if name == "tested" else "silent",
        text=setting.word(name, ago=setting.ago(age), ms=setting.count(round(last.seconds * 1000))),
        path=path,
        described=described,
        at=last.sent_at,
    )


def is_chain_whole(site: Site, now: float) -> bool:
    """Return whether a test of the alarm's way came back lately."""
    return bool(site.pulses) and now - site.pulses[-1].sent_at <= CHAIN_BROKEN_SECONDS


def _verdict(site: Site, rooms: Sequence[Room], setting: Setting, now: float, *, is_reading: bool) -> Verdict:
    word, count = setting.word, setting.count
    if is_reading:
        return Verdict("unknown", word("now_unknown"), "", word("starting"), word("title_lost"), is_known=False)
    if not is_chain_whole(site, now):
        more = (
            word("chain_broken", ago=setting.ago(now - site.pulses[-1].sent_at))
            if site.pulses
            else word("chain_unseen")
        )
        return Verdict("unknown", word("now_unknown"), "", more, word("title_lost"), is_known=False)
    if not rooms:
        return Verdict("unknown", word("nothing_yet"), "", word("nothing_yet_more"), word("title"), is_known=True)
    wrong = [each for each in rooms if each.level >= Level.WARNING]
    unknown = [each for each in rooms if each.level is Level.UNKNOWN]
    newest = max((place.seen_at for place in site.places.values()), default=now)
    updated = word("updated", ago=setting.ago(now - newest))
    everywhere = {"all": count(len(rooms)), "places": setting.places(len(rooms))}
    if not wrong and not unknown:
        counted = word("counted", count=count(len(rooms)), places=setting.places(len(rooms)))
        more = f"{counted}. {updated} {_last_closed(site, setting, now)}"
        return Verdict("well", word("all_well"), "", more, word("title_well"), is_known=True)
    if wrong:
        head = word("some_wrong", wrong=count(len(wrong)), **everywhere)
        if unknown:
            head += ", " + word("some_unknown", unknown=count(len(unknown)))
        title = word("title_wrong", count=len(wrong) + len(unknown), wrong=count(len(wrong)))
    else:
        head = word("only_unknown", unknown=count(len(unknown)), **everywhere)
        title = f"({len(unknown)}) {word('title')}: {word('title_unknown', unknown=count(len(unknown)))}"
    if wrong and unknown:
        title += ", " + word("title_unknown", unknown=count(len(unknown)))
    return Verdict(rooms[0].level.word, head, _lead(rooms[0], setting, now), updated, title, is_known=True)


def _lead(worst: Room, setting: Setting, now: float) -> str:
    """Return a sentence about the worst room, such as "G4: suhu 11,4 °C sejak 12 menit."."""
    wrong = [each for each in worst.measures if each.level >= Level.WARNING]
    if not wrong:
        return f"{worst.entity_id}: {worst.status}."
    said = f"{worst.entity_id}: {wrong[0].label.lower()} {wrong[0].text} {wrong[0].unit}"
    if worst.begun_at is not None:
        said += " " + setting.word("since_ago", ago=setting.ago(now - worst.begun_at))
    return said + "."


def _last_closed(site: Site, setting: Setting, now: float) -> str:
    last = site.last_closed
    if last is None:
        return setting.word("none_closed")
    stream = setting.rules.streams.get(last.get("stream") or "")
    return setting.word(
        "last_closed",
        when=setting.moment(last.get("closed_at") or last["emitted_at"], now),
        place=last["entity_id"],
        label=(stream.label if stream else last["rule"]).lower(),
    )
