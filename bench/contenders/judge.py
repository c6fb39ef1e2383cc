"""The warehouse's rules as plain Python, for the contenders that run Python for each reading. Standard library only.

An alert's and a status's fields are those of the monitor's that the others need for the same lines.
"""

import datetime as dt
import json
import os
from typing import Any
from zoneinfo import ZoneInfo

BOOTSTRAP = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
ALERTS = os.environ["ALERTS_TOPIC"]
STATUSES = os.environ["STATUSES_TOPIC"]
GROUP = os.environ["CONSUMER_GROUP"]
STARTING = os.environ["STARTING_OFFSETS"]
SUHU, KELEMBABAN = "sensor-suhu-gudang", "sensor-kelembaban-gudang"
LIMITS = {"suhu": 80, "kelembaban": 70}
WITHIN_SECONDS = 10
JAKARTA = ZoneInfo("Asia/Jakarta")
TEXTS = {
    "suhu": "[Peringatan Suhu Tinggi] Gudang {entity}: Suhu {value:.2f}°C - {time}",
    "kelembaban": "[Peringatan Kelembaban Tinggi] Gudang {entity}: Kelembaban {value:.2f}% - {time}",
}

Newest = dict[str, tuple[float, float]]
"""A warehouse's newest readings: quantity -> (timestamp, value)."""


def reading_of(message: str | bytes) -> dict[str, Any]:
    """Return a reading as entity, quantity, value, at."""
    fields = json.loads(message)
    quantity = "suhu" if "suhu" in fields else "kelembaban"
    return {
        "entity": fields["gudang_id"], "quantity": quantity, "value": fields[quantity], "at": fields["timestamp"],
    }  # fmt: skip


def alert(reading: dict[str, Any]) -> dict[str, Any] | None:
    """Return the alert that a reading raises, or None."""
    quantity, value = reading["quantity"], reading["value"]
    if value <= LIMITS[quantity]:
        return None
    time = dt.datetime.fromtimestamp(reading["at"], JAKARTA).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "entity_id": reading["entity"],
        "stream": quantity,
        "value": value,
        "event_time": reading["at"],
        "message": TEXTS[quantity].format(entity=reading["entity"], value=value, time=time),
    }


def status(newest: Newest, reading: dict[str, Any]) -> dict[str, Any]:
    """Take a reading into its warehouse's newest ones (changes `newest`) and return the warehouse's status."""
    before = newest.get(reading["quantity"])
    if before is None or before[0] < reading["at"]:
        newest[reading["quantity"]] = (reading["at"], reading["value"])
    at = max(time for time, _ in newest.values())
    suhu, kelembaban = (
        newest[quantity][1] if quantity in newest and at - newest[quantity][0] <= WITHIN_SECONDS else None
        for quantity in ("suhu", "kelembaban")
    )
    complete = suhu is not None and kelembaban is not None
    return {
        "entity_id": reading["entity"], "suhu": suhu, "kelembaban": kelembaban, "event_time": at, "complete": complete,
        "status": text(suhu, kelembaban) if complete else "Data tidak lengkap",
    }  # fmt: skip


def text(suhu: float, kelembaban: float) -> str:
    """Return the status's text for a pair."""
    if suhu > LIMITS["suhu"]:
        return (
            "Bahaya tinggi! Barang berisiko rusak"
            if kelembaban > LIMITS["kelembaban"]
            else ("Suhu tinggi, kelembaban normal")
        )
    return "Kelembaban tinggi, suhu aman" if kelembaban > LIMITS["kelembaban"] else "Aman"
