"""An hour of realistic readings: the incidents are those that pandas finds in another way."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pandas as pd
import pytest
from tests import realistic_hour

from rules import file as rules_file
from spark_monitor.incidents.life_cycle import LifeCycle, Reading
from spark_monitor.incidents.records import Record

RULES = rules_file.load(Path(__file__).parents[4] / "services/spark-monitor/rules.yaml")
FIGURES = ["peak", "mean", "duration_seconds", "degree_minutes", "readings", "coverage", "gap_seconds"]


def by_life_cycle(rows: Iterable[realistic_hour.Measured], batch_seconds: float) -> list[Record]:
    """Take the readings in batches, and look after each, as Spark does."""
    life = LifeCycle(RULES, "Asia/Jakarta")
    states: dict[str, str | None] = dict.fromkeys(realistic_hour.WAREHOUSES)
    records = []
    for number, batch in groupby(rows, lambda row: (row.event_time - realistic_hour.START) // batch_seconds):
        now = realistic_hour.START + (number + 1) * batch_seconds
        readings = defaultdict(list)
        for row in batch:
            readings[row.entity_id].append(
                Reading(row.stream, row.sensor_id, row.value, row.event_time, row.event_time)
            )
        for entity, state in states.items():
            taken = life.read(entity, state, readings[entity], now)
            looked = life.pass_time(entity, taken.state, now)
            states[entity] = looked.state
            records += taken.records + looked.records
    return records


@pytest.mark.parametrize("batch_seconds", [2.0, 600.0])
def test_incidents_equal_those_of_pandas(batch_seconds: float) -> None:
    rows = realistic_hour.readings()
    expected = realistic_hour.incidents(rows)
    assert len(expected) >= 10, "the hour has troubles"
    records = [record for record in by_life_cycle(rows, batch_seconds) if record["kind"] == "threshold"]
    opened = [record for record in records if record["state"] == "opened"]
    found = sorted((record["opened_at"], record["entity_id"], record["stream"]) for record in opened)
    assert found == list(zip(expected["opened_at"], expected["entity_id"], expected["stream"], strict=True))
    closed = pd.DataFrame([record for record in records if record["state"] == "closed"])
    over = expected[expected["closed_at"].notna()].reset_index(drop=True)
    closed = closed.sort_values(["opened_at", "entity_id", "stream"], ignore_index=True)
    assert list(closed["closed_at"]) == list(over["closed_at"])
    assert (over["gap_seconds"] > 0).any(), "a sensor was silent in one of them"
    for figure in FIGURES:
        assert (closed[figure] - over[figure]).abs().max() < 1e-9, figure
    hot = closed["stream"] == "suhu"
    assert (closed.loc[hot, "mkt"].astype(float) - over.loc[hot, "mkt"]).abs().max() < 1e-9
    assert closed.loc[~hot, "mkt"].isna().all()
