"""Readings, and what a batch of them adds to the history, worked out by pandas."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, text

from history.merge import MINUTE_COLUMNS, Batch

LIMIT = 80.0


def frame(rows: Sequence[tuple[str, str, float, float]]) -> pd.DataFrame:
    """Return readings `(entity, sensor, event time, value)` of suhu."""
    return pd.DataFrame(rows, columns=["entity_id", "sensor_id", "time", "value"])


def minutes(readings: pd.DataFrame, width: int = 60) -> pd.DataFrame:
    """Return what the readings of each sensor amount to in each interval of `width` seconds."""
    data = readings.assign(
        minute=np.floor(readings.time / width) * width,
        rate=np.exp(-10_000 / (readings.value + 273.15)),
        beyond=readings.value > LIMIT,
    ).sort_values("time", kind="stable", ignore_index=True)
    groups = data.groupby(["entity_id", "sensor_id", "minute"])
    found = groups.agg(
        n=("value", "size"), min=("value", "min"), max=("value", "max"), sum=("value", "sum"),
        first_at=("time", "min"), last_at=("time", "max"), kinetic=("rate", "sum"), beyond=("beyond", "sum"),
    )  # fmt: skip
    found["min_at"] = data.loc[groups.value.idxmin(), "time"].to_numpy()
    found["max_at"] = data.loc[groups.value.idxmax(), "time"].to_numpy()
    return found.reset_index()


def lines(readings: pd.DataFrame) -> list[str]:
    """Return the minutes as the merge takes them."""
    return [_line(row) for row in minutes(readings).to_dict("records")]


def batch(readings: pd.DataFrame, start: int, end: int, topic: str = "suhu", **more: Any) -> Batch:
    """Return a batch of one partition."""
    return Batch({topic: {"0": start}}, {topic: {"0": end}}, lines(readings), **more)


def _line(row: Mapping[Any, Any]) -> str:
    values = {
        **row,
        "stream": "suhu",
        "late": 0,
        "kafka_time": 0,
        "beyond": json.dumps({"suhu_tinggi": int(row["beyond"])}) if row["beyond"] else None,
    }
    return ",".join(_field(values[name]) for name in MINUTE_COLUMNS)


def _field(content: Any) -> str:
    if isinstance(content, str):
        return '"' + content.replace('"', '""') + '"'
    return "" if content is None else repr(content)


def stored(engine: Engine, table: str, stream: str = "suhu", places: Collection[str] | None = None) -> pd.DataFrame:
    """Return what the tables have of a stream, of some places or of all."""
    with engine.connect() as connection:
        found = pd.read_sql(
            text(
                f"SELECT entity_id, sensor_id, extract(epoch FROM {table})::float8 AS minute, n, min, max, sum, "  # noqa: S608 - a table's name
                "kinetic, "
                "extract(epoch FROM first_at)::float8 AS first_at, extract(epoch FROM last_at)::float8 AS last_at, "
                "extract(epoch FROM min_at)::float8 AS min_at, extract(epoch FROM max_at)::float8 AS max_at, "
                "coalesce((beyond ->> 'suhu_tinggi')::int, 0) AS beyond "
                f"FROM {table} JOIN sensor ON id = sensor WHERE stream = :stream"
            ),
            connection,
            params={"stream": stream},
        )
    found = found if places is None else found[found.entity_id.isin(places)]
    return found.sort_values(["entity_id", "sensor_id", "minute"], ignore_index=True)


def assert_is(
    engine: Engine, readings: pd.DataFrame, stream: str = "suhu", places: Collection[str] | None = None
) -> None:
    """Assert that minutes and hours are those of all readings at once."""
    for table, width in ("minute", 60), ("hour", 3600):
        expected = minutes(readings, width)
        if stream != "suhu":
            expected = expected.drop(columns=["kinetic", "beyond"])
        found = stored(engine, table, stream, places)
        pd.testing.assert_frame_equal(found[list(expected.columns)], expected, check_dtype=False, rtol=1e-9, atol=1e-6)
