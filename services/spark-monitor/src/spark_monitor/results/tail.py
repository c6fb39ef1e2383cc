"""The tail of the topics that the monitor writes: where it is in them, what is repeated, and who hears of it. No Kafka.

After a restart Spark repeats what came since its last checkpoint boundary. To know those results again, the topics are
read back from before that boundary.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from messages import records
from messages.records import origin_of
from messages.topics import ALERTS, HEARTBEATS, INCIDENTS, REFUSED, RESULTS, STATUSES
from spark_monitor.engine.checkpoints import Repetition
from spark_monitor.results.deduplication import Deduplication
from spark_monitor.results.listener import Listener, Partition, Record, Result
from spark_monitor.results.position_file import PositionFile

CAUGHT_UP_SECONDS = 5

MAX_INCIDENTS = 50_000
"""How many are remembered, should a sender invent warehouses."""

ONCE = records.OVER | {"opened"}
"""The states that an incident has once."""

Position = tuple[Partition, int, int]
"""A partition, the first offset that is not read, and where reading back would begin."""


class Tail:
    """Reads records in the order in which they come. Everything but `boundary` is for one thread."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        may_repeat: Mapping[str, Repetition],
        combined_streams: Iterable[str],
        positions: Path,
    ) -> None:
        """`may_repeat`: which results of each topic may come again; `positions`: a folder for what is noted on disk.

        `combined_streams`: those whose values stand in statuses.
        """
        self._may_repeat = may_repeat
        self._folder = positions
        self._files: dict[Partition, PositionFile] = {}
        self._seen: dict[Partition, Deduplication] = defaultdict(Deduplication)
        self._positions: dict[Partition, int] = {}
        self._told_until: dict[Partition, int] = {}
        self._read_back_from: dict[Partition, int] = {}
        self._at_last_boundary: dict[Partition, int] = {}
        self._boundaries_told: deque[tuple[Partition, int]] = deque()
        self._boundaries_ahead: dict[Partition, deque[int]] = defaultdict(deque)
        self._uncommitted: set[Partition] = set()
        self._incidents: LRUCache[tuple[str, str, float | None], bool] = LRUCache(MAX_INCIDENTS)
        self._result_at: dict[str, float] = {}
        self.caught_up_at = 0.0
        """When it was last at the end, by the monotonic clock."""
        self._read_status = records.status_reader(combined_streams)
        self._readers: dict[str, Callable[[Record, bool], tuple[Any, Result]]] = {
            ALERTS: self._alert,
            STATUSES: self._status,
            REFUSED: self._refusal,
            INCIDENTS: self._incident,
            HEARTBEATS: self._heartbeat,
        }
        kinds = (
            (ALERTS, "on_alert"),
            (STATUSES, "on_status"),
            (REFUSED, "on_refusal"),
            (INCIDENTS, "on_incident"),
            (HEARTBEATS, "on_heartbeat"),
        )
        self._on_result = {topic: _overridden(listeners, method) for topic, method in kinds}
        self._on_start = _overridden(listeners, "on_start")
        self._on_record = _overridden(listeners, "on_record")
        self._on_bad_record = _overridden(listeners, "on_bad_record")
        self._on_step = _overridden(listeners, "on_step")
        self._on_end = _overridden(listeners, "on_end")

    def begin(self, partition: Partition, committed: int, metadata: str | None, first: int, end: int) -> int:
        """Return where the reading of a partition begins.

        `committed` and its `metadata` are what Kafka was told last; `first` and `end` are the partition's offsets.
        """
        file = self._files[partition] = PositionFile(self._folder, *partition)
        # Beyond the end: the topic was made again, and nothing of it is printed yet. Below 0: nothing was ever.
        is_known = 0 <= committed <= end
        told_until = max(file.until(committed, end), first) if is_known else first
        read_back_from = {
            "everything": first,
            "since the last boundary": int(metadata or first) if is_known else first,
            "nothing": told_until,
        }[self._may_repeat.get(partition[0], "since the last boundary")]
        start = min(max(read_back_from, first), told_until)
        # In place of what an earlier Kafka may have left there.
        file.note(told_until)
        self._told_until[partition] = told_until
        self._positions[partition] = self._read_back_from[partition] = self._at_last_boundary[partition] = start
        self._uncommitted.add(partition)
        for listener in self._on_start:
            listener(partition, start)
        return start

    def take(self, record: Record) -> None:
        """Read a record and tell the listeners; then its position is noted on disk. Raises OSError."""
        partition, offset = record.partition, record.offset
        topic = partition[0]
        is_new = offset >= self._told_until[partition]
        for listener in self._on_record:
            listener(record)
        failure = self._tell(record, is_new)
        if failure is None:
            self._result_at[topic] = time.monotonic()
        elif is_new:
            self._tell_bad(partition, offset, f"{type(failure).__name__}: {failure}")
        self._positions[partition] = offset + 1
        if is_new:
            self._note(partition, offset + 1)
            # The canary's would say so however many alerts are still to be read.
            if topic != HEARTBEATS and time.time() - record.written_at < CAUGHT_UP_SECONDS:
                self.caught_up_at = time.monotonic()
        self._pass_boundaries(partition)

    def step_over(self, partition: Partition, offset: int, cause: str) -> None:
        """Note that what stands up to `offset` can't be read at all."""
        self._positions[partition] = offset + 1
        if offset >= self._told_until[partition]:
            self._note(partition, offset + 1)
            self._tell_bad(partition, offset, cause)

    def step(self) -> None:
        """Let the listeners do what is due, and take note of the boundaries that were told."""
        for listener in self._on_step:
            listener()
        while self._boundaries_told:
            partition, end = self._boundaries_told.popleft()
            self._boundaries_ahead[partition].append(end)
            self._pass_boundaries(partition)

    def end(self) -> None:
        """Let the listeners do what would be due later."""
        self.step()
        for listener in self._on_end:
            listener()

    def boundary(self, ends: Mapping[str, Mapping[str, int]]) -> None:
        """Note that a query has completed a checkpoint, and where its topics ended then. Thread-safe.

        Nothing that stands before an end is repeated behind the next one. It counts when the tail has read as far: of
        what came before the end there may be repetitions that it has not read yet.
        """
        for topic, partitions in ends.items():
            self._boundaries_told.extend(((topic, int(number)), end) for number, end in partitions.items())

    def last_result_at(self, topics: Collection[str] = RESULTS) -> float:
        """Return when a result of some topics last came, by the monotonic clock; 0 before the first."""
        return max((self._result_at.get(topic, 0.0) for topic in topics), default=0.0)

    def has_reached(self, ends: Mapping[Partition, int]) -> bool:
        """Return whether everything before some ends is read."""
        return all(self._positions[partition] >= end for partition, end in ends.items())

    @property
    def has_uncommitted(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._uncommitted)

    def uncommitted(self) -> list[Position]:
        """Return what is to be committed to Kafka; it counts as committed then."""
        partitions, self._uncommitted = self._uncommitted, set()
        return [
            (each, max(self._positions[each], self._told_until[each]), self._read_back_from[each])
            for each in partitions
        ]

    def _tell(self, record: Record, is_new: bool) -> Exception | None:  # noqa: FBT001
        """Tell the listeners what a record holds; return what is wrong with it. Raises OSError."""
        failure = None
        try:
            found, result = self._readers[record.partition[0]](record, is_new)
        except Exception as error:  # noqa: BLE001 - anybody may write to the topics; no record may end the printing
            return error
        for listener in self._on_result[record.partition[0]]:
            try:
                listener(found, result)
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - it comes of the record, too; the others still hear of it
                failure = error
        return failure

    def _note(self, partition: Partition, offset: int) -> None:
        self._files[partition].note(offset)
        self._uncommitted.add(partition)

    def _tell_bad(self, partition: Partition, offset: int, cause: str) -> None:
        place = "-".join(map(str, (*partition, offset)))
        for listener in self._on_bad_record:
            listener(partition[0], place, cause)

    def _alert(self, record: Record, is_new: bool) -> tuple[Any, Result]:  # noqa: FBT001
        alert = records.alert(record.value)
        return alert, self._result(record, is_new, *origin_of(alert["alert_id"]), alert["rule"])

    def _status(self, record: Record, is_new: bool) -> tuple[Any, Result]:  # noqa: FBT001
        status = self._read_status(record.value)
        return status, self._result(record, is_new, *origin_of(status["status_id"]), status["rule"])

    def _refusal(self, record: Record, is_new: bool) -> tuple[Any, Result]:  # noqa: FBT001
        refusal = records.refusal(record.message.headers() or [])
        source = f"{refusal['topic']}-{refusal['partition']}"
        return refusal, self._result(record, is_new, source, refusal["offset"], "")

    def _incident(self, record: Record, is_new: bool) -> tuple[Any, Result]:  # noqa: FBT001
        incident = records.incident(record.value)
        # An incident opens and closes once; it may be reminded of again, but not of the same moment.
        moment = None if incident["state"] in ONCE else incident["emitted_at"]
        told = (incident["incident_id"], incident["state"], moment)
        is_repeated = told in self._incidents
        self._incidents[told] = True
        return incident, Result(record, is_new, is_repeated, "", 0)

    def _heartbeat(self, record: Record, is_new: bool) -> tuple[Any, Result]:  # noqa: FBT001
        return records.heartbeat(record.value), Result(record, is_new, False, "", 0)

    def _result(self, record: Record, is_new: bool, source: str, offset: int, rule: str) -> Result:  # noqa: FBT001
        # A query without its checkpoint repeats all there is, through many boundaries.
        for_good = not is_new and self._may_repeat.get(record.partition[0]) == "everything"
        is_first = self._seen[record.partition].add(f"{source} {rule}", offset, for_good=for_good)
        return Result(record, is_new, not is_first, source, offset)

    def _pass_boundaries(self, partition: Partition) -> None:
        """Move up to where reading back would begin, and forget what will not be repeated.

        By one boundary less than possible: the query went on before it was asked where its topics end.
        """
        ahead = self._boundaries_ahead[partition]
        while ahead and ahead[0] <= self._positions[partition]:
            self._read_back_from[partition] = self._at_last_boundary[partition]
            self._at_last_boundary[partition] = ahead.popleft()
            self._uncommitted.add(partition)
            self._seen[partition].start_generation()


def _overridden(listeners: Iterable[Listener], method: str) -> tuple[Callable[..., None], ...]:
    """Return a method of those listeners that have one of their own."""
    return tuple(
        getattr(each, method) for each in listeners if getattr(type(each), method) is not getattr(Listener, method)
    )
