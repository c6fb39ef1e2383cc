"""Many warehouses: a square for each, in groups by the beginning of their names. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from web.view.levels import Level
from web.view.overview import Overview, Room, Setting

CELL, SIDE, TOP, ROW = 6, 4, 8, 24
"""A square's pitch, its side, where it begins in a row, and the row's height, in units of its picture."""

IN_A_ROW = 130


@dataclass(frozen=True)
class Group:
    """Warehouses whose names begin alike. `cells` has a path for each level, in the order of the names."""

    name: str
    text: str
    rows: int
    cells: tuple[tuple[str, str], ...]


def groups(shown: Overview, setting: Setting) -> tuple[Group, ...]:
    """Return all warehouses in groups; those with something wrong come first."""
    found: dict[str, list[Room]] = {}
    for room in shown.by_name:
        found.setdefault(beginning(room.entity_id), []).append(room)
    made = [_group(name, rooms, setting) for name, rooms in found.items()]
    worst = {name: -max(room.level for room in rooms) for name, rooms in found.items()}
    return tuple(sorted(made, key=lambda group: worst[group.name]))


def beginning(name: str) -> str:
    """Return what a name has before its number: `JKT-G12` is of `JKT-G`, `G12` of `G`."""
    return re.split(r"[0-9]", name, maxsplit=1)[0].rstrip(" -_/.") or name


def matching(rooms: Iterable[Room], text: str) -> list[Room]:
    """Return the rooms in whose names a text is, in whatever case."""
    wanted = text.strip().casefold()
    return [room for room in rooms if wanted in room.entity_id.casefold()]


def _group(name: str, rooms: Sequence[Room], setting: Setting) -> Group:
    wrong = sum(room.level is not Level.WELL for room in rooms)
    said = {"count": setting.count(len(rooms)), "places": setting.places(len(rooms)), "wrong": setting.count(wrong)}
    return Group(
        name=name,
        text=setting.word("group_wrong" if wrong else "group_well", **said),
        rows=-(-len(rooms) // IN_A_ROW),
        cells=tuple((level.word, path) for level in reversed(Level) if (path := _cells(rooms, level))),
    )


def _cells(rooms: Sequence[Room], level: Level) -> str:
    places = (divmod(number, IN_A_ROW) for number, room in enumerate(rooms) if room.level is level)
    return "".join(f"M{CELL * at} {ROW * row + TOP}h{SIDE}v{2 * SIDE}h-{SIDE}z" for row, at in places)
