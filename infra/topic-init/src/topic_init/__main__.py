"""`python -m topic_init`: exit status 0 when every topic can be used, 1 with the reasons otherwise."""

import signal
import sys

import structlog

from servicekit.log import configure
from servicekit.settings import load
from topic_init import access, declared
from topic_init.errors import FinalError
from topic_init.kafka_admin import Cluster
from topic_init.reconcile import grant, reconcile
from topic_init.settings import Settings


def main() -> int:
    """Run once and return the exit status: not 0 after SIGTERM, so that nobody takes it for done."""
    # An exception, not an event: it also ends the wait for Kafka's answer.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = load(Settings)
    configure("topic-init", settings.log_level, settings.log_format)
    log = structlog.get_logger()
    try:
        wanted = [topic.wanted(settings) for topic in declared.read(settings.topics_file)]
        users = access.read(settings.access_file) if settings.access_file else None
        passwords = access.passwords(users.users, settings.passwords_dir) if users else {}
        # Not all of a short wait for one request: the log is to say that it waits.
        kafka = Cluster(settings.kafka, request_seconds=min(5, settings.wait_seconds / 2))
        reconcile(kafka, wanted, settings.wait_seconds)
        if users:
            grant(kafka, users.rights(), passwords, settings.wait_seconds)
    except FinalError as error:
        for line in error.args:
            log.error(line)  # noqa: TRY400 - the sentence is for an operator, a stack trace is not
        return 1
    except KeyboardInterrupt:
        log.warning("stopped before the topics were ready")
        return 128 + signal.SIGTERM
    log.info(
        "topics ready", topics=len(wanted), users=len(passwords), partitions=sum(topic.partitions for topic in wanted)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
