"""Where a reading stands in Kafka, as its results name it."""

import pytest

from spark_monitor.reporter import split_origin


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("suhu-0-42", ("suhu-0", 42)),
        ("sensor-suhu-gudang-3-12345678901", ("sensor-suhu-gudang-3", 12345678901)),
        ("topic-1-2-0-0", ("topic-1-2-0", 0)),
    ],
)
def test_topic_and_partition_are_split_from_the_offset(origin: str, expected: tuple[str, int]) -> None:
    assert split_origin(origin) == expected


@pytest.mark.parametrize("origin", ["", "suhu", "suhu-0-x"])
def test_what_is_no_origin_is_an_error(origin: str) -> None:
    """The reporter logs it as not a result of the monitor."""
    with pytest.raises(ValueError, match=r"not enough values|invalid literal"):
        split_origin(origin)
