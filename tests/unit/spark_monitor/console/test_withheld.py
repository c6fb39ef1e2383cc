"""Of a shelved rule's incidents the log has what people do, and that they are over."""

import io
from typing import Any, cast

import pytest

from messages.records import Incident
from spark_monitor.console.console import Console
from spark_monitor.results.listener import Record, Result


@pytest.mark.parametrize(
    ("state", "until", "is_said"),
    [
        ("opened", None, True),
        ("opened", 2e9, False),
        ("reminder", 2e9, False),
        ("unknown", 2e9, False),
        ("acknowledged", 2e9, True),
        ("shelved", 2e9, True),
        ("closed", 2e9, True),
    ],
)
def test_a_line_is_withheld_while_its_rule_is_shelved(state: str, until: float | None, is_said: bool) -> None:  # noqa: FBT001
    out = io.StringIO()
    incident = {"state": state, "rule": "suhu_tinggi", "message": "[Insiden]", "shelved_until": until}
    news = Result(Record(("monitor-insiden", 0), 1, b"", 0.0, None), True, False, "", 0)
    Console(cast(Any, None), out).on_incident(cast(Incident, incident), news)
    assert out.getvalue() == ("[Insiden]\n" if is_said else "")
