"""Tests of rules as data: readings in, lines out, through the real DataFrame functions, without Kafka.

Incidents come from the life cycle that Spark's stateful operator calls, by a clock of the test's own: a sensor that is
silent for an hour takes no time.
"""

import difflib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from messages.records import origin_of, told_by
from rules.file import RulesError
from rules.model import Rules
from servicekit.unreadable import why_unreadable
from spark_monitor.console.display import Display
from spark_monitor.detection.decode import accepted, decode, is_error_code
from spark_monitor.detection.status import status_messages, with_contemporaries
from spark_monitor.engine.java_options import class_path, log_options
from spark_monitor.engine.queries import alerts_and_refusals
from spark_monitor.incidents import life_cycle as incidents

START = 1795321758.0
"""2026-11-22 11:29:18 in Asia/Jakarta: where the tests' clocks begin."""

SCHEMA = "topic string, partition int, offset long, value string, received double"


TIME_ZONE = "Asia/Jakarta"


class Reading(BaseModel):
    """A message: its topic, when Kafka got it (seconds after START), and its fields.

    `times`: again, `every` so many seconds. `clock`: the sensor has one, so many seconds ahead of Kafka's, or behind.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    at: float
    topic: str
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    every: Annotated[float, Field(ge=0)] = 1
    clock: float | None = None

    def fields(self, at: float, time_field: str) -> dict[str, Any]:
        """Return the fields of the message that Kafka got at a time (seconds after START)."""
        own = {} if self.clock is None else {time_field: START + at + self.clock}
        return (self.model_extra or {}) | own


class RuleTest(BaseModel):
    """Readings in order, and the lines that they must give: `lines` of alerts and statuses, those of `incidents`.

    The clock runs on until `until` (seconds after START), else it stands still at the last reading.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    readings: tuple[Reading, ...]
    lines: str | None = None
    incidents: str | None = None
    until: float | None = None

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.lines is None and self.incidents is None:
            raise ValueError("expected lines, incidents, or both")
        return self

    @property
    def messages(self) -> Iterator[tuple[float, Reading]]:
        """The readings one by one, with when Kafka got each (seconds after START)."""
        for reading in self.readings:
            for number in range(reading.times):
                yield reading.at + number * reading.every, reading


def load(file: Path, rules: Rules) -> list[RuleTest]:
    """Return the tests of a file. Raises RulesError with what is wrong with it, or does not fit the rules."""
    try:
        tests = TypeAdapter(list[RuleTest]).validate_python(yaml.safe_load(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{file}: {why_unreadable(error)}") from error
    except yaml.YAMLError as error:
        raise RulesError(f"{file}: {error}") from error
    except ValidationError as error:
        wrong = (f"{file}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise RulesError("\n".join(wrong)) from error
    strange = [
        f"{file}: {test.name}: readings.{number}.topic: "
        f"expected one of the streams' topics {', '.join(rules.topics)}; found {reading.topic!r}"
        for test in tests
        for number, reading in enumerate(test.readings)
        if reading.topic not in rules.topics
    ]
    if strange:
        raise RulesError("\n".join(strange))
    return tests


def differences(rules: Rules, tests: Sequence[RuleTest], jars: Path) -> dict[str, list[str]]:
    """Run the tests; return, for each that gives other lines, the difference by the test's name.

    `jars`: the folder with the monitor's own. Raises FileNotFoundError where it is not.
    """
    said, told = _lines(rules, tests, jars)
    found: dict[str, list[str]] = defaultdict(list)
    for number, test in enumerate(tests):
        for expected, those, kind in (test.lines, said, ""), (test.incidents, told, " of incidents"):
            if expected is not None and those[number] != (lines := expected.strip().splitlines()):
                titles = f"expected{kind}", f"said{kind}"
                found[test.name] += difflib.unified_diff(lines, those[number], *titles, lineterm="", n=1)
    return found


def _lines(rules: Rules, tests: Sequence[RuleTest], jars: Path) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Return each test's lines by its number: those of alerts and statuses, and those of incidents."""
    by_test: dict[int, list[tuple[int, int, str, dict[str, Any]]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="rule-tests-") as folder:
        spark = _open_session(jars)
        try:
            for order, kind, partition, offset, record in _results(spark, rules, tests, Path(folder)):
                by_test[partition].append((offset, order, kind, record))
            read = _accepted(spark, rules, Path(folder))
        finally:
            spark.stop()
    lines: dict[int, list[str]] = defaultdict(list)
    for number, results in by_test.items():
        display = Display(rules, "all")
        for offset, _, kind, record in sorted(results, key=lambda result: result[:2]):
            if kind == "alert":
                lines[number] += display.alert(record, offset)
            elif kind == "status":
                lines[number] += display.status(record, offset, record["received_at"])
            else:
                lines[number].append(f"[Ditolak] {record['exception.class.name']}: {record['exception.message']}")
    told: dict[int, list[str]] = defaultdict(list)
    for number, test in enumerate(tests):
        told[number] = incident_lines(rules, read[number], test.until)
    return lines, told


def _accepted(spark: SparkSession, rules: Rules, folder: Path) -> dict[int, list[tuple[str, incidents.Reading]]]:
    """Return each test's accepted readings with their entities, by its number; in their order."""
    rows = _messages(spark.read.schema(SCHEMA).json(str(folder / "source")))
    decoded = decode(rows, rules).withColumn("is_error_code", is_error_code())
    readings = decoded.where(F.col("refusal_code").isNull() | is_error_code()).orderBy("partition", "offset")
    by_test: dict[int, list[tuple[str, incidents.Reading]]] = defaultdict(list)
    for row in readings.select(
        "partition", "entity_id", "stream", "sensor_id", "value", "event_time", "received_at", "sensor_time",
        "is_error_code",
    ).collect():  # fmt: skip
        by_test[row.partition].append((row.entity_id, incidents.Reading(*row[2:])))
    return by_test


def incident_lines(
    rules: Rules, readings: Iterable[tuple[str, incidents.Reading]], until: float | None
) -> list[str]:  # fmt: skip
    """Return the lines about incidents: after each reading, and whenever something is due on the way."""
    life = incidents.LifeCycle(rules, TIME_ZONE)
    states: dict[str, str | None] = {}
    due: dict[str, float] = {}
    lines: list[str] = []

    def take(entity_id: str, step: incidents.Step) -> None:
        states[entity_id] = step.state
        due[entity_id] = float("inf") if step.due is None else step.due
        lines.extend(record["message"] for record in step.records)

    def look_until(now: float) -> None:
        while due and (first := min(due, key=due.__getitem__)) and due[first] <= now:
            take(first, life.pass_time(first, states[first], due[first]))

    for entity_id, reading in readings:
        look_until(reading.received_at)
        take(entity_id, life.read(entity_id, states.get(entity_id), [reading], reading.received_at))
    if until is not None:
        look_until(START + until)
    return lines


def _results(
    spark: SparkSession, rules: Rules, tests: Sequence[RuleTest], folder: Path
) -> list[tuple[int, str, int, int, dict[str, Any]]]:
    """Return what the functions give: order within a reading, kind, the test as partition, offset, the record.

    All tests go through Spark at once. A test is a partition; for the status, its entities are kept apart from the
    other tests' by a prefix, which is there only while the state is.
    """
    source = folder / "source"
    source.mkdir()
    time_fields = {stream.topic: stream.event_time for stream in rules.streams.values()}
    rows = [
        json.dumps(
            {
                "topic": reading.topic, "partition": number, "offset": offset, "received": START + at,
                "value": json.dumps(reading.fields(at, time_fields[reading.topic])),
            }
        )
        for number, test in enumerate(tests)
        for offset, (at, reading) in enumerate(test.messages)
    ]  # fmt: skip
    (source / "rows.json").write_text("\n".join(rows))

    results: list[tuple[int, str, int, int, dict[str, Any]]] = []
    for row in alerts_and_refusals(_messages(spark.read.schema(SCHEMA).json(str(source))), rules).collect():
        if row.headers is None:
            alert = json.loads(row.value)
            results.append((1, "alert", *_test_and_offset(alert["alert_id"]), alert))
        else:
            refusal = told_by((header.key, bytes(header.value)) for header in row.headers)
            results.append((0, "refusal", int(refusal["partition"]), int(refusal["offset"]), refusal))
    if not rules.statuses:
        return results

    apart = F.concat_ws("\u0001", F.element_at(F.split("origin", "-"), -2), F.col("entity_id"))
    together = F.substring_index("entity_id", "\u0001", -1)
    readings = accepted(decode(_messages(spark.readStream.schema(SCHEMA).json(str(source))), rules))
    paired = with_contemporaries(readings.withColumn("entity_id", apart), rules)
    statuses = status_messages(paired.withColumn("entity_id", together), rules)
    query = (
        statuses.writeStream.format("memory").queryName("statuses").outputMode("update")
        .option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start()
    )  # fmt: skip
    query.awaitTermination()
    for row in spark.table("statuses").collect():
        status = json.loads(row.value)
        results.append((2, "status", *_test_and_offset(status["status_id"]), status))
    return results


def _test_and_offset(result_id: str) -> tuple[int, int]:
    partition, offset = origin_of(result_id)
    return int(partition.rsplit("-", 1)[1]), offset


def _messages(rows: DataFrame) -> DataFrame:
    """Give rows the form of Spark's Kafka source."""
    return rows.select(
        F.lit(None).cast("binary").alias("key"),
        F.col("value").cast("binary").alias("value"),
        "topic",
        "partition",
        "offset",
        F.timestamp_seconds("received").alias("timestamp"),
    )


def _open_session(jars: Path) -> SparkSession:
    os.environ["SPARK_DIST_CLASSPATH"] = class_path(jars)
    options = {
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": TIME_ZONE,
        # One task: the readings stay in their order.
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        # For a few rows, compiling takes longer than all the rest.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"-XX:+UseSerialGC -XX:TieredStopAtLevel=1 {log_options('info')}",
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
    }
    builder = SparkSession.builder.master("local[1]").appName("rule-tests")
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
