"""A clone on a machine that turns line ends around has them all the same as here: containers read these files."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(*arguments: str, folder: Path) -> str:
    """Return what git says."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_no_line_ends_in_cr_lf_whatever_autocrlf_says(tmp_path: Path) -> None:
    """The files as they are now, also before they are committed."""
    git("init", "--quiet", folder=tmp_path)
    git("config", "core.autocrlf", "true", folder=tmp_path)
    files = git("ls-files", "--cached", "--others", "--exclude-standard", "-z", folder=ROOT).split("\0")[:-1]
    for name in files:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((ROOT / name).read_bytes())
    git("add", "--all", "--force", folder=tmp_path)
    for name in files:
        (tmp_path / name).unlink()
    git("checkout-index", "--all", folder=tmp_path)
    changed = [name for name in files if (tmp_path / name).read_bytes() != (ROOT / name).read_bytes()]
    assert changed == []
