"""How long a fault may last: small facts in, second by second, and what is to be told of them out."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from spark_monitor.health import breakdown as words
from spark_monitor.health.alert_chain import Link
from spark_monitor.health.breakdown import Breakdown, broken_line, whole_line
from spark_monitor.health.faults import Facts, FaultClock, Verdict

WHOLE = Facts()
HANGS = Facts(link="Spark")

At = Callable[[int], Facts]


def watched(at: At, until: int) -> list[tuple[int, Verdict]]:
    """Look each second, from 0 on; return what was to be told, and when. The first restart ends it."""
    clock = FaultClock()
    found: list[tuple[int, Verdict]] = []
    for second in range(until + 1):
        if verdict := clock.look(at(second), second):
            found.append((second, verdict))
            if verdict.restarts:
                break
    return found


def restart(at: int, breakdown: Breakdown, seconds: float) -> list[tuple[int, Verdict]]:
    return [(at, Verdict(breakdown, seconds, restarts=True))]


def test_a_whole_chain_runs_for_good() -> None:
    assert watched(lambda _: WHOLE, 10_000) == []


@pytest.mark.parametrize(("link", "breakdown"), [("Spark", words.SPARK_HANGS), ("reporter", words.REPORTER_HANGS)])
def test_a_chain_that_hangs_for_a_minute_after_it_was_found_is_given_up(link: Link, breakdown: Breakdown) -> None:
    facts = replace(WHOLE, link=link)
    assert watched(lambda now: facts if now >= 10 else WHOLE, 200) == restart(70, breakdown, 15 + 60)
    assert watched(lambda now: facts if 10 <= now < 70 else WHOLE, 10_000) == []


def test_an_overloaded_chain_that_moves_is_left_alone() -> None:
    assert watched(lambda now: replace(HANGS, any_result_at=now // 59, alert_result_at=now // 59), 10_000) == []
    assert watched(lambda now: replace(HANGS, any_batch=now // 59, alert_batch=now // 59), 10_000) == []
    late = Facts(link="reporter")
    assert watched(lambda now: replace(late, any_result_at=now // 59), 10_000) == []


def test_results_that_are_written_are_no_sign_of_life_of_the_reporter() -> None:
    late = Facts(link="reporter")
    assert watched(lambda now: replace(late, any_batch=now), 200) == restart(60, words.REPORTER_HANGS, 75)


def test_an_alerts_query_that_hangs_while_statuses_go_on_is_given_up_after_five_minutes() -> None:
    assert watched(lambda now: replace(HANGS, any_result_at=now), 1000) == restart(300, words.ALERTS_HANG, 315)


@pytest.mark.parametrize(
    ("behind", "breakdown"), [(False, words.SPARK_HANGS), (True, words.REPORTER_HANGS)], ids=["Spark", "reporter"]
)
def test_a_start_has_five_minutes_until_something_moves(behind: bool, breakdown: Breakdown) -> None:  # noqa: FBT001
    starts = Facts(is_proven=False, has_returned=False, reporter_is_behind=behind)
    assert watched(lambda _: starts, 1000) == restart(300, breakdown, 300)
    assert watched(lambda now: replace(starts, any_result_at=now // 299, alert_result_at=now // 299), 10_000) == []


def test_no_outage_of_the_broker_is_a_reason_however_long_and_the_way_back_may_take_time() -> None:
    def away_for_an_hour(now: int) -> Facts:
        if now < 3600:
            return Facts(link="broker", broker_answers=False, is_proven=False, status_stalls=True, incidents_stall=True)
        return Facts(link="Spark", is_proven=False) if now < 3600 + 299 else WHOLE

    assert watched(away_for_an_hour, 5000) == []


def test_time_without_the_broker_does_not_count() -> None:
    def with_a_blip(now: int) -> Facts:
        return replace(HANGS, broker_answers=now != 40)

    assert watched(with_a_blip, 200) == restart(41 + 60, words.SPARK_HANGS, 75)


def test_pulses_that_kafka_refuses_are_told_after_a_minute_and_a_reason_after_five() -> None:
    refused = Facts(link="producer", any_result_at=1)
    assert watched(lambda now: replace(refused, any_result_at=now), 1000) == [
        (60, Verdict(words.NOT_ACCEPTED, 75, restarts=False)),
        (300, Verdict(words.NOT_ACCEPTED, 315, restarts=True)),
    ]


def test_a_fault_that_comes_back_is_told_again() -> None:
    times = [now for now, _ in watched(lambda now: Facts(link="producer") if now % 100 < 90 else WHOLE, 200)]
    assert times == [60, 160]


def test_a_dead_thread_a_silent_canary_and_a_main_loop_that_hangs_need_no_broker() -> None:
    away = Facts(broker_answers=False)
    assert watched(lambda _: replace(away, dead=("pulse",)), 200) == restart(5, words.thread_ended("pulse"), 5)
    assert watched(lambda _: replace(away, link="canary"), 200) == restart(60, words.CANARY_HANGS, 80)
    assert watched(lambda _: replace(away, loop_hangs=True), 200) == restart(75, words.LOOP_HANGS, 90)


def test_a_java_machine_that_hangs_is_told_as_such_not_as_the_main_loop_that_waits_for_it() -> None:
    """The loop is found to hang 15 s after its last tick, the chain 15 to 20 s after it broke."""
    assert watched(lambda now: Facts(loop_hangs=True, link="Spark" if now >= 5 else None), 200) == restart(
        65, words.SPARK_HANGS, 75
    )


def test_a_status_query_that_hangs_is_given_up_after_five_minutes_in_all() -> None:
    stalls = Facts(status_stalls=True)
    assert watched(lambda now: replace(stalls, any_result_at=now), 1000) == restart(180, words.STATUS_HANGS, 300)
    assert watched(lambda now: replace(stalls, status_result_at=now // 179), 10_000) == []


def test_incidents_that_are_not_found_are_told_and_their_first_batch_may_take_an_hour() -> None:
    stall = Facts(incidents_stall=True)
    told = (180, Verdict(words.INCIDENTS_HANG, 300, restarts=False))
    assert watched(lambda _: replace(stall, incident_batch=7), 5000) == [
        told,
        *restart(480, words.INCIDENTS_HANG, 600),
    ]
    assert watched(lambda _: stall, 5000) == [told, *restart(3480, words.INCIDENTS_HANG, 3600)]


def test_the_time_in_which_the_process_itself_was_frozen_does_not_count() -> None:
    clock = FaultClock()
    assert clock.look(WHOLE, 0) is None
    assert clock.look(HANGS, 1) is None
    assert clock.look(HANGS, 1000) is None
    assert [clock.look(HANGS, 1000 + second) is None for second in (57, 58)] == [True, True]


AT = dt.datetime(2026, 11, 28, 11, 29, 18, tzinfo=ZoneInfo("Asia/Jakarta"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            broken_line(words.SPARK_HANGS, AT, 75),
            (
                "[Monitor Rusak] peringatan tidak sampai sejak 1 menit 15 detik (Spark tidak menjawab), "
                "monitor dimulai ulang - 2026-11-28 11:29:18"
            ),
        ),
        (
            broken_line(words.NOT_ACCEPTED, AT, 75, restarts=False),
            (
                "[Monitor Rusak] peringatan mungkin tidak sampai sejak 1 menit 15 detik "
                "(Kafka tidak menerima denyut uji) - 2026-11-28 11:29:18"
            ),
        ),
        (
            broken_line(words.query_dies("alerts", "out of cheese"), AT),
            "[Monitor Rusak] kueri alerts terus gagal, monitor dimulai ulang - 2026-11-28 11:29:18",
        ),
        (
            broken_line(words.thread_ended("pulse"), AT, 5),
            "[Monitor Rusak] bagian pulse berhenti sejak 5 detik, monitor dimulai ulang - 2026-11-28 11:29:18",
        ),
        (
            whole_line(AT, 95),
            "[Monitor Pulih] peringatan sampai lagi setelah 1 menit 35 detik - 2026-11-28 11:29:18",
        ),
    ],
)
def test_the_operators_lines(line: str, expected: str) -> None:
    assert line == expected
