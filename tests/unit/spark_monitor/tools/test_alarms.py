"""What `alarms` says of alerts and incidents, each counted once."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from spark_monitor.tools.alarms import Report, Told

NOW = 1_795_321_758.0
SINCE = NOW - 3600
JAKARTA = ZoneInfo("Asia/Jakarta")


def alert(ago: float, offset: int, entity: str = "G1") -> Told:
    record = {
        "alert_id": f"sensor-suhu-gudang-0-{offset}-suhu_tinggi",
        "rule": "suhu_tinggi",
        "stream": "suhu",
        "entity_id": entity,
        "received_at": NOW - ago,
        "message": "[Peringatan Suhu Tinggi]",
    }
    return NOW - ago, json.dumps(record).encode()


def incident(ago: float, number: int, state: str = "opened", entity: str = "G1", opened: float = 0) -> Told:
    record: dict[str, Any] = {
        "incident_id": f"suhu_tinggi-{entity}-{number}",
        "state": state,
        "entity_id": entity,
        "rule": "suhu_tinggi",
        "opened_at": NOW - (opened or ago),
        "emitted_at": NOW - ago,
        "message": "[Insiden Dibuka]",
    }
    return NOW - ago, json.dumps(record).encode()


def test_an_hour_of_trouble() -> None:
    alerts = [alert(3000, 1), alert(2000, 2), alert(2000, 2), alert(1000, 3, "G2"), *(alert(60, n) for n in (4, 5, 6))]
    incidents = [
        incident(90_000, 0, entity="G9"),
        incident(1800, 1),
        incident(1790, 1, "closed"),
        incident(1780, 2),
        incident(1770, 2, "closed"),
        incident(1760, 3),
        incident(1760, 3),
        incident(900, 4, entity="G2"),
        incident(800, 4, "reminder", entity="G2", opened=900),
    ]
    assert Report.of(alerts, incidents, SINCE, NOW).lines(JAKARTA) == [
        "Alarm 60 menit terakhir, sampai 2026-11-22 11:29:18",
        "- Peringatan: 6 (1.0 per 10 menit)",
        "- Peringatan terbanyak: G1 (5), G2 (1)",
        "- Insiden dibuka: 4 (0.7 per 10 menit)",
        "- 10 menit terpadat: 3 insiden, terlalu banyak",
        "- Insiden terbanyak: G1 (3), G2 (1)",
        "- Masih terbuka: 3",
        "- Terbuka lebih dari 24 jam: suhu_tinggi-G9-0",
        "- Dibuka 3 kali atau lebih dalam 1 menit: suhu_tinggi G1",
    ]


def test_without_anything_it_says_so() -> None:
    assert Report.of([], [], SINCE, NOW).lines(JAKARTA)[1:] == [
        "- Peringatan: 0 (0.0 per 10 menit)",
        "- Peringatan terbanyak: tidak ada",
        "- Insiden dibuka: 0 (0.0 per 10 menit)",
        "- 10 menit terpadat: 0 insiden, dapat ditangani",
        "- Insiden terbanyak: tidak ada",
        "- Masih terbuka: 0",
        "- Terbuka lebih dari 24 jam: tidak ada",
        "- Dibuka 3 kali atau lebih dalam 1 menit: tidak ada",
    ]


def test_what_is_older_than_asked_for_counts_only_as_open() -> None:
    report = Report.of([alert(3600, 1), alert(3599, 2)], [incident(3600, 1), incident(3599, 2)], SINCE, NOW)
    assert (report.alerts.total(), len(report.openings), len(report.open_since)) == (1, 1, 2)


@pytest.mark.parametrize(
    "strange", [b"", b"null", b"{", b"[[[" * 30_000, b'{"alert_id": 5, "incident_id": []}', b"\xff"]
)
def test_what_is_no_record_is_passed_and_counted(strange: bytes) -> None:
    report = Report.of([(NOW, strange), alert(60, 1)], [incident(60, 1), (NOW, strange)], SINCE, NOW)
    assert (report.alerts.total(), len(report.openings)) == (1, 1)
    assert report.lines(JAKARTA)[-1] == "- Catatan dilewati karena bukan dari monitor: 2"
