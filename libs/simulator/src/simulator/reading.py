"""A reading and its form on the wire: JSON in UTF-8, keyed so that an entity's readings stay in order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement of one entity (a warehouse, a machine) by one sensor.

    `quantity` says what was measured (`suhu` in °C, `kelembaban` in %), `timestamp` is UNIX epoch seconds as a double:
    a 32-bit float would round today's epoch to 128 s.
    """

    entity_id: str
    quantity: str
    value: float
    timestamp: float
    sensor_id: str

    def key(self) -> bytes:
        """Return the Kafka key."""
        return self.entity_id.encode()


def warehouse_message(reading: Reading) -> dict[str, object]:
    """Return `{"gudang_id":…,"<quantity>":…,"timestamp":…,"sensor_id":…}`."""
    return {
        "gudang_id": reading.entity_id,
        reading.quantity: reading.value,
        "timestamp": reading.timestamp,
        "sensor_id": reading.sensor_id,
    }


def to_json(message: Mapping[str, object]) -> bytes:
    """Return a message's bytes: without blanks, and never NaN (raises ValueError), which JSON does not have."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
