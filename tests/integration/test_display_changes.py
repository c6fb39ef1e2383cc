"""SHOW=changes, on a broker of its own: what the operator sees of a warehouse whose state goes to and fro.

The monitor starts at the latest offsets: once it calls itself well, not one reading may be missed.
"""

from pathlib import Path

import pytest

from devstack.kafka import Kafka
from devstack.monitor_process import Client, MonitorProcess, records
from messages.topics import STATUSES


@pytest.mark.long
def test_changes_shows_a_warehouse_only_when_its_state_changes(
    broker: Kafka, java: dict[str, str], client: Client, tmp_path: Path
) -> None:
    quiet = MonitorProcess(broker.bootstrap, tmp_path, java, SHOW="changes", STARTING_OFFSETS="latest")
    try:
        quiet.start()
        for number, suhu in enumerate([70, 85, 86, 87, 70, 71, 88]):
            for stream, value in ("suhu", suhu), ("kelembaban", 60):
                wanted = 2 * number + (1 if stream == "suhu" else 2)
                client.reading(stream, "CHANGES", value)
                client.flush()
                client.read(STATUSES, 0, lambda found, wanted=wanted: len(records(found)) >= wanted)  # type: ignore[misc]
        quiet.wait_for("CHANGES", ["Suhu 88.00°C -", "Suhu: 88.00°C"])
        alerts = [line.split("Suhu ")[2][:5] for line in quiet.about("CHANGES") if line.startswith("[Peringatan")]
        assert alerts == ["85.00", "88.00"]
        states = [line.split("Status: ")[1].split("\n")[0] for line in quiet.about("CHANGES") if "Status" in line]
        high, normal = "Suhu tinggi, kelembaban normal", "Aman"
        assert [state for state in states if "tidak lengkap" not in state] == [normal, high, normal, high]
        assert quiet.stop() == 0
    finally:
        quiet.end()
