"""What real sensors send, as data: readings and what a user is told, side by side."""

from pathlib import Path

import pytest

from rules import file as rules_file
from rules.model import Rules
from spark_monitor.detection.decode import FIRST_MOMENT, MAX_AHEAD_SECONDS
from spark_monitor.incidents.life_cycle import Reading
from spark_monitor.tools import rule_tests
from spark_monitor.tools.rule_tests import START, RuleTest

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "tests/field"
SHIPPED = rules_file.load(ROOT / "services/spark-monitor/rules.yaml")


def with_faults() -> Rules:
    """Return the shipped rules with what a sensor of the tests sends instead of a temperature."""
    fault = {"fault_values": (85.0, -127.0), "max_step": 30.0, "stuck_after": 3600.0}
    streams = {**SHIPPED.streams, "suhu": SHIPPED.streams["suhu"].model_copy(update=fault)}
    return SHIPPED.model_copy(update={"streams": streams})


RULES = {"faults": with_faults()}
TESTS = [
    pytest.param(rules, test, id=test.name)
    for file in sorted(FOLDER.glob("*.test.yaml"))
    for rules in [RULES.get(file.name.split(".")[0], SHIPPED)]
    for test in rule_tests.load(file, rules)
]


def decoded(rules: Rules, at: float, message: rule_tests.Reading) -> tuple[str, Reading]:
    """Return a message as `decode` does, which needs Spark."""
    fields, received_at = message.fields(at, "timestamp"), START + at
    own, value = fields.get("timestamp"), fields["suhu"]
    is_time = own is not None and FIRST_MOMENT <= own <= received_at + MAX_AHEAD_SECONDS
    event_time = own if own is not None and is_time else received_at
    is_code = value in rules.streams["suhu"].fault_values
    return fields["gudang_id"], Reading("suhu", fields["sensor_id"], value, event_time, received_at, own, is_code)


@pytest.mark.parametrize(("rules", "test"), TESTS)
def test_the_user_is_told(rules: Rules, test: RuleTest) -> None:
    readings = [decoded(rules, at, message) for at, message in test.messages]
    expected = (test.incidents or "").strip().splitlines()
    assert rule_tests.incident_lines(rules, readings, test.until) == expected
