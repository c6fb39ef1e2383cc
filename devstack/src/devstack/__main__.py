"""`make run`: start everything, show the alerts, stop everything on Ctrl-C.

Exit status 0 when it was asked to stop, 1 when something is missing or a process ended by itself.
"""

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from devstack import jars, prerequisites, spark_java, stack
from devstack.kafka import Kafka
from devstack.layout import ROOT, Site
from devstack.postgres import local_postgres
from devstack.processes import Processes, StackError, StopRequested, running
from servicekit import shutdown


def main() -> int:
    """Run the stack until a signal comes or a process ends."""
    site, producers_at = _arguments()
    stop = shutdown.on_signals()
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # the terminal is closed; nohup wants it ignored
        signal.signal(signal.SIGHUP, lambda _number, _frame: stop.set())
    with contextlib.ExitStack() as at_the_end, running(site.logs, stop) as processes:
        try:
            prerequisites.check(site)
            _start(site, producers_at, processes, at_the_end)
            processes.watch()
        except StopRequested:
            _say("stopping: producers, monitor, PostgreSQL, Kafka, ZooKeeper")
        except StackError as error:
            _say(str(error))
            return 1
    return 0


def _start(site: Site, producers_at: str, processes: Processes, at_the_end: contextlib.ExitStack) -> None:
    """Start all; what is no child of this process is ended by `at_the_end`, after the children."""
    began = time.monotonic()

    def step(number: int, what: str) -> None:
        _say(f"[{number}/8] {time.monotonic() - began:5.1f} s  {what}")

    if line := stack.old_setting(ROOT / ".env"):
        _say(line)
    step(1, "jars, Java's classes (the first time: minutes)")
    jars.fetch(jars.KAFKA_POM, site.jars, processes)
    java = spark_java.environment(site, processes)
    kafka = Kafka(site, processes)
    environment = stack.user_environment(ROOT / ".env")
    step(2, "ZooKeeper")
    kafka.start_zookeeper()
    step(3, "Kafka")
    kafka.start_broker()
    step(4, "PostgreSQL")
    if "DATABASE_URL" not in environment:
        environment["DATABASE_URL"] = at_the_end.enter_context(local_postgres(site.state / "postgres")).url
    environment.setdefault("ARCHIVE_LOCATION", str(site.state / "archive"))
    services = stack.Services(site, processes, environment)
    step(5, "topics")
    services.create_topics()
    step(6, "monitor (Spark)")
    services.start_monitor(java)
    step(7, "page")
    page = services.start_web()
    step(8, "producers, then the first heartbeats")
    services.start_producers(stack.AT_SITE[producers_at])
    services.wait_until_ready()
    seconds = time.monotonic() - began
    _say(f"running after {seconds:.1f} s: {page}, Kafka on {site.bootstrap}, logs in {site.logs}, Ctrl-C to stop")


def _arguments() -> tuple[Site, str]:
    parser = argparse.ArgumentParser(prog="devstack", description="The whole stack as plain processes.")
    parser.add_argument("--state", type=Path, default=Site.state, help="folder of data and logs (%(default)s)")
    parser.add_argument("--kafka-port", type=int, default=Site.kafka_port, help="%(default)s")
    parser.add_argument("--zookeeper-port", type=int, default=Site.zookeeper_port, help="%(default)s")
    parser.add_argument("--site", choices=stack.AT_SITE, default="gudang", help="which producers run (%(default)s)")
    chosen = parser.parse_args()
    site = Site(state=chosen.state.resolve(), kafka_port=chosen.kafka_port, zookeeper_port=chosen.zookeeper_port)
    return site, chosen.site


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone, and the children must end all the same
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
