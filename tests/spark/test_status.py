"""The combined status: which readings belong together, and what is reported of them."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tests.spark.kafka_rows import RECEIVED, SCHEMA, TOPICS

from messages import schemas
from messages.records import origin_of
from rules.model import Rules
from spark_monitor.detection.decode import FIRST_MOMENT, MAX_AHEAD_SECONDS
from spark_monitor.engine.queries import statuses
from spark_monitor.incidents.clock import SensorClock
from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import ClockState
from spark_monitor.incidents.watched import watched_streams

Said = list[dict[str, Any]]
Run = Callable[..., Said]


@pytest.fixture
def run(spark: SparkSession, warehouse: Rules, tmp_path: Path) -> Run:
    """Stream readings (stream, value, seconds after RECEIVED, warehouse, sensor) as ordered; return the statuses.

    `received`: when Kafka got each, in seconds after RECEIVED; else quickly, and long afterwards.
    """

    def streamed(*readings: tuple[Any, ...], rules: Rules = warehouse, received: Sequence[float] = ()) -> Said:
        source = tmp_path / "source"
        source.mkdir()
        rows = []
        for offset, (stream, value, seconds, *names) in enumerate(readings):
            reading = {"gudang_id": names[0] if names else "G1", stream: value, "timestamp": RECEIVED + seconds}
            if names[1:]:
                reading["sensor_id"] = names[1]
            # Received late enough that nothing is in the future.
            at = received[offset] if received else 10_000_000 + offset / 1000
            row = {"topic": TOPICS[stream], "partition": 0, "offset": offset, "value": json.dumps(reading)}
            rows.append(json.dumps(row | {"received": RECEIVED + at}))
        (source / "rows.json").write_text("\n".join(rows))
        raw = spark.readStream.schema("topic string, partition int, offset long, value string, received double").json(
            str(source)
        )
        messages = raw.select(
            F.lit(None).cast("binary").alias("key"),
            F.col("value").cast("binary").alias("value"),
            "topic",
            "partition",
            "offset",
            F.timestamp_seconds("received").alias("timestamp"),
        )
        assert messages.schema.simpleString() == spark.createDataFrame([], SCHEMA).schema.simpleString()
        query = (
            statuses(messages, rules)
            .writeStream.format("memory")
            .queryName("said")
            .outputMode("update")
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        said = [json.loads(row.value) for row in spark.sql("SELECT value FROM said").collect()]
        return sorted(said, key=lambda status: origin_of(status["status_id"])[1])

    return streamed


@pytest.mark.parametrize(
    ("suhu", "kelembaban", "text"),
    [
        (85.25, 75.5, "Bahaya tinggi! Barang berisiko rusak"),
        (85.5, 60.0, "Suhu tinggi, kelembaban normal"),
        (70.0, 75.25, "Kelembaban tinggi, suhu aman"),
        (80.0, 70.0, "Aman"),
    ],
)
def test_each_combination_has_its_words(run: Run, suhu: float, kelembaban: float, text: str) -> None:
    first, second = run(("suhu", suhu, 0), ("kelembaban", kelembaban, 0.5))
    assert first["status"] == "Data tidak lengkap (kelembaban belum ada)"
    assert second == {
        "status_id": "sensor-kelembaban-gudang-0-1-gudang",
        "rule": "gudang",
        "entity_id": "G1",
        "suhu": suhu,
        "kelembaban": kelembaban,
        "status": text,
        "event_time": RECEIVED + 0.5,
        "time_source": "sensor",
        "complete": True,
        "suhu_age_seconds": 0.5,
        "kelembaban_age_seconds": 0.0,
        "stream": "kelembaban",
        "alerts": ["kelembaban_tinggi"] if kelembaban > 70 else [],
        "received_at": RECEIVED + 10_000_000.001,
        "schema_version": 1,
    }
    TypeAdapter(schemas.Status).validate_python(second, strict=True)


def test_one_status_a_reading_never_all_pairs(run: Run) -> None:
    said = run(*((stream, 70 + tick, tick) for tick in range(10) for stream in ("suhu", "kelembaban")))
    assert len(said) == 20
    assert [status["suhu"] for status in said[1::2]] == [70 + tick for tick in range(10)]


def test_ten_seconds_apart_belong_together(run: Run) -> None:
    assert run(("suhu", 85, 0), ("kelembaban", 75, 10))[1]["complete"]


def test_eleven_seconds_apart_do_not_and_it_is_said(run: Run) -> None:
    status = run(("suhu", 85, 0), ("kelembaban", 75, 11))[1]
    assert status["status"] == "Data tidak lengkap (suhu terakhir 11 detik lalu)"
    assert (status["complete"], status["suhu"], status["kelembaban"]) == (False, None, 75)
    assert (status["suhu_age_seconds"], status["kelembaban_age_seconds"]) == (11.0, 0.0)


def test_a_reading_far_behind_the_other_stream_is_the_old_side(run: Run) -> None:
    status = run(("suhu", 85, 43), ("kelembaban", 75, 0))[1]
    assert status["status"] == "Data tidak lengkap (kelembaban terakhir 43 detik lalu)"
    assert (status["suhu"], status["kelembaban"], status["event_time"]) == (85, None, RECEIVED + 43)


def test_an_out_of_order_reading_changes_nothing(run: Run) -> None:
    said = run(("suhu", 85, 5), ("suhu", 70, 0), ("kelembaban", 60, 5))
    assert [origin_of(status["status_id"])[1] for status in said] == [0, 2]
    assert said[1]["status"] == "Suhu tinggi, kelembaban normal"


def test_of_two_readings_of_one_moment_the_later_arrival_counts(run: Run) -> None:
    said = run(("suhu", 85, 0), ("suhu", 70, 0), ("kelembaban", 60, 0))
    assert said[-1]["suhu"] == 70


def test_warehouses_are_apart(run: Run) -> None:
    said = run(("suhu", 85, 0, "G1"), ("kelembaban", 75, 0, "G2"))
    assert [status["complete"] for status in said] == [False, False]


@pytest.mark.parametrize("interval", [1, 60, 3600])
@pytest.mark.parametrize(("suhu_at", "kelembaban_at"), [(0.0, 0.4), (0.3, 0.7), (0.7, 0.3)])
def test_one_topic_read_far_ahead_of_the_other_still_pairs_what_belongs_together(
    run: Run, suhu_at: float, kelembaban_at: float, interval: int
) -> None:
    """After a stop the backlogs of the topics are read independently; here all of one comes first.

    RECEIVED is at half a second: with 0.3 and 0.7 the two of a pair lie in different seconds, and so, now and then, in
    different slots of the past.
    """
    ticks = range(1000)
    said = run(
        *(("suhu", tick / 20, tick * interval + suhu_at) for tick in ticks),
        *(("kelembaban", tick / 20, tick * interval + kelembaban_at) for tick in ticks),
    )
    assert len(said) == 2000
    pairs = {(status["suhu"], status["kelembaban"]) for status in said if status["complete"]}
    assert {(tick / 20, tick / 20) for tick in ticks} <= pairs


def test_of_several_sensors_the_worst_counts_not_the_last(run: Run) -> None:
    said = run(
        ("suhu", 85, 0, "G1", "a"), ("suhu", 70, 1, "G1", "b"), ("kelembaban", 60, 2), ("suhu", 71, 3, "G1", "b"),
    )  # fmt: skip
    assert [(status["suhu"], status["status"], status["alerts"]) for status in said[2:]] == [
        (85, "Suhu tinggi, kelembaban normal", []),
        (85, "Suhu tinggi, kelembaban normal", ["suhu_tinggi"]),
    ]
    assert said[3]["event_time"] == RECEIVED + 3
    assert said[3]["suhu_age_seconds"] == 3


def test_a_sensor_that_says_nothing_for_ten_seconds_is_not_the_worst_any_more(run: Run) -> None:
    said = run(("suhu", 85, 0, "G1", "a"), ("suhu", 70, 11, "G1", "b"), ("kelembaban", 60, 11))
    assert said[-1]["suhu"] == 70


def test_the_worst_is_the_nearest_to_a_lower_limit_too(run: Run, warehouse: Rules) -> None:
    too_cold = {"stream": "suhu", "below": 2, "overrides": {"G2": 50}, "message": "dingin"}
    given = warehouse.model_dump(exclude_none=True)
    rules = Rules.model_validate(given | {"alerts": given["alerts"] | {"suhu_rendah": too_cold}})
    readings: list[tuple[Any, ...]] = [("suhu", 60, 0, place, "a") for place in ("G1", "G2")]
    readings += [("suhu", 30, 1, place, "b") for place in ("G1", "G2")]
    readings += [("kelembaban", 60, 2, place) for place in ("G1", "G2")]
    said = run(*readings, rules=rules)
    assert [status["suhu"] for status in said[-2:]] == [60, 30]


def test_a_sensor_whose_clock_is_behind_the_other_s_takes_part(run: Run) -> None:
    said = run(("suhu", 70, 5, "G1", "a"), ("suhu", 85, 3, "G1", "b"), ("kelembaban", 60, 5))
    assert len(said) == 3
    assert said[-1]["suhu"] == 85


def test_of_a_backlog_each_time_has_its_own_worst_sensor(run: Run) -> None:
    ticks = range(0, 3000, 20)
    said = run(
        *(("suhu", 70 + tick % 7, tick, "G1", "a") for tick in ticks),
        *(("suhu", 73, tick + 1, "G1", "b") for tick in ticks),
        *(("kelembaban", 60, tick + 2) for tick in ticks),
    )
    shown = [status["suhu"] for status in said if status["stream"] == "kelembaban"]
    assert shown == [max(70 + tick % 7, 73) for tick in ticks]


def test_of_more_sensors_than_a_stream_may_have_the_longest_silent_makes_room(run: Run) -> None:
    said = run(
        ("suhu", 85, 0, "G1", "first"),
        *(("suhu", 70, number / 100, "G1", f"s{number}") for number in range(100)),
        ("kelembaban", 60, 2),
    )
    assert said[-1]["suhu"] == 70


def test_history_for_a_warehouse_that_reports_now_is_paired_among_itself(run: Run) -> None:
    year = 365 * 86400
    said = run(
        ("suhu", 71, 0), ("kelembaban", 61, 0),
        ("suhu", 85, -year), ("kelembaban", 75, -year),
    )  # fmt: skip
    assert said[-1]["status"] == "Bahaya tinggi! Barang berisiko rusak"
    assert said[-1]["event_time"] == RECEIVED - year
    assert len(said) == 3


def test_refused_readings_take_no_part(run: Run) -> None:
    said = run(("suhu", 85, 0), ("suhu", 900, 1), ("kelembaban", 60, 1))
    assert said[-1]["suhu"] == 85


def one_by_one(seconds: int, ahead: dict[str, float], *names: str) -> tuple[list[tuple[Any, ...]], list[float]]:
    """Return a reading a second of each stream, whose clock is so far ahead, and when Kafka got each."""
    ticks = [(at, number, stream) for at in range(seconds) for number, stream in enumerate(ahead)]
    readings = [(stream, 85 + at / 100, at + ahead[stream], *names) for at, _, stream in ticks]
    return readings, [at + number / 10 for at, number, _ in ticks]


def test_what_arrives_together_belongs_together_where_the_clocks_disagree(run: Run) -> None:
    readings, received = one_by_one(8, {"suhu": 0, "kelembaban": -15})
    said = run(*readings, received=received)
    assert all(status["complete"] for status in said[6:]), "once it is known that they are live"
    last = said[-1]
    assert (last["suhu"], last["kelembaban"], last["suhu_age_seconds"]) == (85.07, 85.07, 0.1)
    assert (last["event_time"], last["time_source"]) == (RECEIVED + 7.1, "kafka")
    times = [status["event_time"] for status in said[6:]]
    assert times == sorted(times), "none is older than one that was shown"


def test_what_a_buffer_sends_is_not_paired_by_its_arrival(run: Run) -> None:
    readings = [("suhu", 85, 10_000 + at) for at in range(5)] + [("kelembaban", 75, at * 60) for at in range(5)]
    said = run(*readings, received=[10_000 + at for at in range(5)] + [10_004 + at / 10 for at in range(5)])
    assert not any(status["complete"] for status in said)


def test_an_hour_back_keeps_the_status(run: Run) -> None:
    """At the end of summer time a sensor's clock goes back; its readings of that hour are as new as all others."""
    before, early = one_by_one(5, {"suhu": 0, "kelembaban": 0})
    after, late = one_by_one(8, {"suhu": -3600 + 5, "kelembaban": 5})
    said = run(*before, *after, received=[*early, *(5 + at for at in late)])
    assert (said[-1]["suhu"], said[-1]["kelembaban"], said[-1]["complete"]) == (85.07, 85.07, True)
    assert said[-2]["time_source"] == "kafka"


def test_the_clocks_are_judged_as_the_incidents_judge_them(run: Run, warehouse: Rules) -> None:
    """Two programs judge the same clocks, in Java and in Python."""
    dice = random.Random(7)
    readings: list[tuple[Any, ...]] = []
    received: list[float] = []
    expected: dict[str, float] = {}
    stream = watched_streams(warehouse, ZoneInfo("UTC"))["suhu"]
    for number in range(60):
        place, arrival, ahead, stamp, newest = f"G{number}", RECEIVED, 0.0, 0.0, 0.0
        clock = SensorClock("", ClockState(0, None, arrival, float("-inf")), stream, Journal(place, "", 0))
        for _ in range(12):
            arrival += dice.choice([0.01, 1, 1, 1, 60])
            if dice.random() < 0.2:
                ahead = dice.choice([0, -15, -3700, -4e8, -arrival, 50, -dice.uniform(0, 30)])
            stamp = stamp if dice.random() < 0.1 else arrival + ahead
            value = dice.choice([70, 80, 85])
            is_time = FIRST_MOMENT <= stamp <= arrival + MAX_AHEAD_SECONDS
            time = clock.event_time(stamp, value, stamp if is_time else arrival, arrival)
            if time is not None and time >= newest:
                expected[f"sensor-suhu-gudang-0-{len(readings)}-gudang"] = newest = time
            readings.append(("suhu", value, stamp - RECEIVED, place))
            received.append(arrival - RECEIVED)
    found = {status["status_id"]: status["event_time"] for status in run(*readings, received=received)}
    assert len(expected) > 400
    assert {name: found.get(name) for name in expected} == pytest.approx(expected, abs=1e-5)
