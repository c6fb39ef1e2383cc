"""A Kafka client's errors in our log: each kind once in a while, as a client without a broker repeats itself."""

import time

import structlog
from confluent_kafka import KafkaError

log = structlog.get_logger()

SAME_ERROR_SECONDS = 30

CLIENT = {
    # The client's own lines on stderr would stand between ours; the callback gets the errors.
    "log_level": 0,
    # After the network was away, a connection may be dead without knowing it, for instance because the address is
    # another. A request on it waits this long, which would be a minute by default.
    "socket.timeout.ms": 10_000,
    "socket.keepalive.enable": True,
}
"""For every client's configuration."""


class ErrorLog:
    """The `error_cb` of a client."""

    def __init__(self) -> None:
        self._quiet_until: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Log an error, unless one of its kind was logged a short time ago."""
        now = time.monotonic()
        if error.fatal() or now >= self._quiet_until.get(error.code(), 0):
            self._quiet_until[error.code()] = now + SAME_ERROR_SECONDS
            log.warning("Kafka client", cause=error.str(), fatal=error.fatal())
