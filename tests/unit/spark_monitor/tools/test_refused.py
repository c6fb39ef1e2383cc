"""A refused message as a person sees it, whatever somebody has written to the topic."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE

from messages.records import HEADERS
from spark_monitor.tools.refused import Refused, escaped

JAKARTA = ZoneInfo("Asia/Jakarta")


def message(timestamp: tuple[int, int], headers: Any) -> SimpleNamespace:
    """Return what the client returns, with the parts that a test wants to be strange."""

    def told() -> Any:
        if isinstance(headers, Exception):
            raise headers
        return headers

    return SimpleNamespace(
        timestamp=lambda: timestamp, headers=told, key=lambda: None, value=lambda: b'{"suhu":\x1b[2J\n}'
    )


ODD_HEADERS = [(f"{HEADERS}topic", b"t\x1b\n"), (f"{HEADERS}offset", None), (f"{HEADERS}exception.message", b"\xff")]


@pytest.mark.parametrize(
    ("timestamp", "when"),
    [
        ((TIMESTAMP_CREATE_TIME, 1_795_321_758_142), "2026-11-22 11:29:18"),
        ((TIMESTAMP_CREATE_TIME, -1), "1970-01-01 07:00:00"),
        ((TIMESTAMP_NOT_AVAILABLE, -1), "????-??-?? ??:??:??"),
        ((TIMESTAMP_CREATE_TIME, 2**63 - 1), "????-??-?? ??:??:??"),
        ((TIMESTAMP_CREATE_TIME, -(2**63)), "????-??-?? ??:??:??"),
    ],
)
@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (None, "?-?-?  ?: ?"),
        ([], "?-?-?  ?: ?"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no name"), "?-?-?  ?: ?"),
        (ODD_HEADERS, "t\\x1b\\n-?-  ?: �"),
    ],
)
def test_odd_parts_are_shown_harmlessly(timestamp: tuple[int, int], when: str, headers: Any, why: str) -> None:
    shown = Refused.of(message(timestamp, headers)).shown(JAKARTA)
    assert shown == f'{when}  {why}\n    |{{"suhu":\\x1b[2J\\n}}'


def test_as_input_it_is_as_it_was_and_escaped_for_a_terminal() -> None:
    found = Refused.of(message((TIMESTAMP_CREATE_TIME, 0), []))
    assert found.as_input() == '|{"suhu":\x1b[2J\n}'
    assert escaped(found.as_input()) == '|{"suhu":\\x1b[2J\\n}'
