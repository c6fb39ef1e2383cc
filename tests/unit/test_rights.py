"""What containers read of the repository they can read, whatever the umask of the clone was, and with SELinux."""

import re
from pathlib import Path

import pytest

from devstack import compose_file

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted(
    [*ROOT.glob("services/*/Dockerfile"), *ROOT.glob("infra/*/Dockerfile"), *ROOT.glob("libs/*/Dockerfile")]
)


def name(file: Path) -> str:
    return file.parent.name


@pytest.mark.parametrize("file", DOCKERFILES, ids=name)
def test_what_the_last_stage_takes_of_the_repository_has_its_rights_said(file: Path) -> None:
    """A stage before works as root, and pip gives what it installs the usual rights."""
    last = file.read_text("utf-8").rpartition("\nFROM ")[2]
    copies = re.findall(r"^COPY (?!--from=).*", last, re.MULTILINE)
    assert [each for each in copies if not each.startswith("COPY --chmod=")] == []
    assert re.findall(r"--mount=type=bind,(?!from=)\S*", last) == []


def test_each_mounted_file_has_the_containers_label() -> None:
    mounted = [
        volume
        for service in compose_file.services("compose.yaml").values()
        for volume in service.get("volumes", [])
        if volume.startswith("$")
    ]
    assert len(mounted) == 5
    assert [volume for volume in mounted if not volume.endswith(":ro,z")] == []
