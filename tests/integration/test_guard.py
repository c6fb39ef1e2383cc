"""The guard by itself: nothing that hangs keeps it from its end, not even a terminal that nobody reads."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.eventually import eventually

MONITOR = """
import datetime, os, pathlib, subprocess, sys, threading, time
from types import SimpleNamespace
from pyspark import SparkContext
from servicekit import log
from spark_monitor.health import breakdown
from spark_monitor.health import guard
from spark_monitor.health.alert_chain import AlertChain

log.configure("spark-monitor", "info", "json")
guard.ORDERLY_SECONDS = guard.SAY_SECONDS = 1
folder = pathlib.Path(sys.argv[1])
java = subprocess.Popen(["sleep", "600"])  # a machine that hangs
SparkContext._gateway = SimpleNamespace(proc=java)
guarding = guard.Guard(AlertChain(), sys.stdout, datetime.UTC, folder, threading.Event())
guarding.start()
(folder / "java").write_text(str(java.pid))
threading.Thread(target=lambda: [sys.stdout.write("x" * 1000 + "\\n") for _ in range(int(sys.argv[2]))]).start()
if sys.argv[3] == "dead":
    dead = threading.Thread(name="pulse", target=int)
    dead.start()
    guarding.must_live(dead)
else:
    guarding.give_up(breakdown.SPARK_HANGS, 75)
time.sleep(600)  # this is the fault: the main thread hangs
"""
"""Its main thread hangs. The arguments: a folder, how many lines are written to stdout before, what is wrong."""


def run(folder: Path, lines: int, wrong: str) -> tuple[subprocess.Popen[str], int]:
    """Start it; stop the process that it takes for its Java machine, and return that one's id, too."""
    process = subprocess.Popen(
        [sys.executable, "-c", MONITOR, str(folder), str(lines), wrong],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    noted = folder / "java"
    eventually(lambda: noted.exists() and noted.read_text(), lambda: "not started")
    java = int(noted.read_text())
    os.kill(java, signal.SIGSTOP)
    return process, java


def is_gone(process: int) -> bool:
    """Return whether a process has ended; one that nobody has asked for its status has."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return True
    return state.startswith("Z")


@pytest.mark.parametrize("lines", [0, 1000], ids=["read", "not read"])
def test_a_process_that_hangs_is_ended_with_its_java_whether_or_not_its_lines_are_read(
    tmp_path: Path, lines: int
) -> None:
    process, java = run(tmp_path, lines, "hangs")
    try:
        assert process.wait(30) == 1
        eventually(lambda: is_gone(java), lambda: f"{java} lives on", 5)
    finally:
        process.kill()
        if not is_gone(java):
            os.kill(java, signal.SIGKILL)
    out, err = process.communicate()
    said = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [each["event"] for each in said] == ["giving up", "not stopped in order: ending the process"]
    assert said[0]["cause"] == "the alert chain hangs at Spark"
    if not lines:
        assert out.startswith("[Monitor Rusak] peringatan tidak sampai sejak 1 menit 15 detik (Spark tidak menjawab), ")
    assert time.time() - 120 < float((tmp_path / "broken-since").read_text()) < time.time() - 70


def test_a_thread_that_must_live_and_has_ended_is_a_reason(tmp_path: Path) -> None:
    process, java = run(tmp_path, 0, "dead")
    try:
        assert process.wait(30) == 1
        eventually(lambda: is_gone(java), lambda: f"{java} lives on", 5)
    finally:
        process.kill()
    out, _ = process.communicate()
    assert out.startswith("[Monitor Rusak] bagian pulse berhenti sejak 5 detik, monitor dimulai ulang - ")
