"""The bench still runs, and its contenders still agree. How fast they are is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.layout import ROOT


@pytest.mark.timeout(420)
def test_a_short_bench_has_all_figures(tmp_path: Path) -> None:
    """Those that need no environment of their own."""
    only = ("bare", "ours", "tutorial")
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "smoke", "--only", *only, "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    for figure in ("alert_p50_vs_limit", "alert_p99_ms", "status_p50_ms", "seed_design_p50_vs_ours", "idle_cores"):
        assert results[figure] >= 0, figure
    assert results["contenders"].keys() == set(only)
    assert all(each["p50"] > 0 for each in results["round_trip_ms"].values())
    assert all((tmp_path / name).exists() for name in results["samples"])
    assert all(each["drained_per_second"] > 0 for each in results["contenders"].values())
