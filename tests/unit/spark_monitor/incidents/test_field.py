"""What real sensors send, as data: readings and what a user is told, side by side."""

from pathlib import Path

import pytest

from spark_monitor.incidents.life_cycle import Reading
from spark_monitor.rules import file as rules_file
from spark_monitor.tools import rule_tests
from spark_monitor.tools.rule_tests import START, RuleTest

ROOT = Path(__file__).parents[4]
SHIPPED = rules_file.load(ROOT / "services/spark-monitor/rules.yaml")
TESTS = [test for file in sorted(ROOT.glob("tests/field/*.test.yaml")) for test in rule_tests.load(file, SHIPPED)]


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_the_user_is_told(test: RuleTest) -> None:
    readings = []
    for at, message in test.messages:
        fields = message.model_extra or {}
        event_time = fields.get("timestamp", START + at)
        reading = Reading("suhu", fields["sensor_id"], fields["suhu"], event_time, START + at)
        readings.append((fields["gudang_id"], reading))
    expected = (test.incidents or "").strip().splitlines()
    assert rule_tests.incident_lines(SHIPPED, readings, test.until) == expected
