"""What the tests of servicekit share."""

import os

import pytest

VARIABLES = ("KAFKA_", "LOG_", "SUHU_", "KELEMBABAN_", "GUDANG_", "SENSOR_", "HEARTBEAT_", "PUMP_")


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)
