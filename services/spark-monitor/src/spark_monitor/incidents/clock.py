"""Whether a sensor's own clock can be right, beside the time at which Kafka got its readings.

A time that cannot be right by itself (see `decode`) arrives here as Kafka's. What only several readings show is found
here: a clock that stands still, one that was set back, one that is far behind although the readings arrive one by one.
A gateway's buffer is late, too, but its times advance faster than Kafka's clock.
"""

from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import LIVE_SECONDS, ClockFault, ClockState
from spark_monitor.incidents.watched import WatchedStream

CLOCK = "jam"
"""The `rule` of a clock fault."""

AT_MOST_A_STEP = LIVE_SECONDS / 2
"""What a step between two readings counts for: one alone shows little."""

LONG_STEP_SECONDS, LONG_STEP_SHARE = 10, 0.05
"""A step as long as this, in which the two clocks differ by no larger share, is no chance: it shows enough alone."""

STEP_SHARE = 0.5
"""Of the longer of the two clocks' steps, what the other may differ by: the way to Kafka takes no constant time."""

CLOSE_SECONDS = 10
"""A clock that is less far behind needs no word, and a reading that was under way for so long is no clock's fault."""

RIGHT_SECONDS = 60
"""For so long a clock must be right before its fault is over."""


class SensorClock:
    """One sensor's clock. Its state is changed by each reading, in the order of arrival."""

    def __init__(self, name: str, state: ClockState, stream: WatchedStream, journal: Journal) -> None:
        """`name`: the sensor's, empty where its messages have none."""
        self._name = name
        self._state = state
        self._stream = stream
        self._journal = journal

    def event_time(self, stamp: float, value: float, at: float, received_at: float) -> float | None:
        """Return the time that a reading is judged by: its own, or Kafka's (epoch seconds).

        `stamp` is the sensor's word; `at` is that, or Kafka's time where the word cannot be right by itself. None: it
        is the same reading again, as a gateway repeats a dead sensor's last one, and no news.
        """
        state = self._state
        if (stamp, value) == (state.stamp, state.value) and state.still < LIVE_SECONDS:
            return None
        self._compare(stamp, value, received_at)
        behind = received_at - stamp
        is_live = state.steady >= LIVE_SECONDS
        is_still = state.still >= LIVE_SECONDS
        is_wrong = at != stamp or is_still or (is_live and behind > CLOSE_SECONDS)
        uses_kafka = is_wrong and (
            at != stamp or is_still or behind > self._stream.late_after or stamp <= state.newest
        )  # fmt: skip
        used = received_at if uses_kafka else at
        state.newest = max(state.newest, used)
        if is_wrong:
            self._fault(behind, received_at, is_still=is_still, uses_kafka=uses_kafka)
        elif state.fault is not None:
            self._recover(state.fault, received_at)
        return used

    def retire(self, message: str) -> None:
        """End the fault of a clock whose sensor nobody waits for any more."""
        if self._state.fault is not None:
            now = self._journal.now
            self._record("retired", self._state.fault, message, now, closed_at=now)

    def _compare(self, stamp: float, value: float, received_at: float) -> None:
        """Note how far the sensor's clock advanced while Kafka's did."""
        state = self._state
        step, arrival = stamp - state.stamp, max(0, received_at - state.received)
        is_long = arrival >= LONG_STEP_SECONDS and abs(step - arrival) <= LONG_STEP_SHARE * arrival
        counted = LIVE_SECONDS if is_long else min(arrival, AT_MOST_A_STEP)
        if step == 0:
            state.still = min(state.still + counted, LIVE_SECONDS)
        else:
            state.still = 0
            is_as_kafkas = abs(step - arrival) <= STEP_SHARE * max(step, arrival)
            state.steady = min(state.steady + counted, LIVE_SECONDS) if is_as_kafkas else 0
        state.stamp, state.value, state.received = stamp, value, max(state.received, received_at)

    def _fault(self, behind: float, received_at: float, *, is_still: bool, uses_kafka: bool) -> None:
        state = self._state
        if state.fault is not None:
            state.fault.right_since = None
            return
        state.fault = ClockFault(received_at)
        words = self._stream.words
        message = (
            words.clock_stands(self._journal.entity_id, self._name)
            if is_still
            else words.clock_is_off(self._journal.entity_id, self._name, behind, uses_kafka=uses_kafka)
        )
        self._record("opened", state.fault, message, received_at)

    def _recover(self, fault: ClockFault, received_at: float) -> None:
        if fault.right_since is None:
            fault.right_since = received_at
        if received_at < fault.right_since + RIGHT_SECONDS:
            return
        lasted = fault.right_since - fault.since
        message = self._stream.words.clock_is_right(self._journal.entity_id, self._name, lasted)
        self._record("recovered", fault, message, received_at, closed_at=fault.right_since)
        self._state.fault = None

    def _record(
        self, word: str, fault: ClockFault, message: str, received_at: float, *, closed_at: float | None = None
    ) -> None:
        stream = self._stream
        self._journal.add(
            incident_id=self._journal.incident_id(f"{CLOCK}-{stream.name}", fault.since, self._name or CLOCK),
            kind="clock", state=word, rule=CLOCK, severity="warning", opened_at=fault.since, closed_at=closed_at,
            message=message, stream=stream.name, topic=stream.topic, sensor_id=self._name or None,
            event_time=received_at, duration_seconds=(received_at if closed_at is None else closed_at) - fault.since,
        )  # fmt: skip
