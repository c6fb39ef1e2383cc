"""Whether Spark falls behind the readings, so that it does better in batches. No I/O."""

from collections import deque

LAG_SECONDS = 5
LEAST_LAG = 5_000
"""In readings. With fewer, the machine is short of time for other reasons, and a change would only take more of it."""

RATE_SECONDS = 10
"""Over so long the rate is taken at which readings come."""

LOOKS = 3


class Overload:
    """Looks at how many readings are not judged. Times are in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque()
        self._late_looks = 0

    def look(self, unjudged: int, ends: int, now: float) -> bool:
        """Return whether Spark is late, at several looks in a row; `ends`: the sum of the topics' end offsets."""
        self._came.append((now, ends))
        while now - self._came[0][0] > RATE_SECONDS:
            self._came.popleft()
        since, before = self._came[0]
        is_late = unjudged >= LEAST_LAG and unjudged * (now - since) > LAG_SECONDS * (ends - before)
        self._late_looks = self._late_looks + 1 if is_late else 0
        return self._late_looks >= LOOKS
