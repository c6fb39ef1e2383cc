"""When the operator hears of records that were passed over: at once, and then once a minute."""

from messages.topics import INCIDENTS, STATUSES
from spark_monitor.console.bad_records import BadRecords


def lines(bad: BadRecords, now: float) -> list[str]:
    return [passed.line for passed in bad.due(now)]


def test_the_first_is_told_at_once_and_a_flood_once_a_minute() -> None:
    bad = BadRecords()
    assert lines(bad, 0) == []
    bad.add(STATUSES, "monitor-status-0-17", "ValueError: x")
    assert lines(bad, 0) == [
        "[Catatan Rusak] monitor-status: 1 catatan dilewati karena bukan dari monitor (monitor-status-0-17)"
    ]
    for offset in range(18, 5018):
        bad.add(STATUSES, f"monitor-status-0-{offset}", "ValueError: x")
        assert lines(bad, 59.9) == []
    assert lines(bad, 60) == [
        "[Catatan Rusak] monitor-status: 5000 catatan dilewati karena bukan dari monitor (monitor-status-0-5017)"
    ]
    assert lines(bad, 600) == []
    bad.add(STATUSES, "monitor-status-0-6000", "ValueError: y")
    (told,) = bad.due(600)
    assert (told.count, told.cause) == (1, "ValueError: y")


def test_each_topic_is_told_for_itself() -> None:
    bad = BadRecords()
    bad.add(STATUSES, "monitor-status-0-1", "x")
    assert len(lines(bad, 0)) == 1
    bad.add(INCIDENTS, "monitor-insiden-2-1", "x")
    bad.add(STATUSES, "monitor-status-0-2", "x")
    assert lines(bad, 1) == [
        "[Catatan Rusak] monitor-insiden: 1 catatan dilewati karena bukan dari monitor (monitor-insiden-2-1)"
    ]
