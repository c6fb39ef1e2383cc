"""What real sensors send, as data: readings and what a user is told, side by side."""

from pathlib import Path

import pytest

from spark_monitor.detection.decode import FIRST_MOMENT, MAX_AHEAD_SECONDS
from spark_monitor.incidents.life_cycle import Reading
from spark_monitor.rules import file as rules_file
from spark_monitor.tools import rule_tests
from spark_monitor.tools.rule_tests import START, RuleTest

ROOT = Path(__file__).parents[4]
SHIPPED = rules_file.load(ROOT / "services/spark-monitor/rules.yaml")
TESTS = [test for file in sorted(ROOT.glob("tests/field/*.test.yaml")) for test in rule_tests.load(file, SHIPPED)]


def decoded(at: float, message: rule_tests.Reading) -> tuple[str, Reading]:
    """Return a message as `decode` does, which needs Spark."""
    fields, received_at = message.fields(at, "timestamp"), START + at
    own = fields.get("timestamp")
    is_time = own is not None and FIRST_MOMENT <= own <= received_at + MAX_AHEAD_SECONDS
    event_time = own if own is not None and is_time else received_at
    return fields["gudang_id"], Reading("suhu", fields["sensor_id"], fields["suhu"], event_time, received_at, own)


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_the_user_is_told(test: RuleTest) -> None:
    readings = [decoded(at, message) for at, message in test.messages]
    expected = (test.incidents or "").strip().splitlines()
    assert rule_tests.incident_lines(SHIPPED, readings, test.until) == expected
