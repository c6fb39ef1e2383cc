"""What every Kafka client gets: who we are, its timeouts, and its errors in our log, each kind once in a while."""

import time
from typing import Any

import structlog
from confluent_kafka import KafkaError

from sensorkit.kafka_security import Security

log = structlog.get_logger()

SAME_ERROR_SECONDS = 30

REQUEST_TIMEOUT_MS = 10_000
"""How long a request waits on a connection that may be dead without knowing it, for instance because the network was
away and the address is another now. The clients' own defaults are half a minute and a minute."""

_UNSECURED = {
    # The client's own lines on stderr would stand between ours; the callback gets the errors.
    "log_level": 0,
    "socket.timeout.ms": REQUEST_TIMEOUT_MS,
    "socket.keepalive.enable": True,
}

CLIENT: dict[str, Any] = dict(_UNSECURED)
"""For every client's configuration. A process is one Kafka user: whoever loads the settings says which (`secure`)."""


def secure(security: Security) -> None:
    """Let every client that is made from now on speak to Kafka like this."""
    CLIENT.clear()
    CLIENT.update(_UNSECURED | security.for_librdkafka())


class ErrorLog:
    """The `error_cb` of a client, which without a broker repeats itself."""

    def __init__(self) -> None:
        self._quiet_until: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Log an error, unless one of its kind was logged a short time ago."""
        now = time.monotonic()
        if error.fatal() or now >= self._quiet_until.get(error.code(), 0):
            self._quiet_until[error.code()] = now + SAME_ERROR_SECONDS
            log.warning("Kafka client", cause=error.str(), fatal=error.fatal())
