"""A query goes on where it stood: after a restart, with other rules, and with files that a fault has damaged."""

import json
from pathlib import Path

import pytest

from spark_monitor.engine.checkpoint_storage import LocalStoragePath
from spark_monitor.engine.checkpoints import Checkpoint, Extent, Offsets
from spark_monitor.engine.queries import starting_offsets

LAYOUT = {"topics": ["suhu"]}


def take(
    root: Path,
    layout: dict[str, list[str]] = LAYOUT,
    elsewhere: Offsets | None = None,
    *,
    first: int = 0,
    end: int = 1000,
    can_take_over: bool = False,
) -> Checkpoint:
    extent = Extent({"suhu": {"0": first}, "co2": {"0": 0}}, {"suhu": {"0": end}, "co2": {"0": 1000}})
    return Checkpoint.take(
        LocalStoragePath(root), "alerts", layout, elsewhere or {}, extent, can_take_over=can_take_over
    )


def on_disk(checkpoint: Checkpoint) -> Path:
    return Path(str(checkpoint.folder))


def spark_ran(checkpoint: Checkpoint, *ends: int, topic: str = "suhu") -> None:
    """Leave what Spark's source and its logs leave after batches that ended at these offsets, from 0."""
    write(on_disk(checkpoint) / "sources/0/0", "\0v1\n" + json.dumps({topic: {"0": 0}}))
    for batch, end in enumerate(ends):
        write(on_disk(checkpoint) / f"offsets/{batch}", 'v1\n{"conf":{}}\n' + json.dumps({topic: {"0": end}}))
        write(on_disk(checkpoint) / f"offsets/.{batch}.crc", "")
        write(on_disk(checkpoint) / f"commits/{batch}", 'v2\n{"nextBatchWatermarkMs":0}')


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_the_first_start_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    first = take(tmp_path)
    assert (first.starting, first.stands_at, first.may_repeat, first.news) == ({}, {}, "everything", None)


def test_a_restart_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    again = take(tmp_path)
    assert (again.folder, again.may_repeat, again.news) == (first.folder, "since the last boundary", None)
    assert again.stands_at == {"suhu": {"0": 10}}, "where the last completed batch began"
    assert again.goes_on_from == {"suhu": {"0": 20}}, "where it ended"


def test_another_layout_starts_anew_where_the_old_one_stood(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    other = take(tmp_path, {"topics": ["co2", "suhu"]})
    assert other.folder != first.folder
    assert not on_disk(first).exists()
    assert not on_disk(other).exists(), "Spark makes it"
    assert other.starting == other.goes_on_from == {"suhu": {"0": 10}}
    assert other.may_repeat == "everything"
    assert other.news is not None
    assert "other streams" in other.news


def test_a_batch_that_is_the_only_one_is_repeated_from_its_beginning(tmp_path: Path) -> None:
    spark_ran(take(tmp_path), 10)
    assert take(tmp_path, {}).starting == {"suhu": {"0": 0}}


def test_before_its_first_boundary_a_query_stands_where_it_began(tmp_path: Path) -> None:
    spark_ran(take(tmp_path))
    assert take(tmp_path, {}).starting == {"suhu": {"0": 0}}


def test_a_topic_that_is_read_no_more_is_remembered(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    without = take(tmp_path, {"topics": ["co2"]})
    spark_ran(without, 5, 6, topic="co2")
    assert take(tmp_path).starting == {"suhu": {"0": 10}, "co2": {"0": 5}}


def test_a_crash_before_spark_began_loses_no_offsets(tmp_path: Path) -> None:
    spark_ran(take(tmp_path), 10, 20)
    other = take(tmp_path, {})
    again = take(tmp_path, {})
    assert again.starting == other.starting == {"suhu": {"0": 10}}
    assert again.may_repeat == "everything"


def test_a_topic_new_to_this_query_starts_where_another_query_stands(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    other = take(tmp_path, {}, {"suhu": {"0": 99}, "co2": {"0": 7}})
    assert other.starting == {"suhu": {"0": 10}, "co2": {"0": 7}}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("offsets/2", ""),
        ("offsets/2", 'v1\n{"batchTimestampMs":1}\n{"suhu":{"0'),
        ("offsets/2", 'v1\n{"batchTimestampMs":1}'),
        ("offsets/2", None),
        ("commits/2", ""),
        ("sources/0/0", "\0v1\n"),
    ],
)
def test_a_damaged_file_is_named_and_the_query_starts_anew(tmp_path: Path, file: str, content: str | None) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20, 30)
    (on_disk(first) / file).unlink()
    if content is not None:
        (on_disk(first) / file).write_text(content)
    anew = take(tmp_path)
    assert anew.news is not None
    assert anew.news.startswith(f"{first.folder.name}/{file} is damaged")
    assert anew.folder != first.folder
    assert anew.starting == {"suhu": {"0": 20}}
    assert anew.may_repeat == "everything"


@pytest.mark.parametrize("log", ["offsets", "commits"])
def test_a_first_batch_that_was_cut_off_does_not_stand_in_the_way(tmp_path: Path, log: str) -> None:
    """Spark refuses to begin its first batch where any file of it lies: after a full disk, or a stop while it wrote."""
    first = take(tmp_path)
    spark_ran(first)
    left = on_disk(first) / log / ".0.5a1c.tmp"
    write(left, "v1")
    again = take(tmp_path)
    again.tidy()
    assert (again.folder, left.exists()) == (first.folder, False)


def test_tidying_leaves_complete_batches_alone(tmp_path: Path) -> None:
    first = take(tmp_path)
    first.tidy()
    spark_ran(first, 10)
    first.tidy()
    assert (on_disk(first) / "offsets/0").exists()
    assert (on_disk(first) / "offsets/.0.crc").exists()
    assert (on_disk(first) / "commits/0").exists()


def test_tidying_takes_state_that_no_completed_batch_has_and_no_other(tmp_path: Path) -> None:
    first = take(tmp_path)
    state = on_disk(first) / "state/0/0/1.zip"
    write(state, "")
    first.tidy()
    assert not state.exists()
    spark_ran(first, 10)
    write(state, "")
    first.tidy()
    assert state.exists()


def test_a_batch_that_was_begun_and_not_completed_is_known(tmp_path: Path) -> None:
    first = take(tmp_path)
    assert not first.has_planned_batch
    spark_ran(first, 10, 20)
    assert not first.has_planned_batch
    (on_disk(first) / "commits/1").unlink()
    assert first.has_planned_batch


def test_offsets_half_written_in_a_crash_are_of_no_completed_batch(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20, 30)
    (on_disk(first) / "commits/2").unlink()
    (on_disk(first) / "offsets/2").write_text("v1")
    assert take(tmp_path).starting == {"suhu": {"0": 10}}


def test_a_lost_folder_is_said_and_begins_where_it_once_began(tmp_path: Path) -> None:
    spark_ran(take(tmp_path), 10, 20)
    other = take(tmp_path, {})
    spark_ran(other, 30, 40)
    for file in sorted(on_disk(other).rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    on_disk(other).rmdir()
    lost = take(tmp_path, {})
    assert lost.starting == {"suhu": {"0": 10}}
    assert lost.may_repeat == "everything"
    assert lost.news is not None
    assert "is not there" in lost.news


def test_unread_readings_that_kafka_has_no_more_are_gone(tmp_path: Path) -> None:
    """Spark would wait for them forever: the query starts over behind them."""
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    assert (take(tmp_path, first=20).gone, take(tmp_path, first=20).folder) == ({}, first.folder)
    overtaken = take(tmp_path, first=25)
    assert overtaken.gone == {"suhu": {"0": 20}}
    assert overtaken.starting == {"suhu": {"0": 25}}
    assert overtaken.folder != first.folder


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Its offsets count from 0 again; a query that waited for the old ones would miss all readings until then."""
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    assert take(tmp_path, end=20).folder == first.folder
    anew = take(tmp_path, end=9)
    assert anew.folder != first.folder
    assert anew.may_repeat == "nothing", "the same ids are of other readings now"
    assert anew.starting == {"suhu": {}}
    assert starting_offsets(anew.starting, ["suhu"], {"suhu": {"0": 9}}, "latest") == {"suhu": {"0": -2}}
    assert anew.news is not None
    assert "less than was read of suhu" in anew.news


def test_a_topic_that_lost_its_end_is_read_from_where_the_query_stood(tmp_path: Path) -> None:
    spark_ran(take(tmp_path), 10, 20)
    assert take(tmp_path, end=15).starting == {"suhu": {"0": 10}}


def test_a_damaged_note_is_said(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10)
    (tmp_path / "alerts.json").write_text("{")
    anew = take(tmp_path)
    assert anew.news is not None
    assert "alerts.json is damaged" in anew.news
    assert not anew.folder.names(), "a folder of unknown layout must not be gone on with"


def test_starting_offsets_name_every_partition() -> None:
    known = {"suhu": {"0": 5}}
    ends = {"suhu": {"0": 7, "1": 3}, "co2": {"0": 8}, "other": {"0": 9}}
    assert starting_offsets(known, ["suhu", "co2"], ends, "latest") == {"suhu": {"0": 5, "1": -2}, "co2": {"0": 8}}
    assert starting_offsets({}, ["co2"], ends, "earliest") == {"co2": {"0": -2}}


class Away(LocalStoragePath):
    """Can be looked through, but not read: its server has gone meanwhile."""

    def read(self) -> bytes:
        """Return what the note holds; nothing else."""
        if self.name.endswith(".json"):
            return super().read()
        raise ConnectionError(str(self))


def test_a_file_that_cannot_be_read_now_is_not_taken_for_damaged(tmp_path: Path) -> None:
    spark_ran(take(tmp_path), 10, 20)
    with pytest.raises(ConnectionError):
        Checkpoint.take(Away(tmp_path), "alerts", LAYOUT, {}, Extent({}, {}))


def test_what_is_no_file_is_damaged(tmp_path: Path) -> None:
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    (on_disk(first) / "commits/1").unlink()
    (on_disk(first) / "commits/1").mkdir()
    assert take(tmp_path).news == "alerts-1/commits/1 is damaged: starting over where it last stood"


def test_a_state_that_is_taken_over_stays_until_the_first_batch_behind_it(tmp_path: Path) -> None:
    first = take(tmp_path, {"state": ["1"]})
    spark_ran(first, 10, 20)
    second = take(tmp_path, {"state": ["2"]}, can_take_over=True)
    assert (second.before, second.starting) == (first.folder, {"suhu": {"0": 20}}), "all that was read is in the state"
    assert not on_disk(second).exists()
    assert take(tmp_path, {"state": ["2"]}, can_take_over=True).before == first.folder, "a crash before the first batch"
    spark_ran(second)
    assert take(tmp_path, {"state": ["2"]}, can_take_over=True).before == first.folder, "a crash in the first batch"
    spark_ran(second, 30)
    third = take(tmp_path, {"state": ["2"]}, can_take_over=True)
    assert (third.folder, third.before) == (second.folder, None)
    assert not on_disk(first).exists()


def test_a_state_that_was_not_taken_over_yet_outlives_another_start(tmp_path: Path) -> None:
    first = take(tmp_path, {"state": ["1"]})
    spark_ran(first, 10, 20)
    take(tmp_path, {"state": ["2"]}, can_take_over=True)
    third = take(tmp_path, {"state": ["2"]}, first=50, can_take_over=True)
    assert (third.before, third.starting) == (first.folder, {"suhu": {"0": 50}})


def test_with_readings_gone_the_state_is_taken_over(tmp_path: Path) -> None:
    """An incident that was open before a long outage is open behind it."""
    first = take(tmp_path)
    spark_ran(first, 10, 20)
    second = take(tmp_path, first=50, can_take_over=True)
    assert (second.before, second.gone) == (first.folder, {"suhu": {"0": 20}})
    assert second.starting == {"suhu": {"0": 50}}


def test_a_state_that_nothing_was_kept_in_is_not_taken_over(tmp_path: Path) -> None:
    spark_ran(take(tmp_path, {"state": ["1"]}))
    second = take(tmp_path, {"state": ["2"]}, can_take_over=True)
    assert second.before is None


def test_a_damaged_state_is_not_taken_over(tmp_path: Path) -> None:
    first = take(tmp_path, {"state": ["1"]})
    spark_ran(first, 10, 20)
    write(on_disk(first) / "commits/1", "v2\n{")
    second = take(tmp_path, {"state": ["2"]}, can_take_over=True)
    assert second.before is None
    assert not on_disk(first).exists()


def test_a_query_of_two_sources_goes_on_where_both_stand(tmp_path: Path) -> None:
    """Spark notes a line for each source; one that has nothing yet has a dash."""
    folder = on_disk(first := take(tmp_path))
    write(folder / "sources/0/0", '\0v1\n{"suhu":{"0":1}}')
    write(folder / "sources/1/0", '\0v1\n{"acts":{"0":2}}')
    write(folder / "offsets/0", 'v1\n{"batchTimestampMs":1}\n{"suhu":{"0":10}}\n-')
    write(folder / "commits/0", 'v2\n{"nextBatchWatermarkMs":0}')
    assert first.goes_on_from == {"suhu": {"0": 10}}
    assert first.stands_at == {"suhu": {"0": 1}, "acts": {"0": 2}}
    write(folder / "offsets/1", 'v1\n{"batchTimestampMs":1}\n{"suhu":{"0":20}}\n{"acts":{"0":5}}')
    write(folder / "commits/1", 'v2\n{"nextBatchWatermarkMs":0}')
    assert first.goes_on_from == {"suhu": {"0": 20}, "acts": {"0": 5}}
    assert first.stands_at == {"suhu": {"0": 10}}
