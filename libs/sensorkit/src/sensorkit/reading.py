"""A warehouse reading's form on the wire: JSON in UTF-8, keyed by the warehouse so that its readings stay in order."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement of one warehouse.

    `field` names the quantity (`suhu` in °C, `kelembaban` in %), `timestamp` is UNIX epoch seconds as a double: a
    32-bit float would round today's epoch to 128 s.
    """

    gudang_id: str
    field: str
    value: float
    timestamp: float
    sensor_id: str

    def key(self) -> bytes:
        """Return the Kafka key."""
        return self.gudang_id.encode()

    def to_json(self) -> bytes:
        """Return `{"gudang_id":…,"<field>":…,"timestamp":…,"sensor_id":…}` without blanks."""
        message = {
            "gudang_id": self.gudang_id,
            self.field: self.value,
            "timestamp": self.timestamp,
            "sensor_id": self.sensor_id,
        }
        return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
