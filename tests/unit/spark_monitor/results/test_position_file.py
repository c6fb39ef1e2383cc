"""How far the topics are printed, as the next process finds it."""

from pathlib import Path

from spark_monitor.results.position_file import PositionFile


def noted(folder: Path, offset: int) -> PositionFile:
    """Write a position, and open it again as another process would."""
    PositionFile(folder, "t", 0).note(offset)
    return PositionFile(folder, "t", 0)


def test_it_is_further_than_what_kafka_knows(tmp_path: Path) -> None:
    assert noted(tmp_path, 170).until(committed=100, end=200) == 170
    assert noted(tmp_path, 200).until(committed=100, end=200) == 200


def test_the_last_note_counts(tmp_path: Path) -> None:
    noted(tmp_path, 5_000_000_000).note(5_000_000_001)
    assert PositionFile(tmp_path, "t", 0).until(0, 6_000_000_000) == 5_000_000_001


def test_without_a_note_kafka_s_counts(tmp_path: Path) -> None:
    assert PositionFile(tmp_path / "new", "t", 0).until(committed=100, end=200) == 100


def test_a_note_of_another_kafka_is_not_believed(tmp_path: Path) -> None:
    """Else lines would be missing."""
    assert noted(tmp_path, 170).until(committed=0, end=50) == 0
    assert noted(tmp_path, 70).until(committed=100, end=200) == 100


def test_partitions_and_topics_are_apart(tmp_path: Path) -> None:
    PositionFile(tmp_path, "t", 0).note(10)
    PositionFile(tmp_path, "t", 1).note(20)
    PositionFile(tmp_path, "u", 0).note(30)
    found = [PositionFile(tmp_path, topic, number).until(0, 99) for topic, number in (("t", 0), ("t", 1), ("u", 0))]
    assert found == [10, 20, 30]


def test_a_file_that_was_cut_off_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "t-0").write_bytes(b"\0\0\0")
    assert PositionFile(tmp_path, "t", 0).until(committed=100, end=200) == 100
