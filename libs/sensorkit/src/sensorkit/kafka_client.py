"""What every Kafka client gets: its timeouts, and its errors in our log, each kind once in a while."""

import time

import structlog
from confluent_kafka import KafkaError

log = structlog.get_logger()

SAME_ERROR_SECONDS = 30

REQUEST_TIMEOUT_MS = 10_000
"""How long a request waits on a connection that may be dead without knowing it, for instance because the network was
away and the address is another now. The clients' own defaults are half a minute and a minute."""

CLIENT = {
    # The client's own lines on stderr would stand between ours; the callback gets the errors.
    "log_level": 0,
    "socket.timeout.ms": REQUEST_TIMEOUT_MS,
    "socket.keepalive.enable": True,
}
"""For every client's configuration."""


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
