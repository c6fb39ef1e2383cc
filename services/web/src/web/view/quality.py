"""How good alarms and data were in the last day, as it is shown: EEMUA 191's measures, and what was refused. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from history.quality import Opening, Refused
from web.view import numbers
from web.view.overview import Setting

WINDOW = timedelta(minutes=10)
WINDOWS = 144
"""A day of them."""

MANAGEABLE, FLOOD = 1, 10
"""Incidents in ten minutes that one person can handle, and that nobody can."""

OLD = timedelta(days=1)
WIDTH, HEIGHT, STEP, BAR = 1152, 300, 8, 6
"""Of the picture, in its units."""

TOP = 3


@dataclass(frozen=True)
class Quality:
    """The last day's alarms: a picture with a path for bars within and beyond what is manageable, and figures."""

    within: str
    beyond: str
    manageable: float
    described: str
    facts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Reason:
    """Why messages were refused: the reason, where, how many, and how long its bar is (percent)."""

    reason: str
    topic: str
    n: str
    width: float


def quality(openings: Sequence[Opening], setting: Setting, now: datetime) -> Quality:
    """Return what the incidents of a day amount to."""
    start = now - WINDOWS * WINDOW
    lately = [each for each in openings if each.at >= start]
    counts = Counter(min(int((each.at - start) / WINDOW), WINDOWS - 1) for each in lately)
    busiest = max(counts.values(), default=0)
    top = max(busiest, 2 * MANAGEABLE)
    old = [each for each in openings if not each.is_over and now - each.at > OLD]
    word, count = setting.word, setting.count
    load = "flood" if busiest >= FLOOD else "too_many" if busiest > MANAGEABLE else "manageable"
    most = Counter(each.entity_id for each in lately).most_common(TOP)
    a_window = numbers.number(len(lately) / WINDOWS, 2, setting.language)
    return Quality(
        within=_bars(counts, top, 0, MANAGEABLE),
        beyond=_bars(counts, top, MANAGEABLE, busiest),
        manageable=round(100 - 100 * MANAGEABLE / top, 1),
        described=word("quality_chart", most=count(busiest)),
        facts=(
            (word("incidents"), count(len(lately)), word("per_window", count=a_window)),
            (word("busiest"), count(busiest), word(load)),
            (word("older"), count(len(old)) if old else word("none"), ", ".join(each.entity_id for each in old[:TOP])),
            (word("most"), most[0][0] if most else word("none"), "; ".join(f"{name}: {n}" for name, n in most)),
        ),
    )


def reasons(refused: Sequence[Refused], setting: Setting) -> list[Reason]:
    """Return why messages were refused, the most frequent first."""
    most = max((each.n for each in refused), default=1)
    return [Reason(r.reason, r.topic, setting.count(r.n), round(100 * r.n / most, 1)) for r in refused]


def _bars(counts: Counter[int], top: int, low: int, high: int) -> str:
    """Return the part of each bar between two heights as a path."""
    found = []
    for at, n in sorted(counts.items()):
        if n > low:
            bottom, tall = HEIGHT / top * low, HEIGHT / top * (min(n, high) - low)
            found.append(f"M{STEP * at} {HEIGHT - bottom:g}v{-tall:g}h{BAR}v{tall:g}z")
    return "".join(found)
