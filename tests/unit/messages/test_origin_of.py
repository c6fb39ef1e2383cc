"""Where a reading is in Kafka, as its results name it."""

import pytest

from messages.records import origin_of


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("suhu-0-42-rule", ("suhu-0", 42)),
        ("sensor-suhu-gudang-3-12345678901-suhu_tinggi", ("sensor-suhu-gudang-3", 12345678901)),
        ("topic-1-2-0-0-r", ("topic-1-2-0", 0)),
    ],
)
def test_topic_and_partition_are_split_from_the_offset(origin: str, expected: tuple[str, int]) -> None:
    assert origin_of(origin) == expected


@pytest.mark.parametrize("origin", ["", "suhu", "suhu-0-x-r"])
def test_what_is_no_origin_is_an_error(origin: str) -> None:
    """The reporter logs it as not a result of the monitor."""
    with pytest.raises(ValueError, match=r"not enough values|invalid literal"):
        origin_of(origin)
