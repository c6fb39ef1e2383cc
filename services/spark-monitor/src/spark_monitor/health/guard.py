"""Ends a monitor that does not work, and says so: a thread of its own that waits for nothing and nobody.

It looks each second at what the others have noted, and never calls Java or Kafka. What it writes may find nobody who
reads it, so that is tried in a thread that may be left behind.
"""

import contextlib
import datetime as dt
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TextIO

import structlog
from pyspark import SparkContext

from messages.topics import ALERTS, HEARTBEATS, REFUSED, STATUSES
from spark_monitor.engine.queries import INCIDENTS_QUERY
from spark_monitor.health import breakdown as words
from spark_monitor.health.alert_chain import AlertChain, Link
from spark_monitor.health.breakdown import Breakdown, broken_line, whole_line
from spark_monitor.health.faults import LOOP_NOTICED_SECONDS, Facts, FaultClock
from spark_monitor.health.watchdog import REPORTER_MAY_LAG_SECONDS, Watchdog
from spark_monitor.results.reporter import Reporter

log = structlog.get_logger()

LOOK_SECONDS = 1
SAY_SECONDS = 2
"""How long a reader of stdout or stderr is waited for."""

ORDERLY_SECONDS = 20
"""How long the main thread has to stop everything in order, which takes 8 s, or 13 when the reporter hangs."""

EXIT_SECONDS = ORDERLY_SECONDS + 10
"""After so long the kernel ends the process, whatever holds it up: threads do not run while Python shuts down."""


class Guard(threading.Thread):
    """Looks from `start` on, until `stop` is set: then somebody ends the monitor, and its threads end, too."""

    def __init__(self, chain: AlertChain, lines: TextIO, zone: dt.tzinfo, folder: Path, stop: threading.Event) -> None:
        """`lines`: where the operator's lines go; `folder` is kept over a restart."""
        super().__init__(name="guard", daemon=True)
        self.chain = chain
        self.lines = lines
        self._zone = zone
        # That it was told that alerts do not come is known by this file; its text is since when, in epoch seconds.
        self._note = folder / "broken-since"
        self._is_told = False
        self._stop_event = stop
        self._clock = FaultClock()
        self._living: list[threading.Thread] = []
        self._reporter: Reporter | None = None
        self._watch: Watchdog | None = None
        self._broke_at: float | None = None
        self._deciding = threading.Lock()
        self._reason: Breakdown | None = None
        self._gives_up = threading.Event()

    def must_live(self, *threads: threading.Thread) -> None:
        """Give the monitor up when one of these threads has ended; one that has not begun yet is waited for."""
        self._living.extend(threads)

    def looks_at(self, reporter: Reporter, watch: Watchdog | None = None) -> None:
        """Look at these, too, from now on."""
        self._reporter, self._watch = reporter, watch

    def reason_to_end(self) -> Breakdown | None:
        """Return why the process must end, for the main loop."""
        return self._reason or (None if self.is_alive() else words.GUARD_ENDED)

    def give_up(self, breakdown: Breakdown, seconds: float | None = None) -> None:
        """Tell that the monitor starts again, and see to it that the process ends; only the first reason counts.

        `seconds`: for how long it has lasted, if that is known.
        """
        with self._deciding:
            if self._reason is not None:
                return
            self._reason = breakdown
        signal.alarm(EXIT_SECONDS)
        _within(SAY_SECONDS, partial(log.error, "giving up", cause=breakdown.cause))
        self._tell(breakdown, seconds, restarts=True)
        self._gives_up.set()

    def run(self) -> None:
        """Look each second; when the monitor is given up, end it by force if it does not end by itself."""
        self._is_told = self._note.exists()
        while not self._gives_up.wait(LOOK_SECONDS):
            if self._stop_event.is_set():
                return
            self._look()
        if not self._loop_hangs(time.monotonic()):
            time.sleep(ORDERLY_SECONDS)  # the process has ended by then
        _within(SAY_SECONDS, partial(log.error, "not stopped in order: ending the process"))
        # Without a container nobody else ends a Java machine that hangs.
        if SparkContext._gateway is not None:  # noqa: SLF001 - its process is known nowhere else
            SparkContext._gateway.proc.kill()  # noqa: SLF001
        os._exit(1)

    def _look(self) -> None:
        now = time.monotonic()
        link = self.chain.broken_at(now)
        self._log_chain(link, now)
        facts = self._facts(link, now)
        verdict = self._clock.look(facts, now)
        if verdict is None:
            is_whole = facts.is_proven and link is None and not facts.status_stalls and not facts.incidents_stall
            if self._is_told and is_whole:
                self._tell_whole()
        elif verdict.restarts:
            self.give_up(verdict.breakdown, verdict.seconds)
        else:
            _within(SAY_SECONDS, partial(log.error, "not working", cause=verdict.breakdown.cause))
            self._tell(verdict.breakdown, verdict.seconds, restarts=False)

    def _facts(self, link: Link | None, now: float) -> Facts:
        reporter, watch = self._reporter, self._watch
        batches = {} if watch is None else watch.batches.copy()
        results = self.chain.results_moved

        def last(*topics: str) -> float:
            return 0 if reporter is None else reporter.last_result_at(*[topics] if topics else [])

        return Facts(
            link=link,
            broker_answers=self.chain.broker_is_there,
            is_proven=self.chain.is_proven,
            has_returned=self.chain.has_returned,
            reporter_is_behind=reporter is not None and reporter.seconds_behind() >= REPORTER_MAY_LAG_SECONDS,
            any_result_at=last(),
            alert_result_at=(last(ALERTS, REFUSED, HEARTBEATS), results),
            status_result_at=last(STATUSES),
            any_batch=(tuple(batches.items()), results[0]),
            alert_batch=() if watch is None else watch.alert_batches,
            incident_batch=batches.get(INCIDENTS_QUERY),
            dead=tuple(each.name for each in self._living if each.ident is not None and not each.is_alive()),
            loop_hangs=self._loop_hangs(now),
            status_stalls=watch is not None and bool(watch.stalled),
            incidents_stall=watch is not None and not watch.finds_incidents(),
        )

    def _loop_hangs(self, now: float) -> bool:
        return self._watch is not None and now - self._watch.ticked_at > LOOP_NOTICED_SECONDS

    def _log_chain(self, link: Link | None, now: float) -> None:
        """Log where the chain breaks, once, and that it is whole again. Here, as the watch waits when Spark hangs."""
        if link is not None and self._broke_at is None:
            self._broke_at = now
            _within(SAY_SECONDS, partial(log.error, "the alert chain is broken: unhealthy", at=link))
        elif link is None and self._broke_at is not None:
            lasted = round(now - self._broke_at)
            self._broke_at = None
            _within(SAY_SECONDS, partial(log.info, "the alert chain is whole again", after_seconds=lasted))

    def _tell(self, breakdown: Breakdown, seconds: float | None, *, restarts: bool) -> None:
        self._is_told = True
        line = broken_line(breakdown, self._now(), seconds, restarts=restarts)
        _within(SAY_SECONDS, partial(self._write, line))
        _within(SAY_SECONDS, partial(self._note_since, time.time() - (seconds or 0)))

    def _note_since(self, since: float) -> None:
        with contextlib.suppress(OSError):  # a full disk: nobody will say that it is whole again
            if not self._note.exists():
                self._note.write_text(str(since))

    def _tell_whole(self) -> None:
        self._is_told = False
        _within(SAY_SECONDS, self._write_whole)

    def _write_whole(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            since = float(self._note.read_text())
            self._note.unlink()
            self._write(whole_line(self._now(), time.time() - since))

    def _write(self, line: str) -> None:
        # Not through the file object, which a reporter that hangs has locked. So short a line is written as a whole.
        with contextlib.suppress(OSError):
            os.write(self.lines.fileno(), f"{line}\n".encode())

    def _now(self) -> dt.datetime:
        return dt.datetime.now(self._zone)


def _within(seconds: float, action: Callable[[], object]) -> None:
    """Do something that may wait for a reader; go on after so long, whether it is done or not."""
    attempt = threading.Thread(target=action, name="guard's word", daemon=True)
    attempt.start()
    attempt.join(seconds)
