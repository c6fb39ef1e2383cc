"""Judges a day of warehouses with real sensors' troubles: which episodes are one incident, and how many lines come.

`python -m bench.alarm_quality` judges the day, writes bench/results/alarm-quality.json and prints its table. What is
real is known beforehand: each room is warmed at times that stand here.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rules import file as rules_file
from rules.model import Rules
from simulator.climate import Climate
from spark_monitor.incidents.life_cycle import LifeCycle, Reading
from spark_monitor.incidents.records import Record

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/results/alarm-quality.json"
START = 1795280400.0
"""A midnight in Jakarta."""

HOUR, DAY = 3600, 86_400
EVERY = 10.0
"""Seconds between two readings of an ordinary sensor."""

SILENT_AFTER = 120.0
"""What the rules say of such sensors; those of the simulation drop out for up to 90 s each hour."""

LOW, HIGH = 60.0, 80.0
"""The simulated climate in °C, which stays below the limit even with its doors open."""

WARMER, RISES_IN = 25.0, 60.0
MOST_LINES = 144
"""An alarm in ten minutes is what one operator can handle (EEMUA 191)."""

BATCH_SECONDS = 2.0

Arrival = Callable[[float, float], tuple[float, float] | None]
"""A true time and a value -> the sensor's own time and when Kafka gets the reading, None if it never does."""


@dataclass(frozen=True)
class Sensor:
    """A sensor: its name, its interval in seconds, how its readings arrive, and what becomes of its values."""

    name: str
    interval: float = EVERY
    arrives: Arrival = lambda at, _: (at, at)
    shows: Callable[[float, float], float] = lambda _, value: value


@dataclass(frozen=True)
class Room:
    """A warehouse: what is wrong with it, its sensors, and when it is really too warm, in hours of the day."""

    name: str
    trouble: str
    sensors: tuple[Sensor, ...]
    warm: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Row:
    """What became of a room: its real episodes, those that are one incident, false incidents, the operator's lines."""

    trouble: str
    episodes: int
    found: int
    false: int
    lines: int
    kinds: dict[str, int]


def _between(begin: float, end: float, at: float) -> bool:
    return begin * HOUR <= at - START < end * HOUR


def _lost_clock(at: float, _value: float) -> tuple[float, float]:
    return (at - START if _between(9, 11, at) else at), at


def _summer_time(at: float, _value: float) -> tuple[float, float]:
    return (at - HOUR if _between(15, 24, at) else at), at


def _buffered(at: float, _value: float) -> tuple[float, float]:
    sent_again = START + 14 * HOUR + 30
    return at, sent_again + (at - START) / 100_000 if _between(13, 14, at) else at


def _gateway_down(at: float, _value: float) -> tuple[float, float] | None:
    return None if _between(13, 13.5, at) else (at, at)


def _stuck(at: float, value: float) -> float:
    return 68.25 if _between(10, 20, at) else value


def _error_codes(at: float, value: float) -> float:
    return -127.0 if _between(10, 10.2, at) or _between(18, 18.1, at) else value


ROOMS = (
    Room("G1", "none", (Sensor("a"),), ((3, 3.5), (15, 15.2))),
    Room("G2", "three sensors, one of them far from the door", tuple(map(Sensor, "abc")), ((4, 5), (16, 16.25))),
    Room("G3", "a battery sensor, each ten minutes", (Sensor("a", 600.0),), ((5, 7), (17, 18))),
    Room("G4", "its clock is lost for two hours (1970)", (Sensor("a", arrives=_lost_clock),), ((6, 6.5), (10, 10.5))),
    Room("G5", "its clock goes back an hour", (Sensor("a", arrives=_summer_time),), ((7, 7.5), (16, 16.5))),
    Room("G6", "a gateway's buffer comes an hour late", (Sensor("a", arrives=_buffered),), ((8, 8.5), (13.3, 13.7))),
    Room("G7", "the gateway of three sensors is down for half an hour",
         tuple(Sensor(name, arrives=_gateway_down) for name in "abc"), ((9, 9.5), (18, 18.5))),
    Room("G8", "one of two sensors shows the same value for ten hours",
         (Sensor("a"), Sensor("b", shows=_stuck)), ((12, 12.5),)),
    Room("G9", "error codes instead of a temperature", (Sensor("a", shows=_error_codes),), ((13, 13.5),)),
)  # fmt: skip


def rules() -> Rules:
    """Return the shipped rules, for sensors that report each ten seconds."""
    shipped = rules_file.load(ROOT / "services/spark-monitor/rules.yaml")
    suhu = shipped.streams["suhu"]
    assert suhu.silence is not None  # noqa: S101 - for the types
    silence = suhu.silence.model_copy(update={"interval": EVERY, "silent_after": SILENT_AFTER})
    return shipped.model_copy(update={"streams": {"suhu": suhu.model_copy(update={"silence": silence})}})


def readings(room: Room, codes: tuple[float, ...]) -> Iterator[Reading]:
    """Yield a room's readings of the day."""
    for sensor in room.sensors:
        climate = Climate(LOW, HIGH, 8, "suhu", sensor.name)
        for number in range(int(DAY / sensor.interval)):
            at = START + number * sensor.interval + 0.3
            value = climate(room.name, at)
            if value is None:
                continue
            warm = sum(_warmth(at, begin, end) for begin, end in room.warm)
            shown = round(sensor.shows(at, value + WARMER * warm), 2)
            arrived = sensor.arrives(at, shown)
            if arrived is not None:
                own, received_at = arrived
                event_time = own if own > DAY * 365 * 30 else received_at
                yield Reading("suhu", sensor.name, shown, event_time, received_at + 0.01, own, shown in codes)


def _warmth(at: float, begin: float, end: float) -> float:
    """Return how much of a room's warming is felt, 0 to 1; `begin` and `end` in hours of the day."""
    since, until = at - START - begin * HOUR, at - START - end * HOUR
    if since < 0:
        return 0.0
    return (1 - math.exp(-since / RISES_IN)) * (1.0 if until < 0 else math.exp(-until / RISES_IN))


def records(room: Room, of: Rules) -> list[Record]:
    """Judge a room's day as the monitor does: in batches, with the clock of Kafka's."""
    life = LifeCycle(of, "Asia/Jakarta")
    waiting = sorted(readings(room, of.streams["suhu"].fault_values), key=lambda reading: reading.received_at)
    state: str | None = None
    found: list[Record] = []
    due, at = math.inf, 0
    while at < len(waiting) or due < START + DAY:
        now = min(waiting[at].received_at + BATCH_SECONDS if at < len(waiting) else math.inf, due)
        end = at
        while end < len(waiting) and waiting[end].received_at <= now:
            end += 1
        read = life.read(room.name, state, waiting[at:end], now)
        passed = life.pass_time(room.name, read.state, now)
        state, due, at = passed.state, math.inf if passed.due is None else passed.due, end
        found += read.records + passed.records
    return found


def row(room: Room, of: Rules) -> Row:
    """Return what became of a room."""
    told = records(room, of)
    opened = [record for record in told if record["kind"] == "threshold" and record["state"] == "opened"]
    hits = Counter(
        next((begin for begin, end in room.warm if _is_within(record["opened_at"], begin, end)), None)
        for record in opened
    )
    found = sum(hits[begin] == 1 for begin, _ in room.warm)
    kinds = Counter(record["message"].split("]")[0].lstrip("[") for record in told)
    return Row(room.trouble, len(room.warm), found, sum(hits.values()) - found, len(told), dict(sorted(kinds.items())))


def _is_within(opened_at: float, begin: float, end: float) -> bool:
    return begin * HOUR <= opened_at - START <= end * HOUR


def table(rows: list[Row]) -> str:
    """Return the rows as the table of the documentation."""
    lines = ["| warehouse with | real episodes | of these one incident | false incidents | lines |",
             "| --- | --- | --- | --- | --- |"]  # fmt: skip
    lines += [f"| {each.trouble} | {each.episodes} | {each.found} | {each.false} | {each.lines} |" for each in rows]
    total = [sum(getattr(each, name) for each in rows) for name in ("episodes", "found", "false", "lines")]
    return "\n".join([*lines, f"| **all, in a day** | {' | '.join(map(str, total))} |"])


def main() -> None:
    """Judge the day, or only show what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--within", type=Path, metavar="PAGE", help="only check that a page has the table")
    arguments = parser.parse_args()
    if arguments.within is not None:
        shown = table([Row(**each) for each in json.loads(RESULTS.read_text("utf-8"))])
        if shown not in arguments.within.read_text("utf-8"):
            sys.exit(f"{arguments.within}: expected the table of {RESULTS.name}:\n{shown}")
        return
    of = rules()
    rows = [row(room, of) for room in ROOMS]
    RESULTS.write_text(json.dumps(list(map(asdict, rows)), indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(table(rows))
    lines = sum(each.lines for each in rows)
    if any(each.found < each.episodes or each.false for each in rows) or lines > MOST_LINES:
        sys.exit(f"expected each episode as one incident, no other, and at most {MOST_LINES} lines")


if __name__ == "__main__":
    main()
