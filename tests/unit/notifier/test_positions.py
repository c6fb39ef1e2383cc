"""What may be committed: never more than what is done without a gap."""

from notifier.positions import Positions


def taken(*record_offsets: tuple[int, int]) -> Positions:
    positions = Positions()
    for place in record_offsets:
        positions.take(place)
    return positions


def test_nothing_is_reached_before_the_first_is_done() -> None:
    positions = taken((0, 40), (0, 41))
    assert positions.reached() == {0: 40}
    assert positions.open == 2


def test_a_gap_holds_the_position_back() -> None:
    positions = taken((0, 40), (0, 41), (0, 42))
    positions.done([(0, 41), (0, 42)])
    assert (positions.reached(), positions.open) == ({0: 40}, 1)
    positions.done([(0, 40)])
    assert (positions.reached(), positions.open) == ({0: 43}, 0)


def test_offsets_that_kafka_left_out_do_no_harm() -> None:
    """Compaction and transactions leave holes."""
    positions = taken((0, 40), (0, 45))
    positions.done([(0, 40)])
    assert positions.reached() == {0: 45}


def test_partitions_are_apart() -> None:
    positions = taken((0, 5), (1, 5))
    positions.done([(1, 5)])
    assert positions.reached() == {0: 5, 1: 6}


def test_what_was_forgotten_is_not_committed_even_when_it_is_done_later() -> None:
    positions = taken((0, 5), (1, 5))
    positions.forget({0})
    positions.done([(0, 5)])
    assert (positions.reached(), positions.open) == ({1: 5}, 1)
