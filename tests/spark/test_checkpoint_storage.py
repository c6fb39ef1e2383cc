"""Checkpoints are kept alike in a folder and on a file system of Hadoop's."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_monitor.engine.checkpoint_storage import HadoopStoragePath, LocalStoragePath, StoragePath


@pytest.fixture(params=["local", "hadoop"])
def root(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> StoragePath:
    if request.param == "local":
        return LocalStoragePath(tmp_path / "root")
    return HadoopStoragePath(spark.sparkContext._jvm, f"file://{tmp_path}/root")  # noqa: SLF001 - as the monitor has it


def test_what_is_not_there(root: StoragePath) -> None:
    assert not root.exists()
    assert root.names() == []
    with pytest.raises(FileNotFoundError):
        (root / "alerts.json").read()


def test_a_file_is_made_and_replaced(root: StoragePath) -> None:
    file = root / "alerts.json"
    file.write("erste Fassung, länger")
    file.write("zweite ä")
    assert (file.exists(), file.name, file.read().decode()) == (True, "alerts.json", "zweite ä")
    assert [name for name in root.names() if not name.startswith(".")] == ["alerts.json"]


def test_a_folder_is_removed_with_what_is_in_it(root: StoragePath) -> None:
    (root / "alerts-1/offsets/0").write("v1")
    (root / "alerts.json").write("{}")
    assert (root / "alerts-1" / "offsets").names()[-1] == "0"
    (root / "alerts-1").remove()
    assert not (root / "alerts-1/offsets/0").exists()
    assert (root / "alerts.json").exists()
    (root / "alerts.json").remove()
    assert not (root / "alerts.json").exists()


def test_what_stands_in_the_way_is_an_error_with_its_address(root: StoragePath) -> None:
    (root / "alerts").write("a file")
    with pytest.raises(OSError, match="root/alerts"):
        (root / "alerts/below").write("{}")
