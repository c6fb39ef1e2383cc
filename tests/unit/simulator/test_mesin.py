"""The factory's producer: machines, whole degrees, no time of their own."""

import pytest

from producer_mesin import MESIN
from simulator.reading import Reading, to_json
from simulator.simulation import load_settings, readings


def test_the_message_is_the_machines_form_to_the_byte() -> None:
    reading = Reading("S1", "mesin", 91.4, 1763785000.123, "host")
    assert to_json(MESIN.message(reading)) == b'{"sensor_id":"S1","temperature":91}'
    assert reading.key() == b"S1"


def test_three_machines_from_60_to_100_degrees_every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESIN_SEED", "1")
    config = load_settings(MESIN)
    assert (config.topic, config.entity_ids, config.interval_seconds) == ("sensor-suhu", ("S1", "S2", "S3"), 1)
    series = readings(MESIN, config)
    degrees = {MESIN.message(each)["temperature"] for _ in range(500) for each in next(series)}
    assert degrees == set(range(60, 101))
