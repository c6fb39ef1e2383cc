"""Whether all that people did stands as it was written: every row is read, so not for each look at a page."""

import time

from history.actions import Chain, chain
from web.past.database import Past

AGAIN_SECONDS = 60


class Record:
    """The last answer, while it is new. For several threads."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._known: tuple[float, Chain] | None = None

    def chain(self) -> Chain:
        """Return the chain of actions as it was a minute ago at most. Raises NoHistory."""
        now = time.monotonic()
        if self._known is None or now - self._known[0] > AGAIN_SECONDS:
            self._known = (now, self._past.ask(chain))
        return self._known[1]
