"""What the operator reads, to the letter, and when."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules import file as rules_file
from spark_monitor.console.display import CATCHING_UP_SECONDS, Display

RULES = rules_file.load(Path(__file__).parents[4] / "services/spark-monitor/rules.yaml")
NOW = 1_763_785_000.0
BLOCK = """\
[Status Gabungan] Gudang G1:
- Suhu: 84.31°C
- Kelembaban: 72.18%
- Status: Bahaya tinggi! Barang berisiko rusak
------------------------------"""


def alert(entity: str = "G1", rule: str = "suhu_tinggi", text: object = "84.31", partition: int = 0) -> dict[str, Any]:
    """Return an alert as it is in its topic."""
    stream = RULES.alerts[rule].stream
    return {
        "alert_id": f"sensor-{stream}-gudang-{partition}-1-{rule}",
        "rule": rule,
        "stream": stream,
        "entity_id": entity,
        "event_time": NOW,
        "received_at": NOW,
        "message": RULES.alerts[rule].message.format(
            entity=entity,
            value=text,
            unit=RULES.streams[stream].unit,
            keterangan=RULES.alerts[rule].keterangan,
            time="2026-11-22 11:29:18",
        ),
    }


def status(
    suhu: float | None = 75.0, kelembaban: float | None = 65.0, *, stream: str = "suhu", **others: Any
) -> dict[str, Any]:
    """Return the status for a reading of `stream`, as it is in its topic."""
    values = {"suhu": suhu, "kelembaban": kelembaban}
    rule = RULES.statuses["gudang"]
    raised = {
        name
        for name, alert in RULES.alerts_in(rule).items()
        for value in [values[alert.stream]]
        if value and value > alert.threshold
    }
    complete = None not in values.values()
    (text,) = (each.text for each in rule.texts if each.alerts == raised)
    missing = " dan ".join(name for name, value in values.items() if value is None)
    return {
        "status_id": f"sensor-{stream}-gudang-0-1-gudang",
        "rule": "gudang",
        "entity_id": "G1",
        **values,
        "status": text if complete else f"Data tidak lengkap ({missing} terakhir 43 detik lalu)",
        "event_time": NOW,
        "complete": complete,
        "stream": stream,
        "alerts": sorted(raised & RULES.alerts_of(stream).keys()),
        "received_at": NOW,
        **others,
    }


HIGH, NORMAL = 85.0, 75.0


def test_an_alert_is_its_message() -> None:
    display = Display(RULES, "all")
    assert display.alert(alert(), 1) == ["[Peringatan Suhu Tinggi] Gudang G1: Suhu 84.31°C - 2026-11-22 11:29:18"]
    assert display.alert(alert(rule="kelembaban_tinggi", text="72.18"), 1) == [
        "[Peringatan Kelembaban Tinggi] Gudang G1: Kelembaban 72.18% - 2026-11-22 11:29:18"
    ]


@pytest.mark.parametrize("mode", ["all", "changes"])
def test_a_status_is_a_block_of_five_lines(mode: Any) -> None:
    assert Display(RULES, mode).status(status(84.31, 72.18), 1, NOW) == BLOCK.splitlines()


def test_values_have_two_decimals() -> None:
    lines = Display(RULES, "all").status(status(80, 60.5), 1, NOW)
    assert lines[1:3] == ["- Suhu: 80.00°C", "- Kelembaban: 60.50%"]


@pytest.mark.parametrize(
    ("suhu", "kelembaban", "lines"),
    [(84.31, None, ["- Suhu: 84.31°C", "- Kelembaban: -"]), (None, 72.18, ["- Suhu: -", "- Kelembaban: 72.18%"])],
)
def test_a_side_that_is_missing_is_a_dash(suhu: float | None, kelembaban: float | None, lines: list[str]) -> None:
    shown = Display(RULES, "all").status(status(suhu, kelembaban), 1, NOW)
    name = "suhu" if suhu is None else "kelembaban"
    assert shown == [
        "[Status Gabungan] Gudang G1:",
        *lines,
        f"- Status: Data tidak lengkap ({name} terakhir 43 detik lalu)",
        "------------------------------",
    ]


def test_zero_is_a_value() -> None:
    assert Display(RULES, "all").status(status(0.0, 0.0), 1, NOW)[1:3] == ["- Suhu: 0.00°C", "- Kelembaban: 0.00%"]


def test_all_shows_every_alert_and_status() -> None:
    display = Display(RULES, "all")
    assert [len(display.alert(alert(text=number), number)) for number in range(3)] == [1, 1, 1]
    shown = [display.status(status(HIGH, event_time=NOW + number), number, NOW + number) for number in range(3)]
    assert [len(lines) for lines in shown] == [5, 5, 5]


@pytest.mark.parametrize("mode", ["all", "changes"])
def test_a_status_never_goes_back_in_event_time(mode: Any) -> None:
    display = Display(RULES, mode)
    assert display.status(status(HIGH, event_time=NOW), 5, NOW)
    assert display.status(status(NORMAL, event_time=NOW - 0.001), 6, NOW) == []
    assert display.status(status(NORMAL, event_time=NOW - 0.001, entity_id="G2"), 6, NOW)
    assert display.status(status(NORMAL, event_time=NOW), 7, NOW)


# --- While the monitor catches up with a backlog


def old(age: float = CATCHING_UP_SECONDS + 1, **others: Any) -> dict[str, Any]:
    """Return an incomplete status of a reading that Kafka received `age` seconds ago."""
    return status(HIGH, None, received_at=NOW - age, event_time=NOW - age, **others)


@pytest.mark.parametrize("mode", ["all", "changes"])
def test_an_old_incomplete_status_is_not_shown_at_once(mode: Any) -> None:
    """The other topic's backlog may only not be read yet."""
    display = Display(RULES, mode)
    assert display.status(old(), 1, NOW) == []
    assert display.due(NOW) == []


def test_a_fresh_incomplete_status_is_shown_at_once() -> None:
    display = Display(RULES, "all")
    assert len(display.status(old(age=CATCHING_UP_SECONDS), 1, NOW)) == 5
    assert display.due(NOW + 100) == []


def test_an_old_complete_status_is_shown_at_once() -> None:
    assert Display(RULES, "all").status(status(received_at=NOW - 3600), 1, NOW)


def test_what_is_held_back_is_shown_once_if_nothing_newer_comes() -> None:
    display = Display(RULES, "all")
    display.status(old(), 1, NOW)
    display.status(old(entity_id="G2"), 2, NOW)
    assert display.due(NOW + CATCHING_UP_SECONDS - 0.1) == []
    shown = display.due(NOW + CATCHING_UP_SECONDS)
    assert [line for line in shown if line.startswith("[")] == [
        "[Status Gabungan] Gudang G1:",
        "[Status Gabungan] Gudang G2:",
    ]
    assert display.due(NOW + 100) == []


@pytest.mark.parametrize("event_time", [NOW, NOW - CATCHING_UP_SECONDS - 1])
def test_what_is_held_back_makes_room_for_what_is_newer(event_time: float) -> None:
    """The other side's reading of the same time came: that is complete."""
    display = Display(RULES, "all")
    display.status(old(), 1, NOW)
    assert len(display.status(status(HIGH, 75.0, event_time=event_time), 2, NOW)) == 5
    assert display.due(NOW + 100) == []


def test_what_is_held_back_is_not_replaced_by_what_is_older() -> None:
    display = Display(RULES, "all")
    display.status(status(HIGH, None, event_time=NOW - 60, received_at=NOW - 60), 2, NOW)
    display.status(status(None, 75.0, stream="kelembaban", event_time=NOW - 90, received_at=NOW - 90), 1, NOW)
    assert display.due(NOW + CATCHING_UP_SECONDS)[1:3] == ["- Suhu: 85.00°C", "- Kelembaban: -"]


def test_another_warehouse_s_status_takes_nothing_s_place() -> None:
    display = Display(RULES, "all")
    display.status(old(), 1, NOW)
    display.status(status(entity_id="G2"), 2, NOW)
    assert len(display.due(NOW + CATCHING_UP_SECONDS)) == 5


# --- Only changes: statuses


def shown_statuses(*statuses: dict[str, Any]) -> list[bool]:
    """Return for each of some statuses, one a second, whether it is shown."""
    display = Display(RULES, "changes")
    return [
        bool(display.status(each | {"event_time": NOW + number, "received_at": NOW + number}, number, NOW + number))
        for number, each in enumerate(statuses)
    ]


def test_a_status_is_shown_when_its_words_change() -> None:
    assert shown_statuses(status(75, 65), status(76, 66), status(81, 66), status(82, 66), status(75, 65)) == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_an_incomplete_status_is_shown_once_however_old_the_other_side_gets() -> None:
    first, second = status(75, None), status(75, None)
    second["status"] = second["status"].replace("43", "44")
    assert shown_statuses(status(75, 65), first, second, status(75, 65)) == [True, True, False, True]


def test_the_other_side_missing_is_a_change() -> None:
    assert shown_statuses(status(75, None), status(None, 65)) == [True, True]


def test_each_warehouse_has_a_state_of_its_own() -> None:
    assert shown_statuses(status(), status(entity_id="G2"), status(), status(entity_id="G2")) == [
        True,
        True,
        False,
        False,
    ]


# --- Only changes: alerts. An alert may overtake the status of the reading before it, and a status an alert.


class Operator:
    """Reads the alerts' lines of one warehouse; the readings' offsets are their values."""

    def __init__(self) -> None:
        self._display = Display(RULES, "changes")
        self.lines: list[str] = []

    def alert(self, offset: int) -> None:
        """Let the alert of the reading at `offset` arrive."""
        self._read(self._display.alert(alert(text=offset), offset))

    def status(self, offset: int, *, high: bool) -> None:
        """Let the status of the reading at `offset` arrive."""
        record = status(HIGH if high else NORMAL, event_time=NOW + offset, received_at=NOW)
        self._read(self._display.status(record, offset, NOW))

    def _read(self, lines: list[str]) -> None:
        self.lines += [line.split(": Suhu ")[1].split("°C")[0] for line in lines if line.startswith("[Peringatan")]


@pytest.fixture
def operator() -> Operator:
    return Operator()


def test_an_episode_s_first_alert_is_shown(operator: Operator) -> None:
    for offset, high in enumerate([True, True, False, True, True]):
        if high:
            operator.alert(offset)
        operator.status(offset, high=high)
    assert operator.lines == ["0", "3"]


def test_an_alert_that_overtakes_the_status_before_it_is_shown(operator: Operator) -> None:
    """Readings: 0 high, 1 normal, 2 high; the last one's alert comes before the status that ends the first episode."""
    operator.alert(0)
    operator.status(0, high=True)
    operator.alert(2)
    assert operator.lines == ["0"]
    operator.status(1, high=False)
    assert operator.lines == ["0", "2"]
    operator.status(2, high=True)
    operator.alert(3)
    operator.status(3, high=True)
    assert operator.lines == ["0", "2"]


def test_a_status_that_comes_in_order_ends_the_episode(operator: Operator) -> None:
    operator.alert(0)
    operator.status(0, high=True)
    operator.status(1, high=False)
    assert operator.lines == ["0"]
    operator.alert(2)
    assert operator.lines == ["0", "2"]


def test_a_status_that_overtakes_the_alert_before_it_ends_the_episode(operator: Operator) -> None:
    """Readings: 0 high, 1 normal, 2 high; both statuses come before the first alert."""
    operator.status(0, high=True)
    operator.status(1, high=False)
    operator.alert(0)
    operator.alert(2)
    assert operator.lines == ["0", "2"]


def test_a_late_alert_of_an_ended_episode_is_not_shown(operator: Operator) -> None:
    """Readings: 0 and 1 high, 2 normal; the end comes before the second alert."""
    operator.alert(0)
    operator.status(0, high=True)
    operator.status(1, high=True)
    operator.status(2, high=False)
    operator.alert(1)
    assert operator.lines == ["0"]


def test_an_earlier_status_does_not_end_a_later_episode(operator: Operator) -> None:
    operator.alert(5)
    operator.status(4, high=False)
    operator.alert(6)
    assert operator.lines == ["5"]


def test_the_status_of_the_other_side_ends_no_episode() -> None:
    display = Display(RULES, "changes")
    assert display.alert(alert(), 1)
    display.status(status(HIGH, 65.0, stream="kelembaban"), 2, NOW)
    assert display.alert(alert(), 3) == []


def test_each_rule_and_warehouse_has_episodes_of_its_own() -> None:
    display = Display(RULES, "changes")
    alerts = [alert(), alert(entity="G2"), alert(rule="kelembaban_tinggi")]
    assert [len(display.alert(each, 1)) for each in alerts] == [1, 1, 1]
    assert [len(display.alert(each, 2)) for each in alerts] == [0, 0, 0]


def test_a_warehouse_that_moves_to_another_partition_is_heard() -> None:
    """More partitions were made; offsets start at 0 there, and say nothing about those of the old one."""
    display = Display(RULES, "changes")
    assert display.alert(alert(), 1000)
    display.status(status(NORMAL), 1001, NOW)
    assert display.alert(alert(partition=1), 1)
    display.status(status(NORMAL, status_id="sensor-suhu-gudang-1-2-gudang"), 2, NOW)
    assert display.alert(alert(partition=1), 3)
    assert display.alert(alert(partition=1), 4) == []


def test_an_alert_on_a_stream_without_a_status_is_always_shown() -> None:
    """Nothing says when a machine is well again, so its second alarm must not pass for a part of the first."""
    display = Display(RULES, "changes")
    alerts = [alert(entity="S1", rule="suhu_mesin_tinggi", text=degrees) for degrees in (91, 92)]
    assert [display.alert(each, offset) for offset, each in enumerate(alerts)] == [
        [f"[Peringatan Suhu Mesin] Sensor S1: Suhu {degrees}°C - Suhu terlalu tinggi - 2026-11-22 11:29:18"]
        for degrees in (91, 92)
    ]


def test_a_status_that_is_not_shown_ends_the_episode_all_the_same() -> None:
    display = Display(RULES, "changes")
    display.status(status(HIGH, event_time=NOW + 50), 0, NOW)
    display.alert(alert(), 1)
    assert display.status(status(NORMAL), 2, NOW) == []
    assert display.alert(alert(), 3)


def arrivals(alerts: list[int], statuses: list[int], ahead: int) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield all orders in which they may arrive: each topic in its order, none more than `ahead` readings ahead."""
    for places in itertools.combinations(range(len(alerts) + len(statuses)), len(alerts)):
        of_alerts, of_statuses = iter(alerts), iter(statuses)
        order = tuple(
            ("alert", next(of_alerts)) if place in places else ("status", next(of_statuses))
            for place in range(len(alerts) + len(statuses))
        )
        if all(
            number <= other + ahead
            for place, (kind, number) in enumerate(order)
            for other_kind, other in order[place + 1 :]
            if kind != other_kind
        ):
            yield order


def episodes(readings: tuple[bool, ...]) -> list[set[str]]:
    """Return the runs of high readings, by their offsets."""
    runs = itertools.groupby(enumerate(readings), key=lambda each: each[1])
    return [{str(offset) for offset, _ in run} for high, run in runs if high]


@pytest.mark.parametrize("ahead", [0, 1, 2, 6])
def test_in_any_order_of_arrival_no_alarm_is_missed_or_repeated(ahead: int) -> None:
    """All series of six readings in all orders. One line an episode; far apart, past episodes may share a line.

    Whatever the order, an episode that still lasts has its line.
    """
    for readings in itertools.product([False, True], repeat=6):
        expected = episodes(readings)
        for order in arrivals([offset for offset, high in enumerate(readings) if high], list(range(6)), ahead):
            operator = Operator()
            for kind, offset in order:
                if kind == "alert":
                    operator.alert(offset)
                else:
                    operator.status(offset, high=readings[offset])
            of = [number for line in operator.lines for number, episode in enumerate(expected) if line in episode]
            case = f"{readings}, {order}: {operator.lines}"
            assert len(of) == len(operator.lines), case
            assert len(set(of)) == len(of), case
            if readings[-1]:
                assert of[-1] == len(expected) - 1, case
            if ahead <= 2:
                assert of == list(range(len(expected))), case


def test_a_repeated_status_that_pairs_anew_is_shown_and_no_other() -> None:
    """After a restart the topics may be read in another order: the old reading completes the pair of the new one."""
    display = Display(RULES, "all")
    lone = status(suhu=None)
    assert display.status(lone, 1, NOW)
    assert not display.status(lone, 1, NOW, is_repeated=True)
    pair = status(suhu=85.0)
    assert display.status(pair, 1, NOW, is_repeated=True)
    assert not display.status(pair, 1, NOW, is_repeated=True)


def test_while_a_backlog_is_expected_even_fresh_incomplete_statuses_wait() -> None:
    display = Display(RULES, "all")
    display.expect_backlog(NOW)
    assert not display.status(status(suhu=None), 1, NOW + 1)
    assert display.due(NOW + 1 + CATCHING_UP_SECONDS)


def test_a_status_of_rules_that_are_gone_is_not_shown() -> None:
    display = Display(RULES, "all")
    assert not display.status(status(rule="lama"), 1, NOW)


def test_with_incidents_neither_alerts_nor_statuses_are_shown() -> None:
    display = Display(RULES, "incidents")
    assert display.alert(alert(), 1) == []
    assert display.status(status(84.31, 72.18), 1, NOW) == []
    assert display.status(status(84.31, None, complete=False), 2, NOW) == []
    assert display.due(NOW + 100) == []
