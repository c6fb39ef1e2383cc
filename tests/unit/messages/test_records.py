"""What counts as a record of each of the monitor's own topics, and that nothing else gets past."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages import records
from messages.records import HEADERS

NOW = 1_795_321_758.5
read_status = records.status_reader(["suhu", "kelembaban"])

ALERT: dict[str, Any] = {
    "alert_id": "sensor-suhu-gudang-0-42-suhu_tinggi", "rule": "suhu_tinggi", "stream": "suhu", "entity_id": "G1",
    "sensor_id": None, "value": 84.31, "unit": "°C", "threshold": 80, "event_time": NOW, "received_at": NOW,
    "message": "[Peringatan Suhu Tinggi] Gudang G1: Suhu 84.31°C - 2026-11-22 11:29:18",
}  # fmt: skip
STATUS: dict[str, Any] = {
    "status_id": "sensor-suhu-gudang-0-42-gudang", "rule": "gudang", "entity_id": "G1", "suhu": 84.31,
    "kelembaban": None, "status": "Data tidak lengkap", "event_time": NOW, "complete": False,
    "suhu_age_seconds": 0, "kelembaban_age_seconds": 43.2, "stream": "suhu", "alerts": ["suhu_tinggi"],
    "received_at": NOW,
}  # fmt: skip
INCIDENT: dict[str, Any] = {
    "incident_id": "suhu_tinggi-G1-1795321758142", "kind": "threshold", "state": "opened", "entity_id": "G1",
    "rule": "suhu_tinggi", "severity": "critical", "opened_at": NOW, "closed_at": None, "peak": 84.31,
    "message": "[Insiden Dibuka] Gudang G1", "emitted_at": NOW,
}  # fmt: skip
HEARTBEAT: dict[str, Any] = {"alert_id": "monitor-kenari-0-7-kenari", "rule": "kenari", "value": 1795321758500.0}
REFUSAL = {
    "topic": b"sensor-suhu-gudang", "partition": b"0", "offset": b"42", "stage": b"VALUE_CONVERTER",
    "exception.class.name": b"InvalidJson", "exception.message": b"pesan bukan JSON",
}  # fmt: skip

JSON_TOPICS: list[tuple[Callable[[bytes], Any], dict[str, Any]]] = [
    (records.alert, ALERT), (read_status, STATUS), (records.incident, INCIDENT), (records.heartbeat, HEARTBEAT),
    (records.incident_report, INCIDENT),
]  # fmt: skip

WRONG = [
    b"", b"\xff", b"null", b"[]", b"5", b'"x"', b"{", b"{}", b"{} {}", b'{"message": NaN}', b'{"message": "\\ud800"}',
    b"[" * 60_000, b'{"x":' * 10_000, b" " * 70_000, b'{"value": 1' + b"0" * 9_000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize(("read", "record"), JSON_TOPICS)
def test_a_record_is_read_with_what_later_versions_add(read: Callable[[bytes], Any], record: dict[str, Any]) -> None:
    found = read(json.dumps(record | {"colour": ["red"]}).encode())
    assert found == {name: record[name] for name in found}
    assert "colour" not in found


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(("read", "record"), JSON_TOPICS)
def test_what_is_none_is_a_short_value_error(
    read: Callable[[bytes], Any], record: dict[str, Any], value: bytes
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read(value)
    assert len(str(caught.value)) <= records.LONGEST_REASON
    assert record


WRONG_FIELDS: list[tuple[Callable[[bytes], Any], dict[str, Any], dict[str, list[Any]]]] = [
    (records.alert, ALERT, {
        "alert_id": [5, "", "suhu", "suhu-0-x-r", "-0-1-r", "suhu-0-1-", "a-0-" + "9" * 20 + "-r", "a\n-0-1-r"],
        "rule": [None, {}, ""], "stream": [["suhu"]], "entity_id": [1, None, "x" * 2000],
        "received_at": ["now", None, 1e300, True], "message": [None, 5, ["a"], "x" * 30_000],
    }),
    (read_status, STATUS, {
        "status_id": ["x"], "rule": [[]], "entity_id": [{}], "suhu": ["84", True, {}, float("inf")],
        "kelembaban": [[]], "kelembaban_age_seconds": ["old", float("nan")], "status": [None, 1],
        "event_time": ["x", None, float("nan"), -1e300], "complete": [1, "yes", None], "stream": [None],
        "alerts": [None, {}, "suhu_tinggi", [1], [None]], "received_at": [[], 10**400],
    }),
    (records.incident, INCIDENT, {
        "incident_id": [5, [], ""], "state": ["asleep", None, []], "entity_id": [["G1"]], "rule": [{}],
        "opened_at": [None, "then"], "emitted_at": [None, [1]], "message": [None, {"x": 1}],
    }),
    (records.incident_report, INCIDENT, {
        "incident_id": [""], "entity_id": [None], "state": ["asleep"], "kind": ["x", None], "severity": [None, 5],
        "message": [None], "opened_at": ["yesterday", 1e20], "closed_at": [float("nan"), True],
        "peak": ["84.31", float("inf")], "readings": [30.5, 10**4000], "mkt": [[]], "sensor_id": [7],
    }),
    (records.heartbeat, HEARTBEAT, {"alert_id": [None], "value": ["x", None, -1, 1e16, True, float("inf")]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "record", "fields"),
    [
        (read, record, {name: wrong})
        for read, record, wrongs in WRONG_FIELDS
        for name, bad in wrongs.items()
        for wrong in bad
    ],
)
def test_a_field_of_another_type_or_size_makes_it_none(
    read: Callable[[bytes], Any], record: dict[str, Any], fields: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(fields))}"):
        read(json.dumps(record | fields).encode())


@pytest.mark.parametrize("name", ["alert_id", "rule", "stream", "entity_id", "received_at", "message"])
def test_a_field_that_is_missing_makes_it_none(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: Field required"):
        records.alert(json.dumps({key: value for key, value in ALERT.items() if key != name}).encode())


def test_an_incident_of_an_earlier_version_may_lack_figures() -> None:
    assert "mkt" not in records.incident_report(json.dumps(INCIDENT).encode())


def test_a_status_of_other_rules_may_lack_streams() -> None:
    without = {name: value for name, value in STATUS.items() if not name.startswith("kelembaban")}
    assert "kelembaban" not in read_status(json.dumps(without | {"rule": "old"}).encode())


def headers(**changed: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(HEADERS + name.replace("_", "."), value) for name, value in (REFUSAL | changed).items()]


def test_a_refusal_says_where_the_message_stood() -> None:
    assert records.refusal([*headers(), ("event", b"\xff"), ("other", None)]) == {
        "topic": "sensor-suhu-gudang", "partition": 0, "offset": 42, "reason": "InvalidJson",
    }  # fmt: skip


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        headers(offset=None),
        headers(offset=b"-1"),
        headers(offset=b"1e3"),
        headers(offset=b" 5"),
        headers(offset="٣".encode()),
        headers(offset=b"9223372036854775808"),
        headers(offset=b"9" * 5000),
        headers(partition=b"\xff"),
        headers(partition=b"2147483648"),
        headers(topic=b""),
        headers(topic=b"x" * 300),
        headers(exception_class_name=None),
        headers(exception_class_name=b"x\x1b[2J"),
        headers(exception_class_name=b"x" * 300),
    ],
)
def test_headers_of_others_are_no_refusal(told: list[tuple[str, bytes | None]] | None) -> None:
    with pytest.raises(ValueError, match=r"^expected "):
        records.refusal(told)


@given(value=st.binary(max_size=200) | st.from_type(dict).map(lambda each: json.dumps(each).encode()))
def test_whatever_stands_in_a_topic_nothing_but_a_value_error_comes(value: bytes) -> None:
    for read, _ in JSON_TOPICS:
        with pytest.raises(ValueError, match=r"."):
            read(value)


@given(st.dictionaries(st.sampled_from(sorted(STATUS)), st.none() | st.booleans() | st.floats() | st.text(max_size=5)))
def test_what_is_read_as_a_status_has_the_types_it_promises(changed: dict[str, Any]) -> None:
    try:
        found = read_status(json.dumps(STATUS | changed).encode())
    except ValueError:
        return
    assert all(isinstance(found[name], str) for name in ("status_id", "rule", "entity_id", "status", "stream"))
    assert all(isinstance(found[name], float) for name in ("event_time", "received_at"))
    assert records.origin_of(found["status_id"])[1] >= 0


@pytest.mark.parametrize("offset", ["9223372036854775808", "-1", "9" * 19])
def test_an_offset_that_kafka_does_not_have_is_an_error(offset: str) -> None:
    with pytest.raises(ValueError, match=r"offset|invalid literal"):
        records.origin_of(f"suhu-0-{offset}-r".replace("--", "-x"))
