"""The bytes on the wire."""

import math

import pytest

from simulator.reading import Reading, to_json, warehouse_message


def wire(reading: Reading) -> bytes:
    return to_json(warehouse_message(reading))


def test_json_is_the_design_s_to_the_byte() -> None:
    suhu = Reading("G1", "suhu", 84.31, 1763785000.123, "s-1")
    kelembaban = Reading("G1", "kelembaban", 72.18, 1763785000.123, "s-1")
    assert wire(suhu) == b'{"gudang_id":"G1","suhu":84.31,"timestamp":1763785000.123,"sensor_id":"s-1"}'
    assert wire(kelembaban) == b'{"gudang_id":"G1","kelembaban":72.18,"timestamp":1763785000.123,"sensor_id":"s-1"}'


def test_a_timestamp_keeps_its_microseconds() -> None:
    """A 32-bit float would make 1763785088 of it."""
    assert b'"timestamp":1763785000.123456,' in to_json(
        warehouse_message(Reading("G1", "suhu", 80.0, 1763785000.123456, "s-1"))
    )


def test_names_are_utf_8_and_escaped() -> None:
    reading = Reading('Gudang "Ü"', "suhu", 80.0, 1.5, "s\\1")
    assert (
        to_json(warehouse_message(reading))
        == '{"gudang_id":"Gudang \\"Ü\\"","suhu":80.0,"timestamp":1.5,"sensor_id":"s\\\\1"}'.encode()
    )
    assert reading.key() == 'Gudang "Ü"'.encode()


def test_the_key_is_the_warehouse() -> None:
    assert Reading("G2", "suhu", 80.0, 1.5, "s-1").key() == b"G2"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_json_does_not_know_is_not_sent(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire(Reading("G1", "suhu", value, 1.5, "s-1"))
