"""Reads rules.yaml and finds every mistake in it at once, each with its line, its path and what was expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from messages.topics import CANARY
from rules import canary
from rules.model import Alert, Rules, Status, Stream
from servicekit.plain import plain
from servicekit.unreadable import why_unreadable

SECTIONS = ("streams", "alerts", "statuses")

DEEPEST = 8
"""Steps in a path; the deepest of the model has 5."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Mistake:
    """Something wrong: where in the file (`line` from 1), at which path, and what was expected."""

    line: int
    place: KeyPath
    text: str

    def said(self, file: Path) -> str:
        """Return the mistake in one line."""
        return plain(f"{file}:{self.line}: {'.'.join(map(str, self.place)) or 'file'}: {self.text}")


class RulesError(Exception):
    """The file can't be used; the text has one line for each mistake."""


def load(file: Path) -> Rules:
    """Return the rules of a file. Raises RulesError with all its mistakes."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{file}: {why_unreadable(error)}") from error
    found = check(text)
    if isinstance(found, Rules):
        return found
    raise RulesError("\n".join(mistake.said(file) for mistake in found))


def check(text: str) -> Rules | list[Mistake]:
    """Return the rules that a text holds, or every mistake in it by line."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return [Mistake(mark.line + 1 if mark else 1, (), f"not YAML: {error.problem or error.context}")]
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        return [Mistake(line, (), f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed")]
    if not isinstance(root, yaml.MappingNode):
        return [Mistake(1, (), f"expected the sections {', '.join(SECTIONS)}")]
    lines = _Lines(root)
    mistakes = [lines.mistake(place, "the name stands here twice") for place in lines.duplicates]
    parts = {section: _parts(section, data, lines, mistakes) for section in SECTIONS}
    mistakes += [
        lines.mistake((section,), f"unknown section; known are {', '.join(SECTIONS)}")
        for section in data
        if section not in SECTIONS
    ]
    for place, said in _contradictions(data, parts):
        mistakes.append(lines.mistake(place, said))
    if mistakes:
        # A key may be anything that YAML has, also nothing.
        return sorted(mistakes, key=lambda mistake: (mistake.line, tuple(map(str, mistake.place))))
    return Rules.model_validate(parts)


class _Lines:
    """Where each path of a YAML document stands, and which names are used twice in one mapping."""

    def __init__(self, root: yaml.Node) -> None:
        self._lines: dict[KeyPath, int] = {}
        self.duplicates: list[KeyPath] = []
        self._walk(root, ())

    def mistake(self, place: KeyPath, text: str) -> Mistake:
        """Return a mistake at a path, or at the nearest one above it that is in the file."""
        known = place
        while known and known not in self._lines:
            known = known[:-1]
        return Mistake(self._lines.get(known, 1), place, text)

    def _walk(self, node: yaml.Node, place: KeyPath) -> None:
        if len(place) > DEEPEST:
            return  # Perhaps an alias inside of what it stands for, which never ends.
        if isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                below = (*place, key.value)
                self._lines[below] = key.start_mark.line + 1
                if key.value in names:
                    self.duplicates.append(below)
                names.add(key.value)
                self._walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                below = (*place, number)
                self._lines[below] = value.start_mark.line + 1
                self._walk(value, below)


def _parts(section: str, data: dict[str, Any], lines: _Lines, mistakes: list[Mistake]) -> dict[str, Any]:
    """Return the well-formed parts of a section by name; note what is wrong with the others."""
    named = data.get(section)
    if named is None and section != "streams":
        return {}
    if not isinstance(named, dict) or not named:
        mistakes.append(lines.mistake((section,), "expected names with what belongs to each"))
        return {}
    parts = {}
    for name, content in named.items():
        try:
            # As a file of its own, so that the name is checked like the rest.
            alone = Rules.model_validate({"streams": _ANY_STREAM} | {section: {name: content}})
            parts[name] = getattr(alone, section)[name]
        except ValidationError as error:
            for wrong in error.errors():
                if wrong["type"] == "default_factory_not_called":
                    continue  # It follows from another mistake.
                place = tuple(step for step in wrong["loc"] if step != "[key]")
                said = wrong["msg"].removeprefix("Value error, ")
                value = wrong["input"]
                shown = "" if isinstance(value, dict | list) or wrong["type"] == "missing" else f"; found {value!r}"
                mistakes.append(lines.mistake(place, said + shown))
    return parts


_ANY_STREAM = {
    "any": {"topic": "t", "entity_field": "e", "value_field": "v", "label": "l", "unit": "", "plausible": [0, 1]}
}


def _contradictions(data: dict[str, Any], parts: dict[str, dict[str, Any]]) -> Iterator[tuple[KeyPath, str]]:
    """Yield where parts that are right by themselves do not fit together."""
    streams: dict[str, Stream] = parts["streams"]
    yield from _strangers(data)
    yield from _clashes(streams)
    yield from _names_of_the_monitor(parts)
    for name, alert in parts["alerts"].items():
        if alert.stream in streams:
            yield from _contradictions_of_alert(name, alert, streams[alert.stream])
    for name, status in parts["statuses"].items():
        yield from _contradictions_of_status(name, status, data, parts)


def _strangers(data: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield who refers to a stream that is not in the file, whatever else is wrong with either."""
    streams = data.get("streams")
    known = sorted(map(str, streams)) if isinstance(streams, dict) else []
    references: list[tuple[KeyPath, Any]] = []
    for section, field in ("alerts", "stream"), ("statuses", "streams"):
        for name, content in (data.get(section) or {}).items() if isinstance(data.get(section), dict) else ():
            found = content.get(field) if isinstance(content, dict) else None
            if isinstance(found, str):
                references.append(((section, name, field), found))
            elif isinstance(found, list):
                references += [((section, name, field, number), each) for number, each in enumerate(found)]
    for place, found in references:
        if found not in known:
            yield place, f"expected one of the streams {', '.join(known)}; found {found!r}"


def _clashes(streams: dict[str, Stream]) -> Iterator[tuple[KeyPath, str]]:
    """Yield streams that share a topic but can't be told apart by their value's field."""
    first: dict[str, str] = {}
    taken: dict[tuple[str, str], str] = {}
    for name, stream in streams.items():
        other = first.setdefault(stream.topic, name)
        for field in ("entity_field", "event_time"):
            expected = getattr(streams[other], field)
            if getattr(stream, field) != expected:
                yield ("streams", name, field), f"expected {expected!r} as in {other}, which reads the same topic"
        other = taken.setdefault((stream.topic, stream.value_field), name)
        if other != name:
            yield ("streams", name, "value_field"), f"expected another than that of {other}, which reads the same topic"


def _names_of_the_monitor(parts: dict[str, dict[str, Any]]) -> Iterator[tuple[KeyPath, str]]:
    """Yield what has the canary's name, or reads its topic: the monitor adds these itself."""
    for section in "streams", "alerts":
        if canary.NAME in parts[section]:
            yield (section, canary.NAME), "expected another name: this one is the monitor's own"
    for name, stream in parts["streams"].items():
        if stream.topic == CANARY:
            yield ("streams", name, "topic"), "expected another topic: this one is the monitor's own"


def _contradictions_of_alert(name: str, alert: Alert, stream: Stream) -> Iterator[tuple[KeyPath, str]]:
    lowest, highest = stream.plausible
    limits: dict[KeyPath, float] = {(alert.comparison,): alert.threshold}
    limits |= {("overrides", entity): limit for entity, limit in alert.overrides.items()}
    for place, limit in limits.items():
        if not lowest <= limit <= highest:
            plausible = f"what is plausible for {alert.stream}, {lowest:g} to {highest:g}"
            yield ("alerts", name, *place), f"expected {plausible}; found {limit:g}"
        elif alert.incident is not None:
            back = limit + alert.incident.deadband * (-1 if alert.comparison in {"above", "at_least"} else 1)
            if not lowest <= back <= highest:
                said = f"expected one by which {limit:g} stays within what is plausible for {alert.stream}"
                yield ("alerts", name, "incident", "deadband"), f"{said}; found {alert.incident.deadband:g}"


def _contradictions_of_status(
    name: str, status: Status, data: dict[str, Any], parts: dict[str, dict[str, Any]]
) -> Iterator[tuple[KeyPath, str]]:
    place = ("statuses", name)
    fields = {parts["streams"][stream].entity_field for stream in status.streams if stream in parts["streams"]}
    if len(fields) > 1:
        yield (*place, "streams"), f"expected streams with one entity_field, found {', '.join(sorted(fields))}"
    named = data.get("alerts") or {}
    if not isinstance(named, dict) or set(named) != set(parts["alerts"]):
        return  # Which combinations there are is clear when all alerts are.
    relevant = {alert for alert, rule in parts["alerts"].items() if rule.stream in status.streams}
    given = [text.alerts for text in status.texts]
    for number, alerts in enumerate(given):
        if strange := sorted(alerts - relevant):
            said = f"expected alerts on this status's streams; found {', '.join(strange)}"
            yield (*place, "texts", number, "alerts"), said
        if alerts in given[:number]:
            yield (*place, "texts", number, "alerts"), "the combination stands here twice"
    for raised in product((True, False), repeat=len(relevant)):
        combination = frozenset(alert for alert, is_raised in zip(sorted(relevant), raised, strict=True) if is_raised)
        if combination not in given:
            yield (*place, "texts"), f"expected a text for the alerts [{', '.join(sorted(combination))}]"
