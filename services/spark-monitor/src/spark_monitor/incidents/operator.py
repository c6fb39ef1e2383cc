"""Readings -> records of incidents, through Spark's own stateful operator with its timers, in micro-batches.

Real-time Mode does not know this operator; it need not, as an incident takes half a minute to begin. Spark keeps the
state of each entity (see `state`) and calls when it is due, in the next batch.
"""

import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
    ValueState,
)

from messages.records import action as action_record
from messages.topics import ACTIONS, CANARY
from spark_monitor.detection.decode import decode, is_error_code
from spark_monitor.incidents.life_cycle import LifeCycle, Reading, Step
from spark_monitor.incidents.records import to_json
from spark_monitor.incidents.state import StateError
from spark_monitor.rules.model import Rules

STATE_FORMAT = 1
"""Of the text that `state` makes. Another number, and the query starts over, without what was open."""

FAILURE = "failure"
"""The `kind` of a row that is no record, but says that an entity can't be worked on."""

RETRY_SECONDS = 60
"""When an entity whose timer failed is looked at again."""

CLOCK_KEY = ""
"""Of the canary's pulses, which comes before all entities: so a batch's first pulse shows the clocks to all of them."""

NEGLIGIBLE_SECONDS = 0.5
"""Below it the clocks count as one, so that a batch which is repeated tells the same times."""

MOST_APART_SECONDS = 100 * 365 * 86_400
"""No two clocks are further apart; a timer that is moved by more has no number."""

FIELDS = ("stream", "sensor_id", "value", "event_time", "received_at", "sensor_time")
"""Of a reading, in the order of `Reading`, which ends with `is_error_code`."""

LAST_TIMER_SECONDS = 253_402_300_799
"""The end of the year 9999: what is due later is due never."""


def incident_records(messages: DataFrame, rules: Rules, time_zone: str) -> DataFrame:
    """Kafka rows in, rows of `record` (JSON) out; `time_zone` is that of the times in the lines."""
    decoded = decode(messages, rules)
    is_reading = F.col("refusal_code").isNull() | is_error_code()
    is_watched = is_reading & F.col("stream").isin(*rules.watched_streams)
    # What a person does is keyed by the entity. It is no reading, nor is a pulse, so `decode` leaves both as they were.
    is_action, is_pulse = F.col("topic") == ACTIONS, F.col("topic") == CANARY
    entity = F.when(is_action, _text("refused_key")).when(is_pulse, CLOCK_KEY)
    watched = decoded.where(is_watched | is_action | is_pulse).select(
        entity.otherwise(F.col("entity_id")).alias("entity_id"),
        F.when(is_action | is_pulse, _text("refused_value")).alias("action"),
        *FIELDS,
        is_error_code().alias("is_error_code"),
    )
    # In one task, hence without a shuffle.
    return (
        watched.coalesce(1)
        .groupBy("entity_id")
        .transformWithState(Incidents(LifeCycle(rules, time_zone)), "record string", "Update", "ProcessingTime")
    )


def _text(bytes_of: str) -> Column:
    """Return bytes as text; those that are no UTF-8 would end the query on their way to Python, at each start again."""
    return F.make_valid_utf8(F.col(bytes_of).cast("string"))


class Incidents(StatefulProcessor):
    """Keeps an entity's state and its one timer: when it is next due. The names of methods and arguments are Spark's.

    A timer that fires too early costs less than one that is moved with each reading: it is only ever moved forward.

    What one entity raises ends nothing: its state stays as it was, and a row of the kind FAILURE says so. A state that
    can't be read is dropped. What Spark raises ends the batch, which is then repeated.
    """

    def __init__(self, life: LifeCycle) -> None:
        self._life = life
        self._handle: StatefulProcessorHandle
        self._kept: ValueState

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Declare what is kept."""
        self._handle = handle
        self._kept = handle.getValueState("entity", "state string, timer long")

    def handleInputRows(  # type: ignore[override]  # noqa: N802 - of the two forms of rows this one is ours
        self,
        key: Any,  # noqa: ANN401
        rows: Iterator[Row],
        timerValues: TimerValues,  # noqa: N803
    ) -> Iterator[Row]:
        """Take an entity's readings of a batch."""
        if key[0] == CLOCK_KEY:
            _host_clock.compare((row[1], row.received_at) for row in rows)
            return iter(())
        state, timer = self._kept.get() or (None, None)
        now = _now(timerValues)
        actions: list[str] = []
        readings = _readings(rows, actions)
        step, out = _tried(key[0], state, now, lambda known: self._life.read(key[0], known, readings, now))
        for text in actions:
            known = state if step is None else step.state
            acted, more = _tried(key[0], known, now, partial(self._act, key[0], text=text, now=now))
            step = step if acted is None else acted
            out += more
        if step is not None:
            self._keep(step, timer)
        return iter(out)

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803
    ) -> Iterator[Row]:
        """Look what is due of an entity, after all readings of the batch."""
        state, timer = self._kept.get() or (None, None)
        if expiredTimerInfo.getExpiryTimeInMs() == timer:
            timer = None
        now = _now(timerValues)
        step, out = _tried(key[0], state, now, lambda known: self._life.pass_time(key[0], known, now))
        # Without a timer nobody would look at the entity again.
        self._keep(Step(state, now + RETRY_SECONDS, []) if step is None else step, timer)
        return iter(out)

    def _act(self, entity_id: str, state: str | None, *, text: str, now: float) -> Step:
        """Do what a record of the actions' topic says. Raises ValueError if it says nothing that is known."""
        action = action_record(text.encode())
        if action["entity_id"] != entity_id:
            raise ValueError(f"expected the key {action['entity_id']!r}, found {entity_id!r}")
        return self._life.act(entity_id, state, action, now)

    def close(self) -> None:
        """Nothing is held open."""

    def _keep(self, step: Step, timer: int | None) -> None:
        """Keep the state and the timer; `timer`: the one that is set, in milliseconds."""
        due = None
        if step.due is not None and step.due <= LAST_TIMER_SECONDS:
            # By Spark's clock; the next whole millisecond, so that what is due is due by then.
            due = max(0, int((step.due + _host_clock.ahead) * 1000) + 1)
        if timer is not None and (due is None or due < timer):
            self._handle.deleteTimer(timer)
            timer = None
        if timer is None and due is not None:
            self._handle.registerTimer(due)
            timer = due
        if step.state is None:
            self._kept.clear()
        else:
            self._kept.update((step.state, timer))


class RowsError(Exception):
    """Spark could not hand over an entity's readings: that is no failure of the entity's."""


def _readings(rows: Iterator[Row], actions: list[str]) -> Iterator[Reading]:
    """Yield the readings, and put the texts of the actions among them to `actions`."""
    while True:
        try:
            row = next(rows, None)
        except Exception as error:
            raise RowsError(repr(error)) from error
        if row is None:
            return
        if row[1] is None:
            yield Reading(*row[2:])
        else:
            actions.append(row[1])


def _tried(
    entity_id: str, state: str | None, now: float, work: Callable[[str | None], Step]
) -> tuple[Step | None, list[Row]]:
    """Return what `work` makes of a state, and the rows that go out: None and a row of the kind FAILURE if it can't."""
    out: list[Row] = []
    try:
        try:
            step = work(state)
        except StateError as error:
            out.append(_failure(entity_id, now, error))
            step = work(None)
        out += [Row(record=to_json(record)) for record in step.records]
    except RowsError:
        raise
    except Exception as error:  # noqa: BLE001 - the other entities' incidents must not wait for this one's
        return None, [_failure(entity_id, now, error)]
    return step, out


def _failure(entity_id: str, now: float, error: Exception) -> Row:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    cause = f"{type(error).__name__}: {error}"[:200] + where
    return Row(record=to_json({"kind": FAILURE, "entity_id": entity_id, "cause": cause, "event_time": now}))


class HostClock:
    """How far the clock that Spark's batches go by is ahead of Kafka's, as the last pulse shows, in seconds.

    It belongs to the process that works on the batches, one for all of them.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def compare(self, pulses: Iterable[tuple[str, float]]) -> None:
        """Take pulses as they are in their topic, and when Kafka got each; the quickest shows most."""
        found = max((ahead for pulse, at in pulses if (ahead := _ahead(pulse, at)) is not None), default=None)
        if found is not None and abs(found - self.ahead) > NEGLIGIBLE_SECONDS:
            self.ahead = found if abs(found) > NEGLIGIBLE_SECONDS else 0.0


_host_clock = HostClock()


def _ahead(pulse: str, received_at: float) -> float | None:
    try:
        ahead = float(json.loads(pulse)["pulse"]) / 1000 - received_at
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None  # anybody may write to the topic
    return ahead if abs(ahead) <= MOST_APART_SECONDS else None


def _now(timer_values: TimerValues) -> float:
    """Return when the batch began, by Kafka's clock: the same when it is repeated."""
    return timer_values.getCurrentProcessingTimeInMs() / 1000 - _host_clock.ahead
