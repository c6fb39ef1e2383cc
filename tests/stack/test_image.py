"""The monitor's image does not depend on the rules that the user edits: they are mounted when it runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from devstack.layout import ROOT

NEEDED = ("services", "libs", "infra/topic-init", "requirements", ".dockerignore")
"""What the build looks at (.dockerignore)."""


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("above: 80", "above: 75", id="another limit"),
        pytest.param("streams:", "streams: [", id="not YAML"),
    ],
)
def test_the_image_is_built_whatever_the_user_s_rules_are(tmp_path: Path, was: str, becomes: str) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "target", "build")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    rules = tmp_path / "services/spark-monitor/rules.yaml"
    text = rules.read_text("utf-8")
    assert was in text
    rules.write_text(text.replace(was, becomes, 1), "utf-8")
    build = ["docker", "build", "--quiet", "--file", "services/spark-monitor/Dockerfile"]
    if image := os.environ.get("PYTHON_IMAGE"):
        build += ["--build-arg", f"PYTHON_IMAGE={image}"]
    ended = subprocess.run([*build, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
