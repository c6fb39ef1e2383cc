"""The bench still runs, and its contenders still agree. How fast they are is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.layout import ROOT

FIGURES = ("alert_p50_vs_limit", "alert_p99_ms", "status_p50_ms", "idle_cores")


@pytest.mark.timeout(620)
@pytest.mark.parametrize(
    ("only", "figures"),
    [
        pytest.param(("bare",), (), id="the limit"),
        pytest.param(("bare", "ours"), FIGURES, id="the limit and ours", marks=pytest.mark.long),
        pytest.param(("ours", "tutorial"), ("seed_design_p50_vs_ours",), id="the tutorial", marks=pytest.mark.long),
    ],
)
def test_a_short_bench_has_all_figures(tmp_path: Path, only: tuple[str, ...], figures: tuple[str, ...]) -> None:
    """Those that need no environment of their own."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "smoke", "--only", *only, "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert all(results[figure] >= 0 for figure in figures)
    assert results["contenders"].keys() == set(only)
    assert all(each["p50"] > 0 for each in results["round_trip_ms"].values())
    assert all((tmp_path / name).exists() for name in results["samples"])
    assert all(each["drained_per_second"] > 0 for each in results["contenders"].values())
