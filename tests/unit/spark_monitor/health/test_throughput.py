"""The figures of the last minute."""

import pytest

from spark_monitor.health.throughput import Throughput, percentile_ms

NOTHING = {
    "readings": 0,
    "alerts": 0,
    "statuses": 0,
    "refusals": 0,
    "refused_for": {},
    "alert_p50_ms": None,
    "alert_p99_ms": None,
    "status_p50_ms": None,
    "status_p99_ms": None,
}


@pytest.mark.parametrize(
    ("count", "fraction", "rank"),
    [(1, 0.5, 1), (1, 0.99, 1), (2, 0.5, 1), (3, 0.5, 2), (100, 0.5, 50), (100, 0.99, 99), (101, 0.99, 100)],
)
def test_a_percentile_is_the_nearest_rank(count: int, fraction: float, rank: int) -> None:
    """The smallest of the values that so many of all are not above; the n-th value is n ms."""
    assert percentile_ms([number / 1000 for number in range(1, count + 1)], fraction) == rank


def test_a_percentile_of_nothing_is_none() -> None:
    assert percentile_ms([], 0.5) is None


def test_a_percentile_is_in_tenths_of_milliseconds() -> None:
    assert percentile_ms([0.0123456], 0.5) == 12.3


def test_it_counts_and_takes_the_times() -> None:
    figures = Throughput({})
    for milliseconds in (30, 10, 20):
        figures.alert(milliseconds / 1000)
    for milliseconds in (400, 200, 300, 100, 500):
        figures.status(milliseconds / 1000)
    for code in ("NOT_JSON", "OUT_OF_RANGE", "NOT_JSON"):
        figures.refusal(code)
    assert figures.take() == {
        "readings": 0,
        "alerts": 3,
        "statuses": 5,
        "refusals": 3,
        "refused_for": {"NOT_JSON": 2, "OUT_OF_RANGE": 1},
        "alert_p50_ms": 20,
        "alert_p99_ms": 30,
        "status_p50_ms": 300,
        "status_p99_ms": 500,
    }


def test_take_starts_anew() -> None:
    figures = Throughput({})
    figures.alert(0.1)
    figures.status(0.1)
    figures.refusal("NOT_JSON")
    figures.judged("suhu-0", 0)
    figures.take()
    assert figures.take() == NOTHING


def test_a_reading_counts_once_though_it_has_an_alert_and_a_status() -> None:
    figures = Throughput({})
    for offset in (5, 5, 6):
        figures.judged("suhu-0", offset)
    figures.judged("suhu-1", 5)
    assert figures.take()["readings"] == 3


def test_a_reading_without_a_result_counts_with_the_next() -> None:
    figures = Throughput({})
    figures.judged("suhu-0", 5)
    figures.judged("suhu-0", 8)
    assert figures.take()["readings"] == 4


def test_a_repeated_reading_does_not_count() -> None:
    figures = Throughput({})
    figures.judged("suhu-0", 5)
    figures.judged("suhu-0", 6)
    figures.take()
    figures.judged("suhu-0", 5)
    figures.judged("suhu-0", 7)
    assert figures.take()["readings"] == 1


def test_what_is_read_back_does_not_count_but_is_processed() -> None:
    figures = Throughput({})
    figures.judged("suhu-0", 5, count=False)
    assert figures.lag({"suhu": {"0": 6}}) == 0
    figures.judged("suhu-0", 6)
    assert figures.take()["readings"] == 1


def test_lag_is_what_has_no_result_yet_in_all_partitions() -> None:
    figures = Throughput({})
    figures.judged("suhu-0", 9)
    figures.judged("suhu-1", 4)
    assert figures.lag({"suhu": {"0": 10, "1": 5}}) == 0
    assert figures.lag({"suhu": {"0": 13, "1": 7}}) == 3 + 2


def test_a_partition_without_a_result_counts_from_the_first_look() -> None:
    """What was in it before may have been processed before the start."""
    figures = Throughput({})
    assert figures.lag({"suhu": {"0": 1000}}) == 0
    assert figures.lag({"suhu": {"0": 1003}}) == 3


def test_lag_is_never_negative_in_a_partition() -> None:
    """The ends were asked for before the last results came."""
    figures = Throughput({})
    figures.judged("suhu-0", 9)
    assert figures.lag({"suhu": {"0": 4}}) == 0


def test_take_does_not_change_the_lag() -> None:
    figures = Throughput({})
    figures.judged("suhu-0", 9)
    figures.take()
    assert figures.lag({"suhu": {"0": 12}}) == 2


def test_it_is_overtaken_when_kafka_removes_what_has_no_result_yet() -> None:
    figures = Throughput({})
    assert not figures.is_overtaken({"suhu": {"0": 500}}), "of a partition without results nothing is known"
    figures.judged("suhu-0", 9)
    assert not figures.is_overtaken({"suhu": {"0": 10}})
    assert figures.is_overtaken({"suhu": {"0": 11}})


def test_what_was_gone_before_the_start_does_not_overtake() -> None:
    """Old results are read back; the readings behind them were removed, said to be gone, and skipped."""
    figures = Throughput({"suhu": {"0": 40}})
    figures.judged("suhu-0", 9, count=False)
    assert not figures.is_overtaken({"suhu": {"0": 40}})
    assert figures.is_overtaken({"suhu": {"0": 41}})
    assert figures.lag({"suhu": {"0": 45}}) == 5


def test_results_that_come_again_are_no_standstill() -> None:
    """A replay gives results behind the highest that is known, for minutes."""
    figures = Throughput({})
    figures.judged("suhu-0", 9)
    for offset in range(4):
        figures.judged("suhu-0", offset)
        assert figures.stalled({"suhu": {"0": 12}}) == []


def test_a_partition_is_stalled_when_it_stays_behind_without_a_result() -> None:
    figures = Throughput({})
    figures.judged("suhu-0", 9)
    assert [figures.stalled({"suhu": {"0": end}}) for end in (12, 15, 18)] == [[], [], ["suhu-0"]]
    figures.judged("suhu-0", 10)
    assert [figures.stalled({"suhu": {"0": end}}) for end in (20, 20, 11)] == [[], [], []], "it got results, then all"
    assert figures.stalled({"suhu": {"0": 12}}) == []


def test_an_alert_does_not_hide_that_the_statuses_fall_behind() -> None:
    figures = Throughput({"suhu": {"0": 10}}, combined=["suhu"])
    figures.alerted("suhu-0", 19)
    assert figures.lag({"suhu": {"0": 20}}) == 10
    figures.judged("suhu-0", 19)
    assert figures.lag({"suhu": {"0": 20}}) == 0
    assert figures.take()["readings"] == 10


def test_without_a_status_an_alert_judges_its_reading() -> None:
    figures = Throughput({"mesin": {"0": 10}}, combined=["suhu"])
    figures.alerted("mesin-0", 19)
    figures.refused("mesin-0", 20)
    assert figures.lag({"mesin": {"0": 21}}) == 0


def test_a_refused_message_gets_no_status_and_waits_for_none() -> None:
    figures = Throughput({"suhu": {"0": 10}}, combined=["suhu"])
    figures.refused("suhu-0", 10)
    assert figures.lag({"suhu": {"0": 11}}) == 0


def test_a_refused_message_does_not_judge_the_readings_before_it() -> None:
    figures = Throughput({"suhu": {"0": 10}}, combined=["suhu"])
    for offset in (12, 13, 15):
        figures.refused("suhu-0", offset)
    assert figures.lag({"suhu": {"0": 16}}) == 6
    figures.judged("suhu-0", 11)
    assert figures.lag({"suhu": {"0": 16}}) == 2, "12 and 13 are known to be refused, 14 is yet to be judged"
    figures.judged("suhu-0", 14)
    assert figures.lag({"suhu": {"0": 16}}) == 0
    assert figures.take()["readings"] == 6


def test_statuses_that_stand_still_are_noticed_though_alerts_come() -> None:
    figures = Throughput({"suhu": {"0": 10}}, combined=["suhu"])
    stalled = []
    for end in (12, 15, 18):
        figures.alerted("suhu-0", end - 1)
        stalled.append(figures.stalled({"suhu": {"0": end}}))
    assert stalled == [[], [], ["suhu-0"]]
