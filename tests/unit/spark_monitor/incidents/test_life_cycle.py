"""The life of incidents and silences: what readings and time make of an entity."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.records import Action
from messages.topics import SUHU
from rules import file as rules_file
from rules.model import Incident, Rules, Silence
from spark_monitor.incidents import actions
from spark_monitor.incidents.life_cycle import LifeCycle, Reading
from spark_monitor.incidents.records import Record, to_json
from spark_monitor.incidents.state import StateError

SHIPPED = rules_file.load(Path(__file__).parents[4] / "services/spark-monitor/rules.yaml")
START = 1795321758.0
"""2026-11-22 11:29:18 in Jakarta."""


def changed(incident: Mapping[str, Any] | None = None, silence: Mapping[str, Any] | None = None, **alert: Any) -> Rules:
    """Return the shipped rules with another incident or silence of suhu; empty ones leave it out."""
    hot, suhu = SHIPPED.alerts["suhu_tinggi"], SHIPPED.streams["suhu"]
    if incident is not None:
        alert["incident"] = Incident.model_validate(incident) if incident else None
    if silence is not None:
        suhu = suhu.model_copy(update={"silence": Silence.model_validate(silence) if silence else None})
    return Rules.model_validate(
        {
            "streams": {**SHIPPED.streams, "suhu": suhu},
            "alerts": {**SHIPPED.alerts, "suhu_tinggi": hot.model_copy(update=alert)},
        }
    )


class Warehouse:
    """G1, with its state between the calls; times are seconds after START."""

    def __init__(self, rules: Rules = SHIPPED) -> None:
        self.rules = rules
        self.life = LifeCycle(rules, "Asia/Jakarta")
        self.state: str | None = None
        self.due: float | None = None
        self.records: list[Record] = []

    def take(self, readings: Iterable[Reading], now: float) -> list[Record]:
        """Take readings; return the records."""
        step = self.life.read("G1", self.state, readings, START + now)
        return self.went(step.state, step.due, step.records)

    def look(self, now: float) -> list[Record]:
        """Look what is due; return the records."""
        step = self.life.pass_time("G1", self.state, START + now)
        return self.went(step.state, step.due, step.records)

    def suhu(self, values: Mapping[float, float], sensor: str | None = "a") -> list[Record]:
        """Take one reading at each time, as it comes."""
        return [
            record for at, value in values.items() for record in self.take([reading(at, value, sensor)], at)
        ]  # fmt: skip

    def steady(self, begin: int, end: int, value: float, sensor: str | None = "a") -> list[Record]:
        """Take one reading a second."""
        return self.suhu(dict.fromkeys(range(begin, end), value), sensor)

    def went(self, state: str | None, due: float | None, records: list[Record]) -> list[Record]:
        """Keep what a step made; return the records."""
        self.state, self.due = state, None if due is None else due - START
        self.records += records
        return records


def reading(at: float, value: float, sensor: str | None = "a", received: float | None = None) -> Reading:
    return Reading("suhu", sensor, value, START + at, START + (at if received is None else received), START + at)


def said(records: Iterable[Record]) -> list[str]:
    return [record["message"] for record in records]


def states(records: Iterable[Record]) -> list[tuple[str, str]]:
    return [(record["rule"], record["state"]) for record in records]


def test_an_incident_opens_after_its_delay_and_began_at_its_first_reading() -> None:
    warehouse = Warehouse()
    assert warehouse.steady(0, 30, 84.31) == []
    (opened,) = warehouse.suhu({30: 82})
    assert opened["message"] == "[Insiden Dibuka] Gudang G1: Suhu 84.31°C > 80 - 2026-11-22 11:29:18"
    assert opened == {
        "incident_id": "suhu_tinggi-G1-1795321758000",
        "kind": "threshold",
        "state": "opened",
        "entity_id": "G1",
        "rule": "suhu_tinggi",
        "severity": "critical",
        "opened_at": START,
        "closed_at": None,
        "peak": 84.31,
        "mean": pytest.approx(84.31),
        "duration_seconds": 30,
        "degree_minutes": pytest.approx(4.31 * 30 / 60),
        "readings": 31,
        "coverage": 1.0,
        "gap_seconds": 0,
        "mkt": pytest.approx(84.31),
        "rules_version": SHIPPED.version,
        "late": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "shelved_until": None,
        "action_id": None,
        "by": None,
        "reason": None,
        "message": "[Insiden Dibuka] Gudang G1: Suhu 84.31°C > 80 - 2026-11-22 11:29:18",
        "stream": "suhu",
        "topic": SUHU,
        "sensor_id": None,
        "sensors": ["a"],
        "unit": "°C",
        "threshold": 80.0,
        "event_time": START + 30,
        "time_source": "sensor",
        "emitted_at": START + 30,
        "schema_version": 1,
    }


def test_a_short_excursion_opens_nothing() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 30, 90)
    warehouse.suhu({30: 79})
    warehouse.steady(31, 60, 90)
    assert warehouse.records == []


def test_it_closes_at_the_first_of_the_readings_that_ended_it() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 222, 84)
    warehouse.suhu({222: 88.02})
    warehouse.steady(223, 252, 84)
    (record,) = warehouse.steady(252, 283, 79)
    opened = warehouse.records[0]
    assert record["message"].startswith("[Insiden Selesai] Gudang G1: Suhu, 4 menit 12 detik, puncak 88.02°C, MKT 84.")
    assert record["message"].endswith("°C - 2026-11-22 11:33:30")
    assert (record["state"], record["closed_at"], record["duration_seconds"]) == ("closed", START + 252, 252)
    assert (record["readings"], record["coverage"], record["event_time"]) == (252, 1.0, START + 282)
    assert record["incident_id"] == opened["incident_id"]
    assert record["mean"] == pytest.approx((84 * 251 + 88.02) / 252)
    assert states(warehouse.steady(283, 340, 84)) == [("suhu_tinggi", "opened")], "and the next starts over"


def test_between_limit_and_deadband_nothing_ends() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    assert warehouse.steady(31, 200, 79.5) == []


def test_a_reading_that_is_not_cleared_starts_the_clearing_anew() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    assert warehouse.steady(31, 60, 75) + warehouse.suhu({60: 79.01}) == []
    (closed,) = warehouse.steady(61, 92, 75)
    assert closed["closed_at"] == START + 61
    assert closed["readings"] == 61, "what came while it was clearing counts, because it went on"


def test_without_delays_it_opens_and_closes_at_once() -> None:
    warehouse = Warehouse(changed({"on_delay": 0, "off_delay": 0}))
    assert states(warehouse.suhu({0: 81, 1: 80})) == [("suhu_tinggi", "opened"), ("suhu_tinggi", "closed")]
    opened, closed = warehouse.records
    assert (opened["duration_seconds"], opened["mean"], closed["duration_seconds"]) == (0, 81, 1)


def test_an_entitys_own_limit_counts() -> None:
    warehouse = Warehouse(changed(overrides={"G1": 85}))
    assert warehouse.steady(0, 40, 84) == []
    (opened,) = warehouse.steady(40, 71, 86)
    assert opened["message"] == "[Insiden Dibuka] Gudang G1: Suhu 86.00°C > 85 - 2026-11-22 11:29:58"
    assert opened["threshold"] == 85


def test_below_a_limit_is_the_mirror() -> None:
    warehouse = Warehouse(changed(above=None, below=2.0))
    (opened,) = warehouse.steady(0, 31, 1.5)
    assert opened["message"] == "[Insiden Dibuka] Gudang G1: Suhu 1.50°C < 2 - 2026-11-22 11:29:18"
    assert warehouse.steady(31, 100, 2.99) == []
    assert states(warehouse.steady(100, 131, 3.0)) == [("suhu_tinggi", "closed")]


def test_a_gap_is_an_uncertain_part_of_an_excursion_and_not_its_end() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 10, 84)
    (opened,) = warehouse.suhu({39: 84})
    assert (opened["opened_at"], opened["gap_seconds"]) == (START, 29)


def test_noise_at_the_limit_does_not_restart_the_delay() -> None:
    warehouse = Warehouse()
    (opened,) = warehouse.suhu({at: 79.9 if at % 20 == 19 else 82 for at in range(60)})
    assert (opened["opened_at"], opened["peak"]) == (START, 82)


def test_who_stays_between_limit_and_deadband_is_not_pending_any_more() -> None:
    warehouse = Warehouse()
    warehouse.suhu({0: 81})
    warehouse.steady(1, 32, 79.5)
    assert warehouse.suhu({32: 81}) == []
    assert warehouse.steady(33, 62, 81) == []
    (opened,) = warehouse.suhu({62: 81})
    assert opened["opened_at"] == START + 32


def test_a_gap_ends_nothing_and_is_in_the_record() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 40, 84)
    assert warehouse.suhu({40: 75, 80: 75}) == [], "for 40 s nobody knows"
    (closed,) = warehouse.steady(81, 111, 75)
    assert (closed["closed_at"], closed["gap_seconds"]) == (START + 80, 39)


def test_reminders_while_it_is_open() -> None:
    warehouse = Warehouse(changed(silence={}))
    warehouse.steady(0, 31, 84)
    assert warehouse.due == 930
    assert warehouse.look(929.9) == []
    (reminder,) = warehouse.look(930)
    assert reminder["message"] == (
        "[Insiden Berlanjut] Gudang G1: Suhu, 15 menit 30 detik, puncak 84.00°C - 2026-11-22 11:44:48"
    )
    assert (reminder["state"], warehouse.due, warehouse.look(931)) == ("reminder", 1830, [])


def test_no_data_makes_it_unknown_once_and_the_next_reading_goes_on() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    assert warehouse.due == 35
    assert warehouse.look(34.9) == []
    assert said(warehouse.look(35.5)) == [
        "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 5 detik (a)",
        "[Insiden Tidak Diketahui] Gudang G1: Suhu, data tidak terkirim sejak 5 detik - 2026-11-22 11:29:53",
    ]
    assert [warehouse.look(at) for at in (36, 40, 100)] == [[], [], []]
    assert said(warehouse.suhu({153: 85})) == [
        "[Sensor Kembali] Gudang G1: suhu terkirim lagi setelah 2 menit 3 detik (a)",
        "[Insiden Berlanjut] Gudang G1: Suhu, 2 menit 33 detik, puncak 84.00°C - 2026-11-22 11:31:51",
    ]
    (closed,) = warehouse.steady(154, 185, 75)
    assert (closed["closed_at"], closed["gap_seconds"]) == (START + 154, 122)


def test_what_is_unknown_is_reminded_of_in_these_words() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    warehouse.look(35)
    assert said(warehouse.look(930)) == [
        "[Insiden Tidak Diketahui] Gudang G1: Suhu, data tidak terkirim sejak 15 menit - 2026-11-22 11:44:48"
    ]
    assert said(warehouse.look(935)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 15 menit 5 detik (a)"]


def test_one_of_several_sensors_is_named() -> None:
    warehouse = Warehouse()
    for second in range(10):
        warehouse.suhu({second: 75}, "a")
        if second < 3:
            warehouse.suhu({second + 0.1: 75}, "b")
    assert warehouse.due == pytest.approx(7.1)
    (silent,) = warehouse.look(9)
    assert silent["message"] == "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik (b)"
    assert silent["incident_id"] == "diam-suhu-G1-b-1795321760100"
    assert (silent["kind"], silent["rule"], silent["sensor_id"], silent["topic"]) == (
        "silence", "diam", "b", SUHU
    )  # fmt: skip
    assert (silent["opened_at"], silent["peak"], silent["coverage"]) == (pytest.approx(START + 2.1), None, None)
    (back,) = warehouse.suhu({12.1: 75}, "b")
    assert (back["state"], back["duration_seconds"]) == ("recovered", pytest.approx(10))


def test_all_sensors_silent_is_one_line_for_the_stream() -> None:
    warehouse = Warehouse()
    for second in range(3):
        for sensor in "abc":
            warehouse.suhu({second + "abc".index(sensor) / 10: 75}, sensor)
    (silent,) = warehouse.look(10)
    assert silent["message"] == "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 7 detik"
    assert silent["incident_id"] == "diam-suhu-G1-semua-1795321760200"
    assert said(warehouse.suhu({20: 75}, "a")) == ["[Sensor Kembali] Gudang G1: suhu terkirim lagi setelah 17 detik"]
    assert warehouse.suhu({20.5: 75}, "b") == []
    warehouse.steady(21, 26, 75, "a")
    assert warehouse.look(24.9) == []
    assert said(warehouse.look(25)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 22 detik (c)"], (
        "the others had their time to come back"
    )


def test_while_all_are_silent_only_that_is_reminded_of() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75, "a")
    warehouse.steady(0, 20, 75, "b")
    assert said(warehouse.look(19)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 17 detik (a)"]
    assert said(warehouse.look(24)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 5 detik"]
    assert said(warehouse.look(2000)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 33 menit 1 detik"]
    assert states(warehouse.suhu({2001: 75}, "a")) == [("diam", "recovered")] * 2


def test_a_name_that_came_once_does_not_make_several_sensors() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75, "a")
    warehouse.suhu({1.5: 75}, "b")
    assert said(warehouse.look(8)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik (a)"]


@pytest.mark.parametrize("sensor", ["a", None])
def test_a_reading_from_before_a_silence_does_not_end_it(sensor: str | None) -> None:
    """After a kill Spark reads the last batch again."""
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75, sensor)
    assert states(warehouse.look(8)) == [("diam", "opened")]
    assert warehouse.take([reading(2, 75, sensor)], 9) == []


def test_readings_without_a_sensors_name_are_silent_together() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75, None)
    (silent,) = warehouse.look(8)
    assert silent["message"] == "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik"
    assert silent["incident_id"] == "diam-suhu-G1-semua-1795321760000"


def test_of_a_name_that_came_once_nobody_says_that_it_is_silent() -> None:
    warehouse = Warehouse()
    warehouse.suhu({0: 75})
    assert warehouse.due == 4 * 3600
    assert warehouse.look(100) == []
    warehouse.take([reading(0, 75)], 101)
    assert warehouse.look(200) == [], "a duplicate is no second reading"
    assert warehouse.look(4 * 3600) == []
    assert warehouse.state is None


def reminders(warehouse: Warehouse, until: float) -> list[float]:
    """Let time pass; return when something was said."""
    found = []
    while warehouse.due is not None and warehouse.due <= until:
        now = warehouse.due
        if warehouse.look(now):
            found.append(now)
    return found


def test_a_silent_sensor_is_reminded_of_ever_more_rarely_and_never_forgotten() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75)
    assert states(warehouse.look(7)) == [("diam", "opened")]
    assert said(warehouse.look(907)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 15 menit 5 detik (a)"]
    days = [round(at / 86_400, 2) for at in reminders(warehouse, 8 * 86_400)]
    assert days == [0.02, 0.04, 0.08, 0.17, 0.34, 0.67, 1.34, 2.34, 3.34, 4.34, 5.34, 6.34, 7.34]
    (back,) = warehouse.suhu({9 * 86_400: 75})
    assert (back["state"], back["closed_at"]) == ("recovered", START + 9 * 86_400)


def test_what_died_while_nobody_looked_is_reported() -> None:
    """The monitor was off for longer than an hour."""
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75)
    assert said(warehouse.look(7200)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 1 jam 59 menit (a)"]


def test_a_sensor_that_took_a_silent_ones_place_carries_its_incident_on() -> None:
    """A container that is made again has another name, and so has a device that was exchanged."""
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    assert ("diam", "opened") in states(warehouse.look(36))
    (replaced, reminded, *_) = warehouse.steady(40, 50, 75, "new")
    assert (replaced["rule"], replaced["state"], replaced["sensor_id"]) == ("diam", "retired", "a")
    assert replaced["message"] == "[Sensor Diganti] Gudang G1: suhu kini dari new, dulu a"
    assert (reminded["rule"], reminded["state"]) == ("suhu_tinggi", "reminder")
    (closed,) = warehouse.steady(50, 80, 75, "new")
    assert (closed["rule"], closed["state"], closed["peak"]) == ("suhu_tinggi", "closed", 84)


def test_a_sensor_that_was_replaced_at_once_is_not_called_silent() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75)
    warehouse.steady(5, 7, 75, "new")
    assert said(warehouse.look(7.5)) == ["[Sensor Diganti] Gudang G1: suhu kini dari new, dulu a"]
    assert warehouse.look(10) == []


def test_in_a_room_of_several_a_new_sensor_takes_nobodys_place() -> None:
    """It may be an additional one, and the silent one is dead."""
    warehouse = Warehouse()
    warehouse.suhu({0: 75, 1: 75}, "a")
    warehouse.suhu({0.5: 75, 1.5: 75}, "b")
    warehouse.steady(3, 30, 75, "new")
    warehouse.look(8)
    warehouse.steady(30, 40, 75, "new")
    told = said(warehouse.records) + said(warehouse.look(40))
    assert sorted(line.split("]")[0] for line in told) == ["[Sensor Diam", "[Sensor Diam"]


def test_an_old_neighbour_takes_no_place() -> None:
    warehouse = Warehouse()
    for at in range(10):
        warehouse.suhu({at: 75}, "b")
        if at < 4:
            warehouse.suhu({at + 0.5: 75}, "a")
    assert said(warehouse.look(10)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik (a)"]


def test_of_a_clock_that_is_found_wrong_the_readings_of_one_batch_are_all_by_kafkas_time() -> None:
    """The first ones, too, which came before anybody could know; not what a gateway had kept from before."""
    behind, begun, warehouse = 7_200, START + 0.0, Warehouse()
    live = [Reading("suhu", "a", 95, at - behind, at, at - behind) for at in (begun + second for second in range(40))]
    kept = [Reading("suhu", "a", 70, begun - 9_000 + n, begun, begun - 9_000 + n) for n in range(20)]
    told = warehouse.take([*kept, *live], 41)
    (opened,) = [record for record in told if record["kind"] == "threshold"]
    assert opened["opened_at"] == begun
    assert [record["kind"] for record in told if record["kind"] != "threshold"] == ["clock"]


def retired(warehouse: Warehouse, now: float, sensor: str | None = None, **fields: Any) -> list[Record]:
    """Let Budi say that nobody waits for a sensor, or for any."""
    action = actions.retirement(
        "G1", stream=None, sensor_id=sensor, by="Budi", reason="dilepas", now=START + now
    )  # fmt: skip
    step = warehouse.life.act("G1", warehouse.state, cast("Action", action | fields), START + now)
    return warehouse.went(step.state, step.due, step.records)


def test_a_persons_word_ends_a_silence_and_an_incident() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    warehouse.look(36)
    incident, silence = retired(warehouse, 7231)
    assert (incident["rule"], incident["state"], incident["closed_at"]) == ("suhu_tinggi", "retired", START + 7231)
    assert incident["message"] == (
        "[Insiden Diakhiri] Gudang G1: Suhu, 2 jam, puncak 84.00°C, oleh Budi: dilepas - 2026-11-22 13:29:49"
    )
    assert silence["message"] == (
        "[Sensor Dilepas] Gudang G1: suhu tidak ditunggu lagi setelah 2 jam (a), oleh Budi: dilepas"
    )
    assert (silence["state"], warehouse.state) == ("retired", None)
    assert states(warehouse.steady(8000, 8031, 84)) == [("suhu_tinggi", "opened")], "a new episode is a new incident"


def test_an_incident_that_another_sensor_holds_open_stays_open() -> None:
    warehouse = Warehouse()
    for at in range(31):
        warehouse.suhu({at: 84}, "a")
        warehouse.suhu({at + 0.5: 86}, "b")
    assert states(retired(warehouse, 31, "a")) == [("diam", "retired")]
    assert states(warehouse.steady(32, 63, 75, "b")) == [("suhu_tinggi", "closed")]


def test_only_one_stream_is_retired() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75)
    assert states(retired(warehouse, 5, stream="kelembaban")) == [("pensiun", "retired")]
    assert states(retired(warehouse, 5, stream="suhu")) == [("diam", "retired")]


def test_a_word_that_ends_nothing_is_answered() -> None:
    warehouse = Warehouse()
    assert said(retired(warehouse, 5)) == ["[Tidak Dikenal] G1: tidak ada sensor yang ditunggu, oleh Budi: dilepas"]
    assert warehouse.state is None


def expected(warehouse: Warehouse, now: float = 0) -> list[Record]:
    records = []
    for action in actions.expected(warehouse.rules, START + now):
        step = warehouse.life.act("G1", warehouse.state, action, START + now)
        records += warehouse.went(step.state, step.due, step.records)
    return records


def test_an_expected_place_is_missed_from_the_first_minute() -> None:
    warehouse = Warehouse(changed(silence={"interval": 1, "expected": ["G1"]}))
    assert expected(warehouse) == []
    assert warehouse.look(59) == []
    assert said(warehouse.look(60)) == ["[Sensor Diam] Gudang G1: suhu belum pernah terkirim sejak 1 menit"]
    assert said(warehouse.look(960)) == ["[Sensor Diam] Gudang G1: suhu belum pernah terkirim sejak 16 menit"]
    assert expected(warehouse, 970) == [], "after a restart it is expected already"
    assert [record["state"] for record in warehouse.suhu({1000: 75})] == ["recovered"]
    warehouse.suhu({1001: 75})
    assert said(warehouse.look(1007)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik (a)"]


def test_an_expected_place_that_nobody_wants_any_more_is_retired() -> None:
    warehouse = Warehouse(changed(silence={"interval": 1, "expected": ["G1"]}))
    expected(warehouse)
    warehouse.look(60)
    assert states(retired(warehouse, 100)) == [("diam", "retired")]
    assert warehouse.state is None


def test_without_silence_nobody_waits() -> None:
    warehouse = Warehouse(changed(silence={}))
    warehouse.steady(0, 31, 84)
    assert warehouse.look(800) == []
    assert states(warehouse.suhu({900: 75, 930: 75})) == [("suhu_tinggi", "closed")]
    assert (warehouse.look(4530), warehouse.state) == ([], None)


def test_without_an_incident_there_is_none() -> None:
    warehouse = Warehouse(changed(incident={}))
    assert warehouse.steady(0, 100, 90) == []


def test_a_rule_that_is_gone_ends_its_incident() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 31, 84)
    other = Warehouse(changed(incident={}))
    other.state = warehouse.state
    (closed,) = other.suhu({31: 84})
    assert (closed["incident_id"], closed["state"]) == ("suhu_tinggi-G1-1795321758000", "closed")
    assert closed["message"] == "[Insiden Selesai] G1: aturan suhu_tinggi tidak ada lagi - 2026-11-22 11:29:48"


def test_a_silence_that_nobody_waits_for_any_more_ends() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 3, 75)
    warehouse.look(10)
    other = Warehouse(changed(silence={}))
    other.state = warehouse.state
    assert states(other.suhu({31: 75})) == [("diam", "retired")]


def test_streams_do_not_mix() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 20, 84)
    warehouse.take([Reading("kelembaban", "a", 10.0, START + 20.5, START + 20.5)], 20.5)
    assert states(warehouse.steady(21, 31, 84)) == [("suhu_tinggi", "opened")]


def test_the_state_is_text_and_holds_all() -> None:
    """The Spark side keeps it; between any two readings it may be another process."""
    warehouse = Warehouse()
    warehouse.steady(0, 50, 84.3)
    assert json.loads(warehouse.state or "")["limits"].keys() == {"suhu_tinggi"}
    at_once = Warehouse()
    at_once.take([reading(second, 84.3) for second in range(50)], 30)
    assert at_once.state == warehouse.state


def test_many_sensors_of_an_entity_are_bounded() -> None:
    warehouse = Warehouse()
    (crowded,) = warehouse.take([reading(number / 1000, 75, f"s{number}") for number in range(5000)], 5)
    assert crowded["message"] == (
        "[Sensor Terlalu Banyak] Gudang G1: sensor suhu lebih dari 100, selebihnya dinilai bersama"
    )
    assert len(json.loads(warehouse.state or "")["streams"]["suhu"][3]) == 101
    retired(warehouse, 6, "s1")
    assert warehouse.suhu({7: 75}, "s0") == [], "one makes room, the other 4,900 still come"
    retired(warehouse, 8, "s2")
    (apart,) = [record for record in warehouse.suhu({9: 75}, "s0") if record["rule"] == "penuh"]
    assert apart["message"] == "[Sensor Terpisah] Gudang G1: semua sensor suhu dinilai sendiri lagi"
    assert apart["incident_id"] == crowded["incident_id"]


QUICK = changed({"on_delay": 2, "off_delay": 2, "deadband": 1})
VALUES = st.lists(st.sampled_from([75.0, 79.0, 79.5, 80.0, 80.5, 85.0]), min_size=1, max_size=200)


@given(VALUES, st.data())
def test_out_of_order_and_repeated_readings_change_nothing(values: list[float], data: st.DataObject) -> None:
    """Behind what is known already, whatever their values are."""
    plain, disturbed = Warehouse(QUICK), Warehouse(QUICK)
    for at, value in enumerate(values):
        plain.suhu({at: value})
        disturbed.suhu({at: value})
        for back in data.draw(st.lists(st.integers(0, at), max_size=2)):
            other = data.draw(st.sampled_from([60.0, 95.0, values[back]]))
            assert disturbed.take([reading(back, other, received=at)], at) == []
    assert disturbed.records == plain.records
    limits = [json.loads(each.state or "")["limits"] for each in (plain, disturbed)]
    assert limits[0] == limits[1]


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(values: list[float], randomness: Any) -> None:
    plain, shuffled = Warehouse(QUICK), Warehouse(QUICK)
    readings = [reading(at, value) for at, value in enumerate(values)]
    plain.take(readings, 500)
    randomness.shuffle(readings)
    shuffled.take(readings, 500)
    assert (shuffled.records, shuffled.state) == (plain.records, plain.state)


@given(VALUES, st.lists(st.integers(1, 400), max_size=20))
def test_no_data_never_closes(values: list[float], pauses: list[int]) -> None:
    warehouse = Warehouse(QUICK)
    for at, value in enumerate([90.0] * 40 + values):
        warehouse.suhu({at: value})
    opened, closed = (states(warehouse.records).count(("suhu_tinggi", state)) for state in ("opened", "closed"))
    now = 40.0 + len(values)
    for pause in pauses:
        now += pause
        assert "closed" not in [state for rule, state in states(warehouse.look(now)) if rule != "diam"]
    assert opened == closed or "suhu_tinggi" in json.loads(warehouse.state or "")["limits"]


@given(VALUES, st.lists(st.floats(0.1, 100), max_size=200))
def test_each_incident_opens_once_and_closes_once(values: list[float], steps: list[float]) -> None:
    warehouse = Warehouse(QUICK)
    now = 0.0
    for value, step in zip(values, [*steps, *[1.0] * len(values)], strict=False):
        now += step
        warehouse.suhu({now: value})
        while warehouse.due is not None and warehouse.due <= now + step / 2:
            due = warehouse.due
            warehouse.look(max(due, now))
            assert warehouse.due is None or warehouse.due > due, "what is due must be done by looking"
    by_id: dict[str, list[str]] = {}
    for record in warehouse.records:
        by_id.setdefault(record["incident_id"], []).append(record["state"])
    for life in by_id.values():
        assert life[0] == "opened"
        assert life.count("opened") == 1
        assert "closed" not in life[:-1]


@pytest.mark.parametrize("value", [-273.15, -300.0, 1e308])
def test_a_figure_that_cannot_be_computed_is_null_in_the_record_and_left_out_of_the_line(value: float) -> None:
    warehouse = Warehouse(changed(above=None, below=0) if value < 0 else SHIPPED)
    warehouse.steady(0, 60, value)
    (opened,) = (record for record in warehouse.records if record["state"] == "opened")
    assert (opened["mkt"], opened["peak"], opened["readings"]) == (None, value, 31)
    warehouse.steady(60, 100, 50)
    (closed,) = (record for record in warehouse.records if record["state"] == "closed")
    assert closed["mkt"] is None
    assert closed["message"].startswith("[Insiden Selesai] Gudang G1: Suhu, 1 menit, puncak ")
    assert "MKT" not in closed["message"]
    for record in warehouse.records:
        assert json.loads(to_json(record), parse_constant=pytest.fail) == record


@pytest.mark.parametrize(("before", "after"), [("°F", "°C"), ("°C", "°F")])
def test_a_unit_that_is_corrected_while_an_incident_is_open_costs_only_a_figure(before: str, after: str) -> None:
    def rules(unit: str) -> Rules:
        suhu = SHIPPED.streams["suhu"].model_copy(update={"unit": unit})
        return Rules(streams={**SHIPPED.streams, "suhu": suhu}, alerts={"suhu_tinggi": SHIPPED.alerts["suhu_tinggi"]})

    warehouse = Warehouse(rules(before))
    warehouse.steady(0, 40, 84)
    warehouse.life = LifeCycle(rules(after), "Asia/Jakarta")
    warehouse.steady(40, 100, 75)
    assert [(record["state"], record["mkt"]) for record in warehouse.records if record["state"] == "closed"] == [
        ("closed", None)
    ]
    assert warehouse.records[-1]["message"].endswith(f"Suhu, 40 detik, puncak 84.00{after} - 2026-11-22 11:29:58")


def test_times_that_no_calendar_has_end_nothing() -> None:
    life, far = LifeCycle(SHIPPED, "Asia/Jakarta"), 253_402_300_800.0
    readings = [Reading("suhu", "a", 84.0, far + second, START) for second in range(40)]
    step = life.read("G1", None, readings, START)
    assert said(step.records) == ["[Insiden Dibuka] Gudang G1: Suhu 84.00°C > 80"]
    later = life.pass_time("G1", step.state, START + 1000)
    assert [record["state"] for record in later.records] == ["opened", "unknown", "reminder"]
    assert step.records[0]["opened_at"] == far


@pytest.mark.parametrize(
    "state", ["", "{", "[]", "{}", "5", "null", '{"streams": {"suhu": 5}, "rules": {}}', "[" * 9000]
)
def test_a_state_that_is_none_is_told_apart_before_a_reading_is_taken(state: str) -> None:
    life, readings = LifeCycle(SHIPPED, "Asia/Jakarta"), iter([reading(0, 84)])
    with pytest.raises(StateError):
        life.read("G1", state, readings, START)
    assert next(readings) == reading(0, 84)
    with pytest.raises(StateError):
        life.pass_time("G1", state, START)


def room(*sensors: tuple[str, float, float], until: int, step: float = 1.0, begin: int = 0) -> list[Reading]:
    """Return what a room's sensors send, each as name, value and how far its clock is behind."""
    count = round((until - begin) / step)
    return [
        reading(begin + number * step - behind, value, name, received=begin + number * step)
        for number in range(count)
        for name, value, behind in sensors
    ]


def fed(warehouse: Warehouse, readings: Iterable[Reading]) -> list[Record]:
    """Take readings one by one, as Kafka got them, and look in between."""
    found: list[Record] = []
    for each in sorted(readings, key=lambda one: one.received_at):
        now = each.received_at - START
        while warehouse.due is not None and warehouse.due <= now:
            found += warehouse.look(warehouse.due)
        found += warehouse.take([each], now)
    return found


@pytest.mark.parametrize("behind", [0, 0.5, 2])
def test_one_hot_sensor_of_three_opens_the_rooms_incident(behind: float) -> None:
    """Readings of the same second, and a sensor whose clock is behind, count, too."""
    warehouse = Warehouse()
    (opened,) = fed(warehouse, room(("cool", 25, 0), ("hot", 95, behind), ("mild", 26, 0.1), until=32))
    assert (opened["state"], opened["sensors"], opened["mean"]) == ("opened", ["hot"], 95)


def test_a_room_has_one_incident_which_names_its_sensors_and_shows_the_worst() -> None:
    warehouse = Warehouse()
    found = fed(warehouse, room(("a", 84, 0), ("b", 91, 0), until=40))
    found += fed(warehouse, room(("a", 75, 0), ("b", 91, 0), begin=40, until=80))
    assert states(found) == [("suhu_tinggi", "opened")], "b is still too hot"
    (closed,) = fed(warehouse, room(("a", 75, 0), ("b", 75, 0), begin=80, until=112))
    assert (closed["sensors"], closed["peak"], closed["closed_at"]) == (["a", "b"], 91, START + 80)
    assert closed["duration_seconds"] == 80


def test_a_hot_sensor_that_falls_silent_lets_no_cool_one_close_the_incident() -> None:
    warehouse = Warehouse()
    fed(warehouse, room(("hot", 95, 0), ("cool", 25, 0), until=40))
    found = fed(warehouse, room(("cool", 25, 0), begin=40, until=200))
    assert states(found) == [("diam", "opened"), ("suhu_tinggi", "unknown")]
    (resumed, back) = fed(warehouse, [reading(200, 95, "hot")])[::-1]
    assert (resumed["state"], back["rule"]) == ("reminder", "diam")


@pytest.mark.parametrize("interval", [5, 60, 600, 3600])
def test_a_slow_sensor_opens_and_closes_and_is_not_called_silent(interval: int) -> None:
    warehouse = Warehouse()
    hot, cool = ([reading(at, value) for at in times] for value, times in (
        (95.0, range(0, 10 * interval, interval)), (25.0, range(10 * interval, 20 * interval, interval)),
    ))  # fmt: skip
    found = [record["state"] for record in fed(warehouse, hot + cool) if record["state"] != "reminder"]
    assert found == ["opened", "closed"]
    # Its silence is measured by its own interval.
    (silent,) = [record for record in warehouse.look(19 * interval + max(5, 3 * interval)) if record["rule"] == "diam"]
    assert silent["state"] == "opened"


def test_a_repeated_reading_is_no_sign_of_life() -> None:
    warehouse = Warehouse()
    warehouse.steady(0, 10, 25)
    (silent,) = fed(warehouse, [reading(9, 25, received=at) for at in range(10, 60)])
    assert silent["message"] == "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 5 detik (a)"


def test_the_state_of_the_version_before_is_carried_on() -> None:
    """Streams: newest, seen, back at, silence, sensors. Rules: excursion, said, cleared, unknown. Sensors were one."""
    excursion = [START, START + 30, 84.0, 85.0, 31, 30.0, 2520.0, 120.0, 1e-11, 0.0]
    before = {
        "streams": {"suhu": [START + 30, START + 30, 0.0, None, {"a": [START + 30, START + 30, True, None]}]},
        "rules": {"suhu_tinggi": [excursion, START + 30, None, False]},
    }
    warehouse = Warehouse()
    warehouse.state = json.dumps(before)
    (closed,) = warehouse.steady(31, 62, 75)
    assert (closed["incident_id"], closed["state"], closed["peak"]) == (
        "suhu_tinggi-G1-1795321758000", "closed", 85,
    )  # fmt: skip


def test_readings_without_a_name_take_no_sensors_place() -> None:
    warehouse = Warehouse()
    fed(warehouse, [*room(("a", 95, 0), until=40), *[reading(at, 84, None) for at in range(40)]])
    fed(warehouse, [reading(at, 84, None) for at in range(40, 4000)])
    found = fed(warehouse, [reading(at, 75, None) for at in range(4000, 4031)])
    assert [each["state"] for each in found if each["kind"] == "threshold"] == []
    assert [(each["rule"], each["state"]) for each in retired(warehouse, 4031, "a")] == [
        ("suhu_tinggi", "retired"), ("diam", "retired")
    ]  # fmt: skip


def test_a_forgotten_sensors_part_is_carried_on_beside_readings_without_a_name() -> None:
    """Without a rule of silence nobody waits for a sensor."""
    warehouse = Warehouse(changed(silence={}))
    fed(warehouse, [*room(("a", 95, 0), until=40), *[reading(at, 84, None) for at in range(40)]])
    fed(warehouse, [reading(at, 84, None) for at in range(40, 4000)])
    found = fed(warehouse, [reading(at, 75, None) for at in range(4000, 4031)])
    assert [(each["state"], each["peak"]) for each in found if each["kind"] == "threshold"] == [("closed", 95)]


@pytest.mark.parametrize("slow", ["G1", "a"])
def test_the_rules_may_give_a_place_or_a_sensor_its_interval(slow: str) -> None:
    warehouse = Warehouse(changed(silence={"interval": 1, "intervals": {slow: 60}}))
    warehouse.suhu({0: 75, 1: 75})
    assert warehouse.look(180) == [], "three of its intervals"
    assert said(warehouse.look(181)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 3 menit (a)"]


def test_kafkas_clock_that_is_set_back_makes_nobody_blind() -> None:
    """An hour back: what Kafka stamped before lies in the future."""
    warehouse = Warehouse()
    warehouse.steady(3600, 3610, 75)
    assert warehouse.look(5) == [], "it is silent from here on"
    assert said(warehouse.look(11)) == ["[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 6 detik (a)"]


def test_a_silence_from_before_kafkas_clock_was_set_back_ends_and_is_reminded_of() -> None:
    warehouse = Warehouse()
    warehouse.steady(3600, 3610, 75)
    opened = warehouse.look(3616)
    assert states(opened) == [("diam", "opened")]
    assert warehouse.look(20) == []
    assert states(warehouse.look(4000)) == [("diam", "reminder")]
    (back,) = warehouse.take([reading(30, 75)], 30)
    assert (back["state"], back["incident_id"]) == ("recovered", opened[0]["incident_id"])


BEFORE_CLOCKS = (
    '{"streams":{"suhu":[1795321807.01,0.0,null,{"a":[1795321807.0,85.0,1795321807.01,true,'
    '[1795321807.01,1795321818.0],[0,0,0,0,0]]}]},"limits":{"suhu_tinggi":[1795321758.0,1795321788.0,true,'
    '{"a":[[1795321758.0,1795321807.0,85.0,85.0,50,49.0,4165.0,245.0,3.6e-11,0.0],null,true]}]}}'
)
"""What was kept before sensors had clocks, gaps and faults: an open incident, unknown, of a silent sensor."""


def test_a_state_from_before_sensors_had_clocks_is_carried_on_with() -> None:
    warehouse = Warehouse()
    warehouse.state = BEFORE_CLOCKS
    told = warehouse.steady(61, 92, 75)
    assert states(told) == [("diam", "recovered"), ("suhu_tinggi", "reminder"), ("suhu_tinggi", "closed")]
    assert {record["incident_id"] for record in told} == {
        "diam-suhu-G1-a-1795321807010", "suhu_tinggi-G1-1795321758000"
    }  # fmt: skip


def test_of_a_sensor_from_before_nobody_knows_for_how_long_its_value_is_the_same() -> None:
    """What has shown the same value on both sides of an upgrade is not stuck since 1970."""
    warehouse = Warehouse()
    warehouse.state = BEFORE_CLOCKS
    assert "macet" not in {rule for rule, _ in states(warehouse.steady(50, 92, 85))}
