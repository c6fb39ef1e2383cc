"""Positions, boundaries and deduplication, without Kafka."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from messages.records import Alert, Incident
from messages.topics import ALERTS, INCIDENTS
from spark_monitor.results.listener import Listener, Record, Result
from spark_monitor.results.tail import Tail

PARTITION = (ALERTS, 0)


class Heard(Listener):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.alerts: list[tuple[int, bool, bool]] = []
        self.incidents: list[tuple[str, bool]] = []
        self.bad: list[str] = []
        self.raises: Exception | None = None

    def on_alert(self, alert: Alert, result: Result) -> None:
        """Note which reading's it is, and how it stands to the others."""
        if self.raises:
            raise self.raises
        self.alerts.append((result.source_offset, result.is_new, result.is_repeated))
        assert alert["alert_id"].startswith(result.source)

    def on_incident(self, incident: Incident, result: Result) -> None:
        """Note its state."""
        self.incidents.append((incident["state"], result.is_repeated))

    def on_bad_record(self, topic: str, place: str, cause: str) -> None:
        """Note it in one text."""
        self.bad.append(f"{topic} {place} {cause}")


def alert(offset: int, reading: int) -> Record:
    value = {
        "alert_id": f"sensor-suhu-gudang-0-{reading}-suhu_tinggi", "rule": "suhu_tinggi", "stream": "suhu",
        "entity_id": "G1", "received_at": 1.0, "message": "x",
    }  # fmt: skip
    return Record(PARTITION, offset, json.dumps(value).encode(), time.time(), None)


def incident(offset: int, state: str, emitted_at: float) -> Record:
    value = {
        "incident_id": "suhu_tinggi-G1-1", "state": state, "entity_id": "G1", "rule": "suhu_tinggi", "opened_at": 1.0,
        "emitted_at": emitted_at, "message": "x",
    }  # fmt: skip
    return Record((INCIDENTS, 0), offset, json.dumps(value).encode(), time.time(), None)


def tail(folder: Path, *listeners: Listener, **may_repeat: Any) -> Tail:
    return Tail(listeners, may_repeat, ("suhu", "kelembaban"), folder)


def test_a_result_that_spark_repeats_is_repeated_and_new(tmp_path: Path) -> None:
    heard = Heard()
    reading = tail(tmp_path, heard)
    assert reading.begin(PARTITION, -1001, None, 0, 0) == 0
    for offset, of in enumerate([7, 8, 7]):
        reading.take(alert(offset, of))
    assert heard.alerts == [(7, True, False), (8, True, False), (7, True, True)]


def test_a_restart_reads_back_from_the_last_boundary_but_one_and_tells_nothing_again(tmp_path: Path) -> None:
    first = tail(tmp_path, Heard())
    first.begin(PARTITION, -1001, None, 0, 0)
    for boundary in 2, 4:
        first.boundary({ALERTS: {"0": boundary}})
    for offset in range(6):
        first.take(alert(offset, offset))
        first.step()
    ((partition, committed, read_back_from),) = first.uncommitted()
    assert (partition, committed, read_back_from) == (PARTITION, 6, 2)
    assert not first.has_uncommitted
    heard = Heard()
    again = tail(tmp_path, heard)
    assert again.begin(PARTITION, committed, str(read_back_from), 0, 6) == 2
    for offset in range(2, 6):
        again.take(alert(offset, offset))
    again.take(alert(6, 5))
    again.take(alert(7, 6))
    assert heard.alerts == [
        *((offset, False, False) for offset in range(2, 6)), (5, True, True), (6, True, False)
    ]  # fmt: skip


def test_the_file_knows_more_than_kafka(tmp_path: Path) -> None:
    """A kill loses the commit, not what was noted on disk."""
    first = tail(tmp_path, Heard())
    first.begin(PARTITION, -1001, None, 0, 0)
    first.take(alert(0, 0))
    heard = Heard()
    again = tail(tmp_path, heard)
    assert again.begin(PARTITION, 0, "0", 0, 1) == 0
    again.take(alert(0, 0))
    assert heard.alerts == [(0, False, False)]


def test_a_boundary_counts_when_the_tail_has_read_as_far(tmp_path: Path) -> None:
    """A query repeats and passes two boundaries before the tail, which is behind, has read the repetitions."""
    heard = Heard()
    late = tail(tmp_path, heard)
    late.begin(PARTITION, -1001, None, 0, 6)
    for offset in range(3):
        late.take(alert(offset, offset))
    for boundary in 5, 6:
        late.boundary({ALERTS: {"0": boundary}})
    late.step()
    for offset, of in enumerate([0, 1, 3], start=3):
        late.take(alert(offset, of))
    assert [of for of, _, is_repeated in heard.alerts if not is_repeated] == [0, 1, 2, 3]


def test_a_bad_record_is_told_and_passed(tmp_path: Path) -> None:
    heard = Heard()
    reading = tail(tmp_path, heard)
    reading.begin(PARTITION, -1001, None, 0, 0)
    reading.take(Record(PARTITION, 0, b"{", time.time(), None))
    reading.take(alert(1, 1))
    assert [each.split(" ")[:2] for each in heard.bad] == [[ALERTS, f"{ALERTS}-0-0"]]
    assert heard.alerts == [(1, True, False)]
    reading.step_over(PARTITION, 4, "too large")
    assert heard.bad[1:] == [f"{ALERTS} {ALERTS}-0-4 too large"]
    assert reading.has_reached({PARTITION: 5})


def test_what_one_listener_raises_reaches_the_others_and_nobody_else(tmp_path: Path) -> None:
    failing, heard = Heard(), Heard()
    failing.raises = ValueError("odd")
    reading = tail(tmp_path, failing, heard)
    reading.begin(PARTITION, -1001, None, 0, 0)
    reading.take(alert(0, 0))
    assert heard.alerts == [(0, True, False)]
    assert heard.bad == [f"{ALERTS} {ALERTS}-0-0 ValueError: odd"]


def test_without_a_reader_of_the_lines_nothing_is_noted_as_told(tmp_path: Path) -> None:
    failing = Heard()
    failing.raises = BrokenPipeError("nobody reads")
    reading = tail(tmp_path, failing)
    reading.begin(PARTITION, -1001, None, 0, 0)
    with pytest.raises(BrokenPipeError):
        reading.take(alert(0, 0))
    heard = Heard()
    again = tail(tmp_path, heard)
    assert again.begin(PARTITION, 0, "0", 0, 1) == 0
    again.take(alert(0, 0))
    assert heard.alerts == [(0, True, False)]


def test_an_incident_is_told_once_and_reminded_of_at_each_moment(tmp_path: Path) -> None:
    heard = Heard()
    reading = tail(tmp_path, heard)
    reading.begin((INCIDENTS, 0), -1001, None, 0, 0)
    told = [("opened", 1.0), ("opened", 2.0), ("reminder", 3.0), ("reminder", 3.0), ("reminder", 4.0), ("closed", 5.0)]
    for offset, (state, at) in enumerate(told):
        reading.take(incident(offset, state, at))
    assert heard.incidents == [
        ("opened", False), ("opened", True), ("reminder", False), ("reminder", True), ("reminder", False),
        ("closed", False),
    ]  # fmt: skip


def test_of_a_topic_that_may_be_repeated_whole_everything_is_read_back(tmp_path: Path) -> None:
    whole = tail(tmp_path, Heard(), **{ALERTS: "everything"})
    assert whole.begin(PARTITION, 5, "4", 1, 6) == 1
    none = tail(tmp_path, Heard(), **{ALERTS: "nothing"})
    assert none.begin(PARTITION, 5, "4", 1, 6) == 5
