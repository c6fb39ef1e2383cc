"""The page as a process, and a monitor that writes what the test says."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from devstack.eventually import eventually
from devstack.layout import ROOT
from devstack.ports import free_ports
from messages.topics import HEARTBEATS, INCIDENTS, STATUSES


class Page:
    """`python -m web`, and a client of it."""

    def __init__(self, folder: Path, bootstrap: str, database: str, **variables: str) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, timeout=20, headers={"Accept": "text/html"})
        self._log = folder / "web.log"
        self._env = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "DATABASE_URL": database, "WEB_ADDRESS": f"127.0.0.1:{port}",
            "HEARTBEAT_FILE": str(folder / "heartbeat"), "LOG_FORMAT": "json", "TZ": "Asia/Jakarta",
            "PEOPLE_DIR": str(folder / "people"), "SHIPPED_RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
            "CONFIG_DIR": str(folder), **variables,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "web"], env=self._env, stdout=log, stderr=log)
        eventually(self._answers, lambda: f"no page: {self._log.read_text('utf-8')}", 60)

    def make_user(self, name: str, password: str, role: str = "operator") -> str:
        """Make a user as `make user` does; return what it said."""
        command = [sys.executable, "-m", "web", "user", name, "--role", role]
        ended = subprocess.run(
            command, env=self._env, input=f"{password}\n", capture_output=True, text=True, check=False
        )
        return ended.stdout + ended.stderr

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as Docker does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def overview(self) -> dict[str, Any]:
        """Return how all places are."""
        found: dict[str, Any] = self.client.get("/api/v1/overview").json()
        return found

    def level(self, entity: str) -> str | None:
        """Return how bad a place is, None if it is not known."""
        return next((each["level"] for each in self.overview()["places"] if each["entity_id"] == entity), None)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self._log.read_text("utf-8")
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/static/style.css").status_code == 200
        return False


class Monitor:
    """Writes what the monitor would; its canary beats until the test is over."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 0})
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._over.wait(1):
            pulse = {"alert_id": "monitor-kenari-0-1-kenari", "value": time.time() * 1000}
            self._write(HEARTBEATS, "spark-monitor", pulse)

    def status(self, entity: str, suhu: float, kelembaban: float | None = 60.0) -> None:
        """Write a status of now."""
        now, complete = time.time(), kelembaban is not None
        self._write(STATUSES, entity, {
            "status_id": "sensor-suhu-gudang-0-1-gudang", "rule": "gudang", "entity_id": entity, "suhu": suhu,
            "kelembaban": kelembaban, "status": "Aman" if suhu <= 80 else "Suhu tinggi, kelembaban normal",
            "event_time": now, "complete": complete, "stream": "suhu", "alerts": [], "received_at": now,
            "suhu_age_seconds": 0.0, "kelembaban_age_seconds": 0.0,
        })  # fmt: skip

    def incident(self, entity: str, state: str, opened_at: float, **fields: Any) -> None:
        """Write a record of an incident."""
        self._write(INCIDENTS, entity, {
            "incident_id": f"suhu_tinggi-{entity}-{opened_at:.0f}", "kind": "threshold", "state": state,
            "entity_id": entity, "rule": "suhu_tinggi", "severity": "critical", "opened_at": opened_at,
            "closed_at": None, "emitted_at": time.time(), "message": f"[Insiden Dibuka] Gudang {entity}",
            "stream": "suhu", "unit": "°C", "threshold": 80.0, "peak": 84.31, **fields,
        })  # fmt: skip

    def bytes(self, topic: str, value: bytes) -> None:
        """Write what is no record."""
        self._producer.produce(topic, value)
        self._producer.flush(10)

    def end(self) -> None:
        """Write nothing more."""
        self._over.set()
        self._thread.join()

    def _write(self, topic: str, key: str, record: dict[str, Any]) -> None:
        self._producer.produce(topic, json.dumps(record).encode(), key=key.encode())
        self._producer.flush(10)
