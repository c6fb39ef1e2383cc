"""Which fault has lasted so long that the operator must know of it, or that only a new start helps. No I/O.

A fault is what does not work now. It counts from the moment it is found, and from the start again whenever something
moves that it would hold up, or whenever Kafka is away: that is told as such, and a new start helps nobody then.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from spark_monitor.health import breakdown as words
from spark_monitor.health.alert_chain import BACK_WITHIN_SECONDS, SENT_WITHIN_SECONDS, Link
from spark_monitor.health.breakdown import Breakdown

HANGS_SECONDS = 60
"""In a chain that was whole: the longest pauses on an overloaded machine (a boundary, a full collection) are a few
seconds, a query that dies is back within 30, and a new start costs 15 without alerts."""

SETTLES_SECONDS = 300
"""Before the chain was whole, or was it again after Kafka was away: a slow machine takes a minute or more to start, and
clients that wait on a dead connection took up to 71 s to see that Kafka is back (docs/reliability.md)."""

QUERY_HANGS_SECONDS = 300
"""The alerts' query while others work. It is not known to wait for as long under any load."""

NOT_ACCEPTED_SECONDS = 300
"""Kafka answers, but takes no pulses: mostly something of Kafka's own (a full disk, too few replicas, rights), for
which a new start does nothing but cost alerts. Told after HANGS_SECONDS; the start is for a client that is stuck."""

LOOP_SECONDS = 75
"""With LOOP_NOTICED_SECONDS longer than for the chain: when Java hangs both do, and the chain's line says more."""

LOOP_NOTICED_SECONDS = 15
STATUS_SECONDS = 180
INCIDENTS_TELL_SECONDS = 180
INCIDENTS_SECONDS = 480
INCIDENTS_CATCH_UP_SECONDS = 3480
"""A first batch reads all that came while the monitor was off, and a new start would only begin it again: an hour."""

UNHEALTHY_AFTER_SECONDS = 120
"""For how long a status or a batch of incidents has been missing when the watch finds it."""

DEAD_SECONDS = 5
"""The main loop may know why a thread ended, which says more."""

LONGEST_STEP_SECONDS = 2
"""What counts of the time between two looks, one second apart: the rest of it this process was frozen itself."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known now. `…_at` are moments of any clock, which change when something moves.

    `is_proven`: the chain was whole since the start and since Kafka was last away. `dead`: threads that must live.
    """

    link: Link | None = None
    broker_answers: bool = True
    is_proven: bool = True
    has_returned: bool = True
    reporter_is_behind: bool = False
    any_result_at: Hashable = 0
    alert_result_at: Hashable = 0
    status_result_at: Hashable = 0
    any_batch: Hashable = 0
    alert_batch: Hashable = None
    incident_batch: Hashable = None
    dead: tuple[str, ...] = ()
    loop_hangs: bool = False
    status_stalls: bool = False
    incidents_stall: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not work now, and for how many seconds it may.

    `found_after`: for how long it has lasted when it is found. `moves`: it counts from the start when this changes.
    """

    breakdown: Breakdown
    restart_after: float
    found_after: float = 0
    tell_after: float | None = None
    moves: Hashable = None
    is_kafkas: bool = True
    """Whether Kafka's absence would explain it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be told, and whether a new start must come of it. `seconds`: how long the fault has lasted in all."""

    breakdown: Breakdown
    seconds: float
    restarts: bool


def faults(facts: Facts) -> list[Fault]:
    """Return what does not work, from what is known."""
    found = [
        Fault(words.thread_ended(name), DEAD_SECONDS, is_kafkas=False)
        for name in facts.dead
    ]  # fmt: skip
    found += _of_the_chain(facts)
    if facts.loop_hangs:
        found.append(Fault(words.LOOP_HANGS, LOOP_SECONDS, LOOP_NOTICED_SECONDS, is_kafkas=False))
    if facts.status_stalls:
        found.append(Fault(words.STATUS_HANGS, STATUS_SECONDS, UNHEALTHY_AFTER_SECONDS, moves=facts.status_result_at))
    if facts.incidents_stall:
        catches_up = facts.incident_batch is None
        found.append(
            Fault(
                words.INCIDENTS_HANG,
                INCIDENTS_CATCH_UP_SECONDS if catches_up else INCIDENTS_SECONDS,
                UNHEALTHY_AFTER_SECONDS,
                INCIDENTS_TELL_SECONDS,
                moves=facts.incident_batch,
            )
        )
    return found


def _of_the_chain(facts: Facts) -> list[Fault]:
    hangs = HANGS_SECONDS if facts.is_proven else SETTLES_SECONDS
    found_after = 0 if facts.link is None else BACK_WITHIN_SECONDS
    link = facts.link
    if link is None and not facts.has_returned:
        # No pulse is sent before Spark reads and the reporter has caught up: until then either may hang unseen.
        link = "reporter" if facts.reporter_is_behind else "Spark"
    match link:
        case "canary":
            return [Fault(words.CANARY_HANGS, HANGS_SECONDS, SENT_WITHIN_SECONDS, is_kafkas=False)]
        case "producer":
            return [Fault(words.NOT_ACCEPTED, NOT_ACCEPTED_SECONDS, found_after, HANGS_SECONDS)]
        case "reporter":
            return [Fault(words.REPORTER_HANGS, hangs, found_after, moves=facts.any_result_at)]
        case "Spark":
            alerts = (facts.alert_result_at, facts.alert_batch)
            return [
                Fault(words.SPARK_HANGS, hangs, found_after, moves=(facts.any_result_at, facts.any_batch)),
                Fault(words.ALERTS_HANG, hangs + QUERY_HANGS_SECONDS - HANGS_SECONDS, found_after, moves=alerts),
            ]
        case _:
            return []


@dataclass(slots=True)
class _Count:
    seconds: float
    moves: Hashable
    is_told: bool = False


class FaultClock:
    """Counts for how long each fault lasts. Times are in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._counts: dict[Breakdown, _Count] = {}
        self._looked_at: float | None = None

    def look(self, facts: Facts, now: float) -> Verdict | None:
        """Return what must be told now, the worst first; call about once a second."""
        step = 0 if self._looked_at is None else min(now - self._looked_at, LONGEST_STEP_SECONDS)
        self._looked_at = now
        present = [fault for fault in faults(facts) if facts.broker_answers or not fault.is_kafkas]
        self._counts = {fault.breakdown: self._counted(fault, step) for fault in present}
        lasting = [(fault, self._counts[fault.breakdown]) for fault in present]
        for fault, count in lasting:
            if count.seconds >= fault.restart_after:
                return Verdict(fault.breakdown, fault.found_after + count.seconds, restarts=True)
        for fault, count in lasting:
            if fault.tell_after is not None and count.seconds >= fault.tell_after and not count.is_told:
                count.is_told = True
                return Verdict(fault.breakdown, fault.found_after + count.seconds, restarts=False)
        return None

    def _counted(self, fault: Fault, step: float) -> _Count:
        count = self._counts.get(fault.breakdown)
        if count is None or count.moves != fault.moves:
            return _Count(0, fault.moves)
        return _Count(count.seconds + step, fault.moves, count.is_told)
