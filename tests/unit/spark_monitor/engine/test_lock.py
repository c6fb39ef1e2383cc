"""One monitor on one folder, seen from several processes, and the command line that starts it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from spark_monitor.__main__ import main
from spark_monitor.engine.lock import LOCK_FILE, Holder, LockError, TakenError, lock_folder

ROOT = Path(__file__).parents[4]

HOLD = """
import subprocess, sys
from pathlib import Path
from spark_monitor.engine.lock import lock_folder
print(lock_folder(Path(sys.argv[1])).holder_id, flush=True)
child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
child.wait()
"""
"""Locks a folder and starts a child that lives on, as Spark's Java machine might."""


class Other:
    """Another process that has the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.holder_id = self.process.stdout.readline().strip()
        self.child = int(self.process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL for the process alone; its child stays."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture
def other(folder: Path) -> Iterator[Other]:
    process = Other(folder)
    with process.process:
        yield process
        process.kill()
        os.kill(process.child, signal.SIGKILL)


def test_a_folder_that_another_process_has_is_refused_with_its_name(folder: Path, other: Other) -> None:
    with pytest.raises(TakenError, match="another monitor is running with it, on host") as caught:
        lock_folder(folder)
    assert str(caught.value).startswith(f"CHECKPOINT_DIR='{folder}': ")
    assert other.process.poll() is None


def test_a_kill_frees_it_though_a_child_lives_on_and_the_next_is_the_same_holder(folder: Path, other: Other) -> None:
    other.kill()
    os.kill(other.child, 0)
    assert lock_folder(folder).holder_id == other.holder_id


def test_what_cannot_be_written_is_refused_with_its_setting(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(LockError, match=r"^CHECKPOINT_DIR='.*/file': expected a place to write: "):
        lock_folder(file)


@pytest.mark.parametrize("damaged", ["", "{", '{"host":"x"}'])
def test_a_damaged_note_is_replaced(folder: Path, damaged: str) -> None:
    folder.mkdir()
    (folder / LOCK_FILE).write_text(damaged)
    holder = lock_folder(folder)
    assert json.loads((folder / LOCK_FILE).read_text()) == holder.model_dump()


def test_the_operator_reads_who_it_is_in_local_time() -> None:
    taken = TakenError("CHECKPOINT_DIR", "/data", Holder(holder_id="x", host="3f2a", since=1795321758.9))
    assert taken.line(ZoneInfo("Asia/Jakarta")) == (
        "[Monitor Ganda] Pemantau lain sedang memakai CHECKPOINT_DIR='/data' "
        "(host 3f2a, sejak 2026-11-22 11:29:18). Pemantau ini berhenti."
    )
    assert "since 2026-11-22 04:29:18 UTC" in str(taken)
    unknown = TakenError("CHECKPOINT_DIR", "/data", None)
    assert "(host tidak diketahui)" in unknown.line(ZoneInfo("Asia/Jakarta"))


@pytest.mark.usefixtures("other")
def test_a_second_run_ends_at_once_and_touches_nothing(folder: Path) -> None:
    """Before it asks for Kafka, which is not there."""
    (folder / "working").mkdir()
    (folder / "working/state").touch()
    env = os.environ | {
        "CHECKPOINT_DIR": str(folder),
        "KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
        "LOG_FORMAT": "json",
        "RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
    }
    run = [sys.executable, "-m", "spark_monitor", "run"]
    ended = subprocess.run(run, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"[Monitor Ganda] Pemantau lain sedang memakai CHECKPOINT_DIR='{folder}' (host ")
    (event,) = map(json.loads, ended.stderr.splitlines())
    assert event["event"] == "giving up"
    assert event["cause"].startswith(f"CHECKPOINT_DIR='{folder}': another monitor is running with it")
    assert (folder / "working/state").exists()


@pytest.mark.usefixtures("other")
def test_settings_without_effect_are_told_first_in_the_lines_and_in_the_log(folder: Path) -> None:
    """Here, as this start ends by itself."""
    env = os.environ | {
        "CHECKPOINT_DIR": str(folder),
        "DISPLAY": "changes",
        "LOG_FORMAT": "json",
        "RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
        "TZ": ":/etc/localtime",
    }
    env.pop("SHOW", None)
    run = [sys.executable, "-m", "spark_monitor", "run"]
    ended = subprocess.run(run, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert ended.stdout.splitlines()[:-1] == [
        "[Setelan Lama] DISPLAY tidak dibaca lagi, pakai SHOW=changes",
        "[Zona Waktu] TZ=':/etc/localtime' tidak dapat dipakai, waktu ditulis dalam Asia/Jakarta",
    ]
    assert ended.stdout.splitlines()[-1].startswith("[Monitor Ganda] ")
    told = [json.loads(line) for line in ended.stderr.splitlines()][:-1]
    assert [(event["level"], event["event"], event["cause"].split("=")[0]) for event in told] == [
        ("warning", "a setting has no effect", "DISPLAY"),
        ("warning", "a setting has no effect", "TZ"),
    ]


def test_without_a_command_the_commands_are_listed_and_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    monkeypatch.setenv("CHECKPOINT_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["spark-monitor"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    for command in "run", "check-rules", "test-rules", "refused", "alarms":
        assert f"\n    {command} " in said.err or f"\n    {command}\n" in said.err
    assert not folder.exists()


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["spark-monitor", "check-rule"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "invalid choice: 'check-rule'" in capsys.readouterr().err
