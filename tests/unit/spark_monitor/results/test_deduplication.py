"""People see each result once, though Spark repeats what came since its last checkpoint boundary."""

from spark_monitor.results.deduplication import Deduplication


def test_a_result_is_new_once() -> None:
    seen = Deduplication()
    assert [seen.add("suhu-0", offset) for offset in (7, 7, 8, 7)] == [True, False, True, False]


def test_each_series_has_offsets_of_its_own() -> None:
    seen = Deduplication()
    assert [seen.add(series, 7) for series in ("suhu-0", "suhu-1", "suhu-0 rule")] == [True, True, True]


def test_a_repetition_since_the_last_boundary_is_known() -> None:
    seen = Deduplication()
    seen.add("suhu-0", 7)
    seen.start_generation()
    assert not seen.add("suhu-0", 7)
    assert seen.add("suhu-0", 8)


def test_what_came_before_the_last_boundary_but_one_is_forgotten() -> None:
    """Else the bitmaps would grow forever."""
    seen = Deduplication()
    seen.add("suhu-0", 7)
    seen.start_generation()
    seen.add("suhu-0", 8)
    seen.start_generation()
    assert [seen.add("suhu-0", offset) for offset in (7, 8)] == [True, False]


def test_offsets_may_be_larger_than_32_bits() -> None:
    seen = Deduplication()
    assert seen.add("suhu-0", 5)
    assert seen.add("suhu-0", 5 + 2**32)
    assert not seen.add("suhu-0", 5 + 2**32)
