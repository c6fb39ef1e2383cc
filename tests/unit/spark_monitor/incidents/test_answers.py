"""What becomes of an entity with the rows of a batch or when its timer fires, and how that crosses the pipes."""

import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest

from rules import file as rules_file
from spark_monitor.incidents.answers import CLOCK_KEY, NEVER, RETRY_SECONDS, Answer, Answerer, Question
from spark_monitor.incidents.life_cycle import LifeCycle, Step
from spark_monitor.incidents.worker import answer_frame, question, serve

ROOT = Path(__file__).parents[4]
LIFE = LifeCycle(rules_file.load(ROOT / "services/spark-monitor/rules.yaml"), "Asia/Jakarta")
NOW = 1_790_000_100.0


def reading(at: float, value: float = 75.0) -> dict[str, Any]:
    return {
        "stream": "suhu", "sensor_id": "suhu-1", "value": value, "event_time": at, "received_at": at,
        "is_error_code": False,
    }  # fmt: skip


def ask(*rows: dict[str, Any], state: str | None = None, timer: int = NEVER, now: float = NOW) -> Question:
    return Question("G1", state, timer, round(now * 1000), json.dumps(rows))


def test_readings_give_a_state_and_the_time_when_it_is_due() -> None:
    answer = Answerer(LIFE).answer(ask(reading(NOW - 2), reading(NOW - 1)))
    assert answer.records == []
    assert answer.state is not None
    assert NOW * 1000 < answer.timer < (NOW + 60) * 1000


def test_a_timer_is_only_moved_forward() -> None:
    answerer = Answerer(LIFE)
    early = round(NOW * 1000) + 1
    assert answerer.answer(ask(reading(NOW - 2), reading(NOW - 1), timer=early)).timer == early
    late = round((NOW + 3600) * 1000)
    assert answerer.answer(ask(reading(NOW - 2), reading(NOW - 1), timer=late)).timer < late


def test_a_timer_that_fires_tells_what_is_due() -> None:
    answerer = Answerer(LIFE)
    state = answerer.answer(ask(reading(NOW - 2), reading(NOW - 1))).state
    answer = answerer.answer(Question("G1", state, NEVER, round((NOW + 60) * 1000), None))
    assert [json.loads(record)["rule"] for record in answer.records] == ["diam"]
    assert answer.timer > (NOW + 60) * 1000, "it is reminded of"


def test_timers_go_by_the_batches_clock() -> None:
    """Pulses that left two minutes ahead of Kafka's clock: so far ahead is the clock that timers fire by."""
    answerer = Answerer(LIFE)
    pulse = {"action": json.dumps({"pulse": (NOW + 120) * 1000}), "received_at": NOW}
    before = answerer.answer(ask(reading(NOW - 2), reading(NOW - 1)))
    assert answerer.answer(Question(CLOCK_KEY, None, NEVER, 0, json.dumps([pulse]))) == Answer(None, NEVER, [])
    after = answerer.answer(ask(reading(NOW - 2), reading(NOW - 1), now=NOW + 120))
    assert after.timer - before.timer == 120_000
    assert after.state == before.state


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Answerer:
    """Return one whose life cycle fails whatever it is asked."""

    def fail(*_args: object) -> Step:
        raise ZeroDivisionError("poison")

    monkeypatch.setattr(LifeCycle, "read", fail)
    monkeypatch.setattr(LifeCycle, "pass_time", fail)
    return Answerer(LIFE)


def test_a_failure_leaves_the_state_and_the_timer(failing: Answerer) -> None:
    answer = failing.answer(ask(reading(NOW), state="{}", timer=7))
    assert (answer.state, answer.timer) == ("{}", 7)
    (record,) = map(json.loads, answer.records)
    assert record["kind"] == "failure"
    assert record["cause"].startswith("ZeroDivisionError: poison (test_answers.py:")


def test_an_entity_whose_timer_failed_is_looked_at_again(failing: Answerer) -> None:
    answer = failing.answer(Question("G1", "{}", NEVER, round(NOW * 1000), None))
    assert answer.timer == pytest.approx((NOW + RETRY_SECONDS) * 1000, abs=1)


def test_a_state_that_cannot_be_read_is_dropped_and_told() -> None:
    answer = Answerer(LIFE).answer(ask(reading(NOW), state="[]"))
    assert [json.loads(record)["kind"] for record in answer.records] == ["failure"]
    assert answer.state is not None
    assert "suhu-1" in answer.state


def frame(*texts: str | None, now: int = 5, timer: int = NEVER) -> bytes:
    """Return a question's bytes as LifeCycleProcess.java writes them."""
    encoded = [None if text is None else text.encode() for text in texts]
    parts = [struct.pack(">i", -1) if each is None else struct.pack(">i", len(each)) + each for each in encoded]
    return struct.pack(">qq", now, timer) + b"".join(parts)


def test_a_frame_is_a_question() -> None:
    asked = question(frame("Gudang é🧊", None, "[]", now=NEVER, timer=9))
    assert asked == Question("Gudang é🧊", None, 9, NEVER, "[]")
    assert question(frame("", "{}", None)) == Question("", "{}", NEVER, 5, None)


def test_an_answer_is_a_frame() -> None:
    found = answer_frame(Answer(None, 8, ["a", "\ud800é"]))
    assert found == struct.pack(">qi", 8, -1) + struct.pack(">i", 2) + b"\0\0\0\1a" + b"\0\0\0\3" + "?é".encode()


def test_every_question_is_answered_until_there_is_none() -> None:
    def framed(content: bytes) -> bytes:
        return struct.pack(">i", len(content)) + content

    asked = ask(reading(NOW - 1))
    one = framed(frame(asked.entity_id, asked.state, asked.rows, now=asked.now))
    answers = io.BytesIO()
    serve(io.BytesIO(framed(pickle.dumps(LIFE)) + one + one), answers)
    expected = answer_frame(Answerer(LIFE).answer(asked))
    assert answers.getvalue() == expected + expected
    serve(io.BytesIO(), answers)
