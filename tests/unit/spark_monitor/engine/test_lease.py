"""Whose the lease is, decided from what was seen; and two holders of it on one folder."""

import json
import threading
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devstack.eventually import eventually
from spark_monitor.engine import lease
from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.lease import LEASE_FILE, Entry, Lease, is_lost, may_take
from spark_monitor.engine.lock import Holder, TakenError

LOCATION = "s3a://warehouse/checkpoints"
JAKARTA = ZoneInfo("Asia/Jakarta")
MARGIN_SECONDS = 10


def holder(name: str) -> Holder:
    return Holder(holder_id=name, host=f"host-{name}", since=1795321758)


def entry(name: str, run: str = "run-1", renewals: int = 1) -> bytes:
    return Entry(holder=holder(name), run=run, renewals=renewals).model_dump_json().encode()


@pytest.mark.parametrize(
    ("found", "first", "seconds", "answer"),
    [
        (None, None, 0, "yes"),
        (entry("me"), entry("me"), 0, "yes"),
        (entry("other"), entry("other"), 0, "wait"),
        (entry("other"), entry("other"), 29.9, "wait"),
        (entry("other"), entry("other"), 30, "yes"),
        (entry("other", renewals=2), entry("other"), 1, "no"),
        (entry("other", renewals=2), entry("other"), 31, "no"),
        (entry("third"), entry("other"), 31, "no"),
        (entry("other"), None, 31, "no"),
        (None, entry("other"), 5, "yes"),
        (b"{", b"{", 29.9, "wait"),
        (b"{", b"{", 30, "yes"),
    ],
)
def test_a_start_takes_waits_or_is_refused(
    found: bytes | None, first: bytes | None, seconds: float, answer: str
) -> None:
    assert may_take(found, first, seconds, "me") == answer


@pytest.mark.parametrize(
    ("found", "seconds", "lost"),
    [
        (entry("me", "mine"), 10, False),
        (entry("me", "mine"), 3600, False),
        (entry("other", "its"), 0, True),
        # A copy of the volume on another machine.
        (entry("me", "its"), 0, True),
        (None, 29.9, False),
        (None, 30, True),
        (b"{", 10, False),
    ],
)
def test_a_running_monitor_loses_it_only_to_another(found: bytes | None, seconds: float, lost: bool) -> None:  # noqa: FBT001
    assert is_lost(found, "mine", seconds) is lost


@pytest.fixture(autouse=True)
def _in_quick_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses; the tests of the decisions above say what LEASE_SECONDS is worth."""
    times = {"RENEW_SECONDS": 0.05, "LOOK_SECONDS": 0.02, "SETTLE_SECONDS": 0.05}
    for name, seconds in times.items():
        monkeypatch.setattr(lease, name, seconds)


@pytest.fixture
def root(tmp_path: Path) -> LocalStoragePath:
    return LocalStoragePath(tmp_path / "root")


def acquired(root: LocalStoragePath, name: str) -> Lease:
    new = Lease(LOCATION, holder(name))
    assert new.acquire(root, threading.Event())
    return new


def renewals(root: LocalStoragePath) -> int:
    return int(json.loads((root / LEASE_FILE).read())["renewals"])


def reason(held: Lease) -> str | None:
    return held.reason_to_end(lambda _line: None, JAKARTA)


def test_it_is_renewed_keeps_others_out_and_is_removed_at_the_end(root: LocalStoragePath) -> None:
    with acquired(root, "me") as held:
        eventually(lambda: renewals(root) >= 3, lambda: str(renewals(root)))
        with pytest.raises(TakenError, match=f"^CHECKPOINT_LOCATION='{LOCATION}': .* on host host-me since 2026-11-22"):
            acquired(root, "other")
        assert reason(held) is None
    assert not (root / LEASE_FILE).exists()


def test_one_that_is_renewed_no_more_is_taken_over(root: LocalStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.3)
    (root / LEASE_FILE).write(entry("other").decode())
    begun = time.monotonic()
    with acquired(root, "me") as held:
        assert time.monotonic() - begun >= 0.3
        assert reason(held) is None


def test_the_same_holder_continues_at_once(root: LocalStoragePath) -> None:
    (root / LEASE_FILE).write(entry("me").decode())
    begun = time.monotonic()
    with acquired(root, "me"):
        assert time.monotonic() - begun < MARGIN_SECONDS


def test_of_two_that_start_at_once_the_first_writer_is_refused(
    root: LocalStoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SETTLE_SECONDS", 0.5)

    def write_after_it() -> None:
        eventually((root / LEASE_FILE).exists, lambda: "nothing was written", 10)
        (root / LEASE_FILE).write(entry("other").decode())

    other = threading.Thread(target=write_after_it)
    other.start()
    with pytest.raises(TakenError, match="host-other"):
        acquired(root, "me")
    other.join()


def test_a_stop_ends_the_wait(root: LocalStoragePath) -> None:
    (root / LEASE_FILE).write(entry("other").decode())
    stop = threading.Event()
    stop.set()
    assert not Lease(LOCATION, holder("me")).acquire(root, stop)
    assert (root / LEASE_FILE).read() == entry("other")


def test_another_s_lease_ends_the_running_one_which_leaves_it_alone(root: LocalStoragePath) -> None:
    lines: list[str] = []
    with acquired(root, "me") as held:
        (root / LEASE_FILE).write(entry("other").decode())
        eventually(lambda: reason(held), lambda: "the other's lease was not noticed")
        found = held.reason_to_end(lines.append, JAKARTA)
    assert found is not None
    assert found.startswith(f"CHECKPOINT_LOCATION='{LOCATION}': another monitor is running with it, on host host-other")
    (line,) = lines
    assert line.startswith("[Monitor Ganda] ")
    assert (root / LEASE_FILE).read() == entry("other")


def test_a_place_that_is_away_ends_nothing(root: LocalStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.2)
    there, file = root.path.with_name("there"), root.path.with_name("file")
    there.mkdir()
    file.touch()

    def leads_to(target: Path) -> None:
        new = root.path.with_name("new")
        new.symlink_to(target)
        new.replace(root.path)

    leads_to(there)
    with acquired(root, "me") as held:
        leads_to(file)  # what is below a file can't be read
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 0.5 or reason(held), lambda: "")
        assert reason(held) is None
        leads_to(there)
        before = renewals(root)
        eventually(lambda: renewals(root) > before, lambda: f"{renewals(root)}; {reason(held)}")
        assert reason(held) is None


def test_the_death_of_its_thread_is_a_reason(root: LocalStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_unused: object) -> bool:
        raise RuntimeError("no more threads")

    with acquired(root, "me") as held:
        monkeypatch.setattr(lease, "is_lost", fails)
        eventually(lambda: reason(held), lambda: "not noticed")
        assert reason(held) == "the lease's thread ended: RuntimeError('no more threads')"


def test_without_a_location_there_is_nothing_to_hold(root: LocalStoragePath) -> None:
    with Lease(None, holder("me")) as held:
        assert held.acquire(root, threading.Event())
        assert reason(held) is None
    assert not root.exists()
