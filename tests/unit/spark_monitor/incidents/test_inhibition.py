"""One cause is told once: silences of sensors wait while their topic or Kafka may be what is silent.

Three sensors of a topic report once a second and count as silent after 5 s. Times are seconds after T.
"""

from typing import Any

import pytest

from messages.topics import MESIN
from rules.model import Rules
from spark_monitor.incidents.inhibition import Inhibition

T = 1_763_785_000.0
STREAM = {"entity_field": "gudang_id", "unit": "x", "plausible": [0, 100]}
RULES = Rules.model_validate(
    {
        "streams": {
            "suhu": STREAM | {"topic": MESIN, "value_field": "suhu", "label": "Suhu", "silence": {"interval": 1}},
            "udara": STREAM
            | {"topic": "sensor-udara", "value_field": "udara", "label": "Udara", "silence": {"interval": 1}},
            "lambat": STREAM
            | {"topic": "sensor-udara", "value_field": "l", "label": "Lambat", "silence": {"interval": 20}},
            "lain": STREAM | {"topic": "sensor-lain", "value_field": "lain", "label": "Lain"},
        }
    }
)


def silence(entity: str, seen: float, state: str = "opened", stream: str = "suhu", **more: Any) -> dict[str, Any]:
    """Return a sensor's silence as the life cycle makes it; `seen`: its last reading."""
    return {
        "incident_id": f"diam-{stream}-{entity}-semua-{round((T + seen) * 1000)}",
        "kind": "silence",
        "state": state,
        "entity_id": entity,
        "rule": "diam",
        "opened_at": T + seen,
        "message": f"{entity} {state}",
        "stream": stream,
        "topic": RULES.streams[stream].topic,
        "sensor_id": None,
    } | more


class Times:
    """Inhibition as the pulse tells it: each second where the topics are, what comes, what is to be published."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.causes = Inhibition(rules)
        self.newest: dict[str, float | None] = {MESIN: None, "sensor-udara": None}
        self.broker_lines: list[str] = []

    def at(self, now: float, *records: dict[str, Any], suhu: float | None = None, answers: bool = True) -> list[str]:
        """Return the messages that go out; `suhu`: the newest time of that topic, from now on."""
        if suhu is not None:
            self.newest[MESIN] = T + suhu
        if line := self.causes.broker_answers(answers, T + now):
            self.broker_lines.append(line)
        if answers:
            self.causes.topics_are(self.newest, T + now)
        passed = self.causes.pass_on(list(records), T + now)
        return [record["message"] for record in [*self.causes.due(T + now), *passed]]


@pytest.fixture
def times() -> Times:
    """Return causes that have been watching for long, with suhu alive until 0."""
    times = Times()
    times.at(-100, suhu=-100)
    assert times.at(0, suhu=0) == []
    return times


DIAM = "[Sumber Diam] sensor-suhu: tidak ada data sejak"


def test_what_is_no_silence_passes_at_once(times: Times) -> None:
    assert times.at(1, silence("G1", 0, kind="threshold", state="unknown", message="x")) == ["x"]


def test_a_sensor_that_is_silent_alone_is_said_at_once_and_its_end_too(times: Times) -> None:
    assert times.at(5, silence("G1", 0), suhu=4.9) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 5 detik"]
    assert times.at(6, suhu=5.9) == []
    assert times.at(7, silence("G1", 0, "reminder"), suhu=6.9) == ["G1 reminder"]
    assert times.at(8, silence("G1", 0, "recovered"), suhu=7.9) == ["G1 recovered"]


def test_a_named_sensor_is_said_with_its_name(times: Times) -> None:
    said = times.at(5, silence("G1", 0, sensor_id="suhu-7f3a"), suhu=4.9)
    assert said == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 5 detik (suhu-7f3a)"]


def test_a_silent_topic_is_said_once_instead_of_its_sensors(times: Times) -> None:
    assert times.at(5, silence("G1", -0.9), silence("G2", -0.5), suhu=0.1) == [], "perhaps it is only late"
    assert times.at(6, silence("G3", 0.1)) == [f"{DIAM} 5 detik"]
    assert times.at(60) == []
    assert times.at(120, suhu=119) == ["[Sumber Kembali] sensor-suhu: ada data lagi setelah 1 menit 58 detik"]
    closed = [silence(name, seen, "recovered") for name, seen in (("G1", -0.9), ("G2", -0.5), ("G3", 0.1))]
    assert times.at(121, *closed, suhu=121) == []
    assert times.at(200, suhu=200) == []


@pytest.mark.parametrize(("quiet", "said"), [(4.99, []), (5, [f"{DIAM} 5 detik"])])
def test_a_topic_is_silent_after_its_sensors_silent_after(times: Times, quiet: float, said: list[str]) -> None:
    assert times.at(quiet) == said


def test_when_others_speak_on_a_held_back_silence_is_said(times: Times) -> None:
    assert times.at(5, silence("G1", -0.9), suhu=0.1) == []
    assert times.at(6, suhu=5.5) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik"]


@pytest.mark.parametrize(
    ("later", "said"), [(7.9, []), (8, ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 37 detik"])]
)
def test_who_stays_silent_when_the_topic_is_back_is_said_after_a_while(
    times: Times, later: float, said: list[str]
) -> None:
    """`silent_after` and 3 s after the topic was back, with how long it is by then."""
    times.at(6, silence("G1", 0), silence("G2", 0))
    assert times.at(29, suhu=28.5) == ["[Sumber Kembali] sensor-suhu: ada data lagi setelah 28 detik"]
    assert times.at(30, silence("G2", 0, "recovered"), suhu=29.5) == []
    assert times.at(29 + later, suhu=29 + later - 0.1) == said


def test_a_sensor_that_was_said_before_its_topic_fell_silent_is_ended_too(times: Times) -> None:
    times.at(5, silence("G1", 0), suhu=5)
    assert times.at(10) == [f"{DIAM} 5 detik"]
    assert times.at(20, silence("G1", 0, "recovered"), suhu=19)[1:] == ["G1 recovered"]


def test_a_topic_without_a_message_is_not_silent() -> None:
    times = Times()
    times.at(-1000)
    assert times.at(0) == []


def test_a_topic_whose_streams_nobody_waits_for_is_not_asked_about() -> None:
    assert Inhibition(RULES).topics == (MESIN, "sensor-udara")


def test_a_topic_is_silent_by_its_slowest_stream_and_a_faster_one_is_said_alone(times: Times) -> None:
    times.newest["sensor-udara"] = T
    (said,) = times.at(5, silence("G1", 0, stream="udara"), suhu=5)
    assert said == "[Sensor Diam] Gudang G1: udara tidak terkirim sejak 5 detik"
    assert times.at(59, suhu=59) == []
    assert times.at(60, suhu=60) == ["[Sumber Diam] sensor-udara: tidak ada data sejak 1 menit"]


def test_a_silent_topic_is_reminded_of_ever_more_rarely_until_data_comes(times: Times) -> None:
    times.at(6, silence("G1", 0))
    assert times.at(905) == []
    assert times.at(906, silence("G1", 0, "reminder")) == [f"{DIAM} 15 menit 6 detik"]
    assert times.at(1811) == []
    assert times.at(1812) == [f"{DIAM} 30 menit 12 detik"]
    assert times.at(90_000) == [f"{DIAM} 1 hari 1 jam"], "its sensors do not end it, and time does not"
    assert times.at(90_000 + 86_399) == []
    assert times.at(90_000 + 86_400) == [f"{DIAM} 2 hari 1 jam"]
    assert times.at(200_000, suhu=200_000) == ["[Sumber Kembali] sensor-suhu: ada data lagi setelah 2 hari 7 jam"]
    assert times.at(200_005) == [f"{DIAM} 5 detik"]


def test_kafkas_silence_is_reminded_of() -> None:
    causes = Inhibition(RULES)
    assert causes.broker_answers(True, 0) is None
    assert causes.broker_answers(False, 5) == "[Kafka Diam] Kafka tidak menjawab sejak 5 detik"
    assert causes.broker_answers(False, 904) is None
    assert causes.broker_answers(False, 905) == "[Kafka Diam] Kafka tidak menjawab sejak 15 menit 5 detik"


def test_a_topic_that_fell_silent_long_before_the_start_is_said() -> None:
    times = Times()
    times.at(0, suhu=-7200)
    assert times.at(1000) == [f"{DIAM} 2 jam 16 menit"]


def test_a_persons_word_is_passed_on_at_once(times: Times) -> None:
    times.at(6, silence("G1", 0))
    retired = silence("G1", 0, "retired")
    assert times.at(7, retired) == [retired["message"]]
    assert times.at(60, suhu=60) == ["[Sumber Kembali] sensor-suhu: ada data lagi setelah 1 menit"]
    assert times.at(61) == [], "what was held back of it is gone"


def test_at_the_start_sensors_may_come_later_than_kafka() -> None:
    times = Times()
    assert times.at(0, suhu=-60) == []
    assert times.at(7.9, silence("G1", -60, "reminder")) == []
    assert times.at(8) == [f"{DIAM} 1 menit 8 detik"]


def test_after_a_restart_an_open_silence_is_said_with_its_reminder_and_ended() -> None:
    times = Times()
    times.at(-8, suhu=-8)
    assert times.at(0, silence("G1", -900, "reminder"), suhu=0) == [
        "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 15 menit"
    ]
    assert times.at(1, silence("G1", -900, "recovered"), suhu=1) == ["G1 recovered"]


def test_after_a_restart_what_ends_with_a_cause_is_not_said() -> None:
    times = Times()
    times.at(-8, suhu=-60)
    assert times.at(0)
    assert times.at(5, silence("G1", -60, "recovered"), suhu=5)[1:] == []


def test_what_is_silent_by_other_rules_passes(times: Times) -> None:
    assert times.at(1, silence("G1", 0, "recovered", topic="gone", stream="suhu")) == ["G1 recovered"]


@pytest.mark.parametrize(("away", "line"), [(4.9, []), (5, ["[Kafka Diam] Kafka tidak menjawab sejak 5 detik"])])
def test_kafka_is_silent_after_5_s(times: Times, away: float, line: list[str]) -> None:
    times.at(1, answers=False)
    times.at(away, answers=False)
    times.at(away + 0.05, answers=False)
    assert times.broker_lines == line


def test_a_silent_kafka_is_said_once_instead_of_topics_and_sensors(times: Times) -> None:
    for now in range(1, 130):
        assert times.at(now, answers=False) == (["[Kafka Diam] Kafka tidak menjawab sejak 5 detik"] if now == 5 else [])
    back = "[Kafka Kembali] Kafka menjawab lagi setelah 2 menit 10 detik"
    assert times.at(130, silence("G1", 0), silence("G2", 0)) == [back]
    assert times.broker_lines == ["[Kafka Diam] Kafka tidak menjawab sejak 5 detik", back]
    assert times.at(137, silence("G1", 0, "recovered"), suhu=136) == []
    assert times.at(138, suhu=138) == ["[Sensor Diam] Gudang G2: suhu tidak terkirim sejak 2 menit 18 detik"]


def test_a_topic_that_stays_silent_when_kafka_is_back_is_said_after_a_while(times: Times) -> None:
    for now in range(1, 20):
        times.at(now, answers=False)
    times.at(20)
    assert times.at(27.9) == []
    assert times.at(28) == [f"{DIAM} 28 detik"]


def test_while_kafka_does_not_answer_a_silence_waits(times: Times) -> None:
    times.at(4, suhu=4)
    assert times.at(5, silence("G1", 0), answers=False) == []
    assert times.at(6, suhu=6) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik"], "it was not away"


def test_a_silence_that_ends_while_it_waits_is_not_said_at_all(times: Times) -> None:
    times.at(4, suhu=4)
    assert times.at(5, silence("G1", 0), answers=False) == []
    assert times.at(6, silence("G1", 0, "recovered"), suhu=6) == []
    assert times.at(7, suhu=7) == []


def test_a_silence_that_comes_twice_is_said_once(times: Times) -> None:
    """A batch of Spark's may be repeated."""
    assert times.at(5, silence("G1", -0.9), silence("G1", -0.9), suhu=0.1) == []
    assert len(times.at(6, silence("G1", -0.9), suhu=5.5)) == 1


def test_a_causes_record_has_every_field() -> None:
    times = Times()
    times.at(-100, suhu=0)
    times.causes.topics_are({MESIN: T}, T + 6)
    (record,) = times.causes.due(T + 6)
    times.causes.topics_are({MESIN: T + 10.5}, T + 11)
    (closed,) = times.causes.due(T + 11)
    nothing = dict.fromkeys(
        (
            "peak", "mean", "degree_minutes", "readings", "coverage", "gap_seconds", "mkt", "stream", "sensor_id",
            "sensors", "unit", "threshold", "acknowledged_by", "acknowledged_at", "shelved_until", "action_id", "by",
            "reason",
        )
    )  # fmt: skip
    assert record == nothing | {
        "incident_id": "diam-sumber-sensor-suhu-1763785000000",
        "kind": "silence",
        "state": "opened",
        "entity_id": MESIN,
        "rule": "sumber",
        "severity": "critical",
        "opened_at": T,
        "closed_at": None,
        "duration_seconds": 6,
        "rules_version": RULES.version,
        "late": None,
        "message": "[Sumber Diam] sensor-suhu: tidak ada data sejak 6 detik",
        "topic": MESIN,
        "event_time": T + 6,
        "time_source": None,
        "emitted_at": T + 6,
        "schema_version": 1,
    }
    assert closed == record | {
        "state": "recovered",
        "closed_at": T + 10.5,
        "duration_seconds": 10.5,
        "message": "[Sumber Kembali] sensor-suhu: ada data lagi setelah 10 detik",
        "event_time": T + 11,
        "emitted_at": T + 11,
    }


def test_an_entity_s_records_take_no_cause_with_them(times: Times) -> None:
    """Two publishers would send the causes in any order."""
    times.at(0)
    assert times.causes.broker_answers(False, T + 16)
    assert times.causes.pass_on([], T + 17) == []
    assert [record["state"] for record in times.causes.due(T + 17)] == ["opened"]
