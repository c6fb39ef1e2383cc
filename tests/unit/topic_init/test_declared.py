"""The topics file: what it may say, and what is reported about a wrong one."""

from pathlib import Path

import pytest

from topic_init.declared import read
from topic_init.errors import FinalError
from topic_init.settings import Settings

SHIPPED = Path(__file__).parents[3] / "infra/topic-init/topics.yaml"
HOUR_MS = 3_600_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "topics.yaml"


def mistakes(file: Path, text: str | bytes) -> list[str]:
    """Write the file, read it, and return the lines about it without the file's name in front."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FinalError) as caught:
        read(file)
    assert all(line.startswith(f"{file}: ") and "\n" not in line for line in caught.value.args)
    return [line.removeprefix(f"{file}: ") for line in caught.value.args]


def test_the_shipped_file_declares_the_stacks_topics() -> None:
    declared = {topic.name: topic.config for topic in read(SHIPPED)}
    bounded = {"max.message.bytes": "1048588"}
    unpacked = bounded | {"compression.type": "uncompressed"}
    by_the_brokers_clock = {"message.timestamp.type": "LogAppendTime"}
    assert declared["sensor-suhu-gudang"] == bounded | by_the_brokers_clock
    assert declared["sensor-kelembaban-gudang"] == bounded | by_the_brokers_clock
    assert declared["sensor-suhu"] == bounded | by_the_brokers_clock
    assert declared["monitor-peringatan"] == declared["monitor-status"] == declared["monitor-insiden"] == unpacked
    assert declared["monitor-ditolak"] == unpacked | {"max.message.bytes": "2097152"}
    assert declared["monitor-kenari"] == unpacked | by_the_brokers_clock
    assert declared["monitor-detak"] == unpacked | {"retention.ms": str(24 * HOUR_MS)}
    assert declared.keys() >= {"monitor-peringatan", "monitor-status", "monitor-insiden"}


def test_the_canary_has_one_partition_whatever_the_readings_have() -> None:
    """Its pulses come back in the order in which they are sent."""
    topics = {topic.name: topic.wanted(Settings(topic_partitions=6)).partitions for topic in read(SHIPPED)}
    assert {name: count for name, count in topics.items() if count != 6} == {
        "monitor-tindakan": 1, "monitor-kenari": 1, "monitor-detak": 1
    }  # fmt: skip


def test_the_environment_fills_in_what_the_file_leaves_open(file: Path) -> None:
    file.write_text("topics: [{name: a}]")
    settings = Settings(topic_partitions=3, topic_replication=2, topic_retention_hours=5)
    (topic,) = read(file)
    assert topic.wanted(settings) == ("a", 3, 2, {"retention.ms": str(5 * HOUR_MS)})


def test_the_file_goes_before_the_environment(file: Path) -> None:
    file.write_text("topics: [{name: a, partitions: 7, config: {retention.ms: -1, flush.ms: 9}}]")
    (topic,) = read(file)
    assert topic.wanted(Settings(topic_partitions=3)) == ("a", 7, 1, {"retention.ms": "-1", "flush.ms": "9"})


def test_values_reach_kafka_as_they_are_written(file: Path) -> None:
    """YAML's own types would make True, 0.50 and 1_000 something else."""
    file.write_text("topics: [{name: a, config: {a: true, b: 0.50, c: 1_000, d: 2026-99-99}}]")
    assert read(file)[0].config == {"a": "true", "b": "0.50", "c": "1_000", "d": "2026-99-99"}


def test_every_mistake_has_a_line_with_its_place(file: Path) -> None:
    text = """
topics:
  - name: a b
  - name: c
    partitions: 0
  - partition: 2
  - name: d
    config: {x: [1], y: }
other: 1
"""
    places = [line.split(": ")[0] for line in mistakes(file, text)]
    assert places == [
        "topics[0].name",
        "topics[1].partitions",
        "topics[2].name",
        "topics[2].partition",
        "topics[3].config.x",
        "topics[3].config.y",
        "other",
    ]


@pytest.mark.parametrize("text", ["", "topics", "[]"])
def test_a_file_of_another_shape_is_refused(file: Path, text: str) -> None:
    (line,) = mistakes(file, text)
    assert line.startswith("the file: ")


def test_no_topics_at_all_is_a_mistake(file: Path) -> None:
    (line,) = mistakes(file, "topics: []")
    assert line.startswith("topics: ")


def test_a_name_is_declared_once(file: Path) -> None:
    (line,) = mistakes(file, "topics: [{name: a}, {name: b}, {name: a}]")
    assert line == "topics: Value error, declared more than once: a"


def test_a_syntax_error_has_its_line(file: Path) -> None:
    (line,) = mistakes(file, "topics:\n  - name: a\n  config: : {\n")
    assert line.startswith("line 3: ")


def test_bytes_that_are_no_text_are_one_line(file: Path) -> None:
    assert len(mistakes(file, b"topics: \xff\xfe")) == 1


def test_an_absent_file_is_named(file: Path) -> None:
    with pytest.raises(FinalError, match=r"topics\.yaml: cannot be read: No such file"):
        read(file)
