"""What becomes of an entity's state, timer and records with the rows of a batch or when its timer fires. No I/O.

What one entity raises ends nothing: its state stays as it was, and a record of the kind FAILURE says so. A state that
can't be read is dropped.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from messages.records import action as action_record
from spark_monitor.incidents.host_clock import HostClock
from spark_monitor.incidents.life_cycle import LifeCycle, Reading, Step
from spark_monitor.incidents.records import to_json
from spark_monitor.incidents.state import StateError

FAILURE = "failure"
"""The `kind` of a record that says that an entity can't be worked on; it is not for the topic."""

RETRY_SECONDS = 60
"""When an entity whose timer failed is looked at again."""

CLOCK_KEY = ""
"""Of the canary's pulses, which comes before all entities: so a batch's first pulse shows the clocks to all of them."""

NEVER = -1
"""Of a timer that is not set."""

LAST_TIMER_SECONDS = 253_402_300_799
"""The end of the year 9999: what is due later is due never."""


class Question(NamedTuple):
    """What Spark asks of an entity.

    `state`: what is known of it (None: nothing); `timer`: when it is next due, and `now`: when the batch began, in
    milliseconds of the batches' clock; `rows`: a JSON text, see `operator`, or None when the timer has fired.
    """

    entity_id: str
    state: str | None
    timer: int
    now: int
    rows: str | None


class Answer(NamedTuple):
    """The entity's next state and timer, and the texts of the records that go out."""

    state: str | None
    timer: int
    records: list[str]


class Answerer:
    """Answers for every entity. It remembers no entity, only how far the clocks are apart."""

    def __init__(self, life: LifeCycle) -> None:
        self._life = life
        self._host_clock = HostClock()

    def answer(self, asked: Question) -> Answer:
        """Return what becomes of an entity."""
        if asked.entity_id == CLOCK_KEY:
            rows = json.loads(asked.rows or "[]")
            self._host_clock.compare((row["action"], row["received_at"]) for row in rows if "action" in row)
            return Answer(None, NEVER, [])
        # By Kafka's clock; the same when the batch is repeated.
        now = asked.now / 1000 - self._host_clock.ahead
        return self._passed_time(asked, now) if asked.rows is None else self._read(asked, json.loads(asked.rows), now)

    def _read(self, asked: Question, rows: list[dict[str, Any]], now: float) -> Answer:
        entity = asked.entity_id
        step, records = _tried(
            entity, asked.state, now, lambda known: self._life.read(entity, known, _readings(rows), now)
        )
        for text in (row["action"] for row in rows if "action" in row):
            known = asked.state if step is None else step.state
            acted, more = _tried(entity, known, now, partial(self._act, entity, text=text, now=now))
            step = step if acted is None else acted
            records += more
        if step is None:
            return Answer(asked.state, asked.timer, records)
        return Answer(step.state, self._timer(step, asked.timer), records)

    def _passed_time(self, asked: Question, now: float) -> Answer:
        """Look what is due of an entity, after all readings of the batch."""
        entity = asked.entity_id
        step, records = _tried(entity, asked.state, now, lambda known: self._life.pass_time(entity, known, now))
        # Without a timer nobody would look at the entity again.
        step = Step(asked.state, now + RETRY_SECONDS, []) if step is None else step
        return Answer(step.state, self._timer(step, asked.timer), records)

    def _act(self, entity_id: str, state: str | None, *, text: str, now: float) -> Step:
        """Do what a record of the actions' topic says. Raises ValueError if it says nothing that is known."""
        action = action_record(text.encode())
        if action["entity_id"] != entity_id:
            raise ValueError(f"expected the key {action['entity_id']!r}, found {entity_id!r}")
        return self._life.act(entity_id, state, action, now)

    def _timer(self, step: Step, before: int) -> int:
        """Return when the entity is next due.

        A timer that fires too early costs less than one that is moved with each reading: it is only ever moved forward.
        """
        if step.due is None or step.due > LAST_TIMER_SECONDS:
            return NEVER
        # By Spark's clock; the next whole millisecond, so that what is due is due by then.
        due = max(0, int((step.due + self._host_clock.ahead) * 1000) + 1)
        return due if before == NEVER else min(due, before)


def _readings(rows: list[dict[str, Any]]) -> Iterator[Reading]:
    for row in rows:
        if "action" not in row:
            yield Reading(
                row["stream"], row.get("sensor_id"), row["value"], row["event_time"], row["received_at"],
                row.get("sensor_time"), row["is_error_code"],
            )  # fmt: skip


def _tried(
    entity_id: str, state: str | None, now: float, work: Callable[[str | None], Step]
) -> tuple[Step | None, list[str]]:
    """Return what `work` makes of a state, and the records: None and one of the kind FAILURE if it can't."""
    records: list[str] = []
    try:
        try:
            step = work(state)
        except StateError as error:
            records.append(_failure(entity_id, now, error))
            step = work(None)
        records += map(to_json, step.records)
    except Exception as error:  # noqa: BLE001 - the other entities' incidents must not wait for this one's
        return None, [_failure(entity_id, now, error)]
    return step, records


def _failure(entity_id: str, now: float, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    cause = f"{type(error).__name__}: {error}"[:200] + where
    return to_json({"kind": FAILURE, "entity_id": entity_id, "cause": cause, "event_time": now})
