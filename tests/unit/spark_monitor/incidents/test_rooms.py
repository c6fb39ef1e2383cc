"""Random rooms: whatever the clocks, the order and the intervals, pandas finds the same episodes sensor by sensor."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules import file as rules_file
from spark_monitor.detection.decode import FIRST_MOMENT, MAX_AHEAD_SECONDS
from spark_monitor.incidents.life_cycle import LifeCycle, Reading
from spark_monitor.incidents.records import Record

RULES = rules_file.load(Path(__file__).parents[4] / "services/spark-monitor/rules.yaml")
START = 1795321758.0
HOT, COOL = 90.0, 70.0
ON_DELAY = OFF_DELAY = 30.0
CLOCKS = ("right", "right", "right", "1970", "ahead", "behind", "still", "set back")
DELIVERIES = ("in time", "in time", "repeated", "repeated later", "out of order", "buffered")


@dataclass
class Sensor:
    """A sensor with what it measured: true times, values, and how it comes to Kafka."""

    name: str
    interval: float
    clock: str
    delivery: str
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)
    buffered: tuple[float, float] = (0.0, 0.0)

    @property
    def tolerance(self) -> float:
        """Seconds by which times may differ: until a clock is known to be wrong, and for what is out of order."""
        if self.clock in {"right", "1970", "ahead"} and self.delivery != "out of order":
            return 0.2
        # A step is a gap, after which the clearing restarts.
        return 8 * self.interval + (OFF_DELAY if self.clock == "set back" else 0)


def made(name: str, dice: random.Random, *, is_alone: bool) -> Sensor:
    """Make a sensor: cool, then hot and cool in turn, for long or for too short a time; perhaps with a gap.

    Beside others it is hot once: a sensor of an open incident that is hot again holds it open at once.
    """
    interval = dice.choice([1.0, 2.0, 10.0, 60.0, 600.0, 3600.0])
    clock = dice.choice(CLOCKS)
    sensor = Sensor(name, interval, clock, dice.choice(DELIVERIES) if clock == "right" else "in time")

    def long() -> int:
        return int(max(12, ON_DELAY / interval + 12) + dice.randrange(20))

    counts = [(COOL, long())]
    for _ in range(dice.randrange(1, 5) if is_alone else 1):
        is_short = dice.random() < 0.3
        counts += [(HOT, max(1, int(ON_DELAY / interval / 3)) if is_short else long()), (COOL, long())]
    times, values, at = [], [], START + dice.random() - interval
    for number, (value, count) in enumerate(counts):
        gap_at = count // 2 if dice.random() < 0.2 and count >= 2 * (ON_DELAY / interval + 5) else -1
        for index in range(count):
            at += interval * dice.uniform(0.95, 1.05) + (interval * dice.randrange(5, 20) if index == gap_at else 0)
            times.append(at)
            values.append(value + dice.uniform(-1, 1))
        if sensor.delivery == "buffered" and value == HOT and sensor.buffered == (0.0, 0.0):
            first, after = len(times) - count, counts[number + 1][1]
            sensor.buffered = times[first] - 3.5 * interval, at + min(after / 2, OFF_DELAY / interval + 4) * interval
    sensor.measured = pd.DataFrame({"at": times, "value": values})
    return sensor


def episodes(sensor: Sensor) -> pd.DataFrame:
    """Return a sensor's episodes, by pandas: when each began and ended, and when that was known."""
    found = []
    runs = sensor.measured.assign(hot=sensor.measured["value"] > 80)
    runs = runs.assign(run=(runs["hot"] != runs["hot"].shift()).cumsum())
    spans = runs.groupby("run").agg(hot=("hot", "first"), first=("at", "min"), last=("at", "max"))
    is_long = spans["last"] - spans["first"] >= ON_DELAY
    opening = None
    for run, span in spans[is_long].iterrows():
        times = runs.loc[runs["run"] == run, "at"]
        known = times[times >= span["first"] + ON_DELAY].iloc[0]
        if span["hot"] and opening is None:
            opening = (span["first"], known)
        elif not span["hot"] and opening is not None:
            found.append((*opening, span["first"], known))
            opening = None
    table = pd.DataFrame(found, columns=["began", "open_at", "ended", "closed_at"])
    is_late = [sensor.buffered[0] <= began <= sensor.buffered[1] for began in table["began"]]
    return table.assign(late=is_late, sensor=sensor.name, tolerance=sensor.tolerance)


def of_all(sensors: list[Sensor]) -> pd.DataFrame:
    """Return all sensors' episodes."""
    tables = [table for table in map(episodes, sensors) if len(table)]
    return pd.concat(tables) if tables else episodes(sensors[0])


def is_clear(sensors: list[Sensor]) -> bool:
    """Say whether it is beyond the tolerances which episodes overlap."""
    table = of_all(sensors)
    pairs = table.merge(table, how="cross", suffixes=("", "_other"))
    apart = (pairs["open_at"] - pairs["closed_at_other"]).abs()
    return bool((apart > pairs["tolerance"] + pairs["tolerance_other"]).all())


def of_the_place(sensors: list[Sensor]) -> list[dict[str, Any]]:
    """Return a place's incidents: what its sensors' episodes are while one of them is open; what came late is alone."""
    table = of_all(sensors).sort_values("open_at")
    live, late = table[~table["late"].astype(bool)], table[table["late"].astype(bool)]
    group = (live["open_at"] > live["closed_at"].cummax().shift()).cumsum()
    merged = live.groupby(group).agg({"began": "first", "ended": "max", "tolerance": "max", "late": "first"})
    found: list[Any] = [*merged.to_dict("records"), *late.to_dict("records")]
    return sorted(found, key=lambda each: (each["late"], each["began"]))


def sent(sensor: Sensor, dice: random.Random) -> list[Reading]:
    """Return the readings as they come to Kafka."""
    readings: list[Reading] = []
    begin, until = float(sensor.measured["at"].iloc[0]), float(sensor.measured["at"].iloc[-1])
    set_back_at = dice.uniform(begin, until - OFF_DELAY - 15 * sensor.interval)
    for at, value in zip(sensor.measured["at"].tolist(), sensor.measured["value"].tolist(), strict=True):
        received = at + dice.uniform(0.001, 0.05)
        own = {
            "1970": at - begin + 5,
            "ahead": at + 50,
            "behind": at - 7300,
            "still": begin,
            "set back": at - 3600.5 if at > set_back_at else at,
        }.get(sensor.clock, at)
        if sensor.delivery == "out of order":
            received += dice.uniform(0, 2.5 * sensor.interval)
        if sensor.buffered[0] <= at <= sensor.buffered[1]:
            # Behind the first reading that comes in time again, quicker than they were measured.
            received = sensor.buffered[1] + 1.2 * sensor.interval + 40 + len(readings) / 1000
        event_time = own if FIRST_MOMENT <= own <= received + MAX_AHEAD_SECONDS else received
        readings.append(Reading("suhu", sensor.name, value, event_time, received, own))
        if sensor.delivery == "repeated" and dice.random() < 0.3:
            readings.append(readings[-1]._replace(received_at=received + 0.01))
        if sensor.delivery == "repeated later" and dice.random() < 0.3:
            readings.append(readings[-1]._replace(received_at=received + dice.uniform(0, 20) * sensor.interval))
    return readings


def told(readings: list[Reading], dice: random.Random) -> list[Record]:
    """Run the life cycle over the readings in batches, by Kafka's clock, and let time pass between and behind them."""
    life, seconds = LifeCycle(RULES, "Asia/Jakarta"), dice.choice([0.5, 2, 30])
    waiting = sorted(readings, key=lambda reading: reading.received_at)
    end = waiting[-1].received_at + 60
    state: str | None = None
    records: list[Record] = []
    now = due = 0.0
    while now < end:
        now = min(waiting[0].received_at + seconds if waiting else end, due or end)
        batch = [reading for reading in waiting[:1000] if reading.received_at <= now]
        del waiting[: len(batch)]
        read = life.read("G1", state, batch, now)
        passed = life.pass_time("G1", read.state, now)
        state, due = passed.state, passed.due or end
        records += read.records + passed.records
    return records


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_pandas_finds_the_same_episodes(seed: int) -> None:
    dice = random.Random(seed)
    count = dice.randrange(1, 6)
    sensors = [made(f"s{number}", dice, is_alone=count == 1) for number in range(count)]
    readings = [reading for sensor in sensors for reading in sent(sensor, dice)]
    assume(is_clear(sensors))
    expected = of_the_place(sensors)
    records = [record for record in told(readings, dice) if record["kind"] == "threshold"]
    closed = [record for record in records if record["state"] == "closed"]
    found = sorted(closed, key=lambda record: (bool(record["late"]), record["opened_at"]))
    opened = [record["incident_id"] for record in records if record["state"] == "opened"]
    about = [(s.name, s.interval, s.clock, s.delivery) for s in sensors]
    assert len(opened) == len(set(opened)), (about, "nothing is opened twice")
    began = [(round(each["began"] - START, 1), each["late"]) for each in expected]
    assert len(found) == len(expected), (about, began, [(r["opened_at"] - START, r["late"]) for r in found])
    for one, other in zip(found, expected, strict=True):
        assert bool(one["late"]) == other["late"], (about, began)
        assert abs(one["opened_at"] - other["began"]) <= other["tolerance"], (about, began)
        assert abs(one["closed_at"] - other["ended"]) <= other["tolerance"], (about, began)
