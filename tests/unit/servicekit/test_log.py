"""Machines read JSON, people read colours, and both on stderr."""

import json
import os
import pty
import re
import select
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from servicekit import log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was logged; every line must be JSON, and nothing may stand on stdout."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.mark.parametrize("style", ["auto", "json"])
def test_off_a_terminal_each_event_is_a_json_object(capsys: pytest.CaptureFixture[str], style: str) -> None:
    log.configure("pump", "info", style)
    structlog.get_logger().warning("hot", suhu="84.31°C", limits=(70, 90))
    (event,) = logged(capsys)
    at = datetime.fromisoformat(event.pop("timestamp"))
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert event == {"event": "hot", "level": "warning", "service": "pump", "suhu": "84.31°C", "limits": [70, 90]}


def test_signs_of_the_language_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("pump", "info")
    structlog.get_logger().info("84.31°C")
    assert '"84.31°C"' in capsys.readouterr().err


def test_an_exception_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("pump", "info")
    try:
        raise ValueError("first\nsecond")  # noqa: TRY301 - it is the example
    except ValueError:
        structlog.get_logger().exception("broken")
    (event,) = logged(capsys)
    assert event["level"] == "error"
    assert event["exception"][0]["exc_value"] == "first\nsecond"


def test_other_threads_name_the_service_too(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("pump", "info")
    thread = threading.Thread(target=lambda: structlog.get_logger().info("from a callback"))
    thread.start()
    thread.join()
    assert [event["service"] for event in logged(capsys)] == ["pump"]


@pytest.mark.parametrize(
    ("level", "passed"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_filters(capsys: pytest.CaptureFixture[str], level: str, passed: list[str]) -> None:
    log.configure("pump", level)
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("event")
    assert [event["level"] for event in logged(capsys)] == passed


def test_pretty_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("pump", "info", "pretty")
    structlog.get_logger().info("hot", suhu="84.31°C")
    captured = capsys.readouterr()
    assert captured.out == ""
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(captured.err)
    assert all(word in captured.err for word in ("hot", "suhu", "84.31°C", "pump"))


@pytest.mark.parametrize(("style", "is_json"), [("auto", False), ("pretty", False), ("json", True)])
def test_on_a_terminal_auto_is_pretty(monkeypatch: pytest.MonkeyPatch, style: str, *, is_json: bool) -> None:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as screen, os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        log.configure("pump", "info", style)
        structlog.get_logger().info("hot")
        assert select.select([screen], [], [], 10)[0], "nothing came to the terminal within 10 s"
        seen = screen.read(10_000)
    assert b"hot" in seen
    assert seen.startswith(b"{") is is_json


HOSTILE = "G1\x1b[2J\x9b31m\u202e\u2028[Peringatan]\r\x07"


def test_pretty_obeys_no_control_character_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("pump", "info", "pretty")
    events = structlog.get_logger()
    events.info(HOSTILE, entity=HOSTILE, parts=[HOSTILE], blank="84.31\u00a0°C", **{HOSTILE: 1})
    try:
        raise ValueError(HOSTILE)  # noqa: TRY301 - it is the example
    except ValueError:
        events.exception("broken")
    seen = re.sub(r"\x1b\[[0-9]*m", "", capsys.readouterr().err)  # structlog's own colours
    assert all(line.isprintable() for line in seen.replace("\u00a0", "").split("\n"))
    assert "84.31\u00a0°C" in seen


def test_json_holds_what_came_but_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("pump", "info", "json")
    structlog.get_logger().info(HOSTILE, parts=[HOSTILE, "\ud800 \U000e0001"])
    seen = capsys.readouterr().err
    assert seen.removesuffix("\n").isprintable()
    event = json.loads(seen)
    assert (event["event"], event["parts"]) == (HOSTILE, [HOSTILE, "\ud800 \U000e0001"])
