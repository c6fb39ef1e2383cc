"""Which records in the monitor's own topics were passed over, for the operator: a flood of them is a line a minute."""

from dataclasses import dataclass

AT_MOST_EVERY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Passed:
    """Records of a topic that were passed over since the last line; `place` and `cause` are the last one's."""

    topic: str
    count: int
    place: str
    cause: str

    @property
    def line(self) -> str:
        """What the operator reads."""
        return (
            f"[Catatan Rusak] {self.topic}: {self.count} catatan dilewati karena bukan dari monitor ({self.place})"
        )  # fmt: skip


class BadRecords:
    """Counts by topic. The first of a topic is told at once, more of them a minute later. Times: monotonic seconds."""

    def __init__(self) -> None:
        self._untold: dict[str, Passed] = {}
        self._told_at: dict[str, float] = {}

    def add(self, topic: str, place: str, cause: str) -> None:
        """Count one; `place` is `topic-partition-offset`."""
        before = self._untold.get(topic)
        self._untold[topic] = Passed(topic, 1 + (before.count if before else 0), place, cause)

    def due(self, now: float) -> list[Passed]:
        """Return what is to be told now."""
        due = [
            topic
            for topic in self._untold
            if now - self._told_at.get(topic, float("-inf")) >= AT_MOST_EVERY_SECONDS
        ]  # fmt: skip
        self._told_at |= dict.fromkeys(due, now)
        return [self._untold.pop(topic) for topic in due]
