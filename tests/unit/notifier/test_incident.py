"""What counts as an incident's record."""

import json
from typing import Any

import pytest
from tests.unit.notifier.records import AN_OPENED

from notifier.incident import State, read


def test_a_record_is_read_and_fields_of_later_versions_do_not_disturb() -> None:
    read_back = read(json.dumps(AN_OPENED | {"colour": "red"}).encode())
    assert (read_back.incident_id, read_back.state) == ("suhu_tinggi-G1-1795321758142", State.OPENED)
    assert (read_back.opened_at, read_back.closed_at, read_back.peak) == (1795321758.142, None, 84.31)


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"[]", b"null", b'"opened"', b"{", b"{}", b"[" * 60_000, b" " * 70_000]
)
def test_what_is_no_object_or_empty_is_none(value: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"Invalid JSON|Input should be|Field required|at most"):
        read(value)


@pytest.mark.parametrize(
    "fields",
    [
        {"incident_id": ""},
        {"incident_id": 5},
        {"entity_id": None},
        {"state": "asleep"},
        {"message": None},
        {"opened_at": "yesterday"},
        {"opened_at": 1e20},
        {"closed_at": float("nan")},
        {"closed_at": True},
        {"peak": "84.31"},
        {"peak": float("inf")},
        {"readings": 30.5},
        {"readings": 10**4000},
        {"mkt": []},
    ],
)
def test_a_wrong_field_makes_it_none(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(fields))}: "):
        read(json.dumps(AN_OPENED | fields).encode())
