"""One alert's limit at one entity: normal, pending, open, clearing; of an open one without readings, unknown."""

from collections.abc import Iterator
from functools import cached_property
from zoneinfo import ZoneInfo

from spark_monitor.incidents.excursion import Excursion, Limit, Sampling
from spark_monitor.incidents.records import Journal
from spark_monitor.incidents.state import LimitState
from spark_monitor.incidents.timers import Timer
from spark_monitor.incidents.watched import LimitRule, WatchedStream
from spark_monitor.incidents.wording import without_rule


class LimitMachine:
    """What readings and time make of a limit. Its state is `states[rule.name]`; there is none while it is normal."""

    def __init__(self, rule: LimitRule, stream: WatchedStream, states: dict[str, LimitState], journal: Journal) -> None:
        self._rule = rule
        self._stream = stream
        self._states = states
        self._journal = journal

    @cached_property
    def _limit(self) -> Limit:
        return Limit.of(self._rule.alert, self._journal.entity_id)

    @property
    def is_open(self) -> bool:
        """Whether an incident is open."""
        state = self._states.get(self._rule.name)
        return state is not None and state.is_open

    def read(self, value: float, at: float, *, is_after_gap: bool) -> None:
        """Judge a reading that is newer than all before; `at` is its event time."""
        state = self._states.get(self._rule.name)
        if state is None or not state.is_open:
            self._read_before_open(state, value, at, is_after_gap=is_after_gap)
        else:
            self._read_while_open(state, value, at, is_after_gap=is_after_gap)

    def timers(self, last_reading: float) -> Iterator[Timer]:
        """Yield what time does to it; `last_reading` is when Kafka got the stream's last one."""
        state = self._states.get(self._rule.name)
        if state is None or state.said is None:
            return
        if self._stream.silence is not None and not state.is_unknown:

            def lose_sight() -> None:
                state.is_unknown = True
                self._tell_unknown(state, "unknown", last_reading)

            yield Timer(last_reading + self._stream.silence.silent_after, lose_sight)

        def remind() -> None:
            if not state.is_unknown:
                self._remind(state)
                return
            state.said = self._journal.now
            self._tell_unknown(state, "reminder", last_reading)

        yield Timer(state.said + self._rule.incident.remind_every, remind)

    def forget(self) -> None:
        """Drop what is pending."""
        self._states.pop(self._rule.name, None)

    def _read_before_open(self, state: LimitState | None, value: float, at: float, *, is_after_gap: bool) -> None:
        if not self._limit.is_beyond(value):
            self.forget()
            return
        if state is None or is_after_gap:
            state = self._states[self._rule.name] = LimitState(Excursion.begin(at, value))
        else:
            state.excursion.hold_until(at, self._limit, self._stream.sampling)
            state.excursion.take(value, self._limit)
        if at >= state.excursion.begun + self._rule.incident.on_delay:
            self._open(state, at)

    def _read_while_open(self, state: LimitState, value: float, at: float, *, is_after_gap: bool) -> None:
        if state.is_unknown:
            state.is_unknown = False
            self._remind(state)
        state.excursion.hold_until(at, self._limit, self._stream.sampling)
        if not self._limit.is_cleared(value):
            state.cleared = None
        elif state.cleared is None or is_after_gap:
            # Of the time in a gap nobody knows: it ends nothing.
            state.cleared = state.excursion.copy()
        state.excursion.take(value, self._limit)
        if state.cleared is not None and at >= state.cleared.at + self._rule.incident.off_delay:
            self._close(state.cleared, at)

    def _open(self, state: LimitState, at: float) -> None:
        state.said = self._journal.now
        message = self._stream.words.opened(
            self._journal.entity_id, state.excursion.peak, self._limit.comparison, self._limit.threshold,
            state.excursion.begun,
        )  # fmt: skip
        self._record("opened", state.excursion, at=at, message=message)

    def _remind(self, state: LimitState) -> None:
        now = self._journal.now
        state.said = now
        seconds = now - state.excursion.begun
        message = self._stream.words.goes_on(self._journal.entity_id, seconds, state.excursion.peak, now)
        self._record("reminder", state.excursion, at=now, message=message)

    def _close(self, excursion: Excursion, at: float) -> None:
        del self._states[self._rule.name]
        figures = excursion.figures(self._stream.sampling)
        message = self._stream.words.closed(
            self._journal.entity_id, figures["duration_seconds"], excursion.peak, figures["mkt"], excursion.at
        )
        self._record("closed", excursion, at=at, message=message, closed_at=excursion.at)

    def _tell_unknown(self, state: LimitState, word: str, last_reading: float) -> None:
        now = self._journal.now
        message = self._stream.words.unknown(self._journal.entity_id, now - last_reading, now)
        self._record(word, state.excursion, at=now, message=message)

    def _record(
        self, state: str, excursion: Excursion, *, at: float, message: str, closed_at: float | None = None
    ) -> None:
        self._journal.add(
            incident_id=self._journal.incident_id(self._rule.name, excursion.begun), kind="threshold", state=state,
            rule=self._rule.name, severity=self._rule.incident.severity, opened_at=excursion.begun,
            closed_at=closed_at, message=message, stream=self._stream.name, topic=self._stream.topic,
            unit=self._stream.unit, threshold=self._limit.threshold, event_time=at,
            **excursion.figures(self._stream.sampling),
        )  # fmt: skip


def close_without_rule(name: str, state: LimitState, journal: Journal, zone: ZoneInfo) -> None:
    """Close the incident of a rule that is no longer there."""
    excursion = state.excursion
    figures = excursion.figures(Sampling(None, float("inf"), is_celsius=False))
    journal.add(
        incident_id=journal.incident_id(name, excursion.begun), kind="threshold", state="closed", rule=name,
        severity="info", opened_at=excursion.begun, closed_at=excursion.at, event_time=journal.now,
        message=without_rule(journal.entity_id, name, excursion.at, zone), **figures,
    )  # fmt: skip
