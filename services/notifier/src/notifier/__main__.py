"""`python -m notifier`: exit status 0 when it was asked to stop, 1 when something is wrong with what it was told."""

import asyncio
import sys
import threading

import structlog
from confluent_kafka import KafkaException

from notifier.delivery import Webhook
from notifier.notify import Notifier
from notifier.settings import NotifierSettings, token_in
from servicekit import log, settings, shutdown

events = structlog.get_logger()


def main() -> int:
    """Hand incidents on until stopped."""
    config = settings.load(NotifierSettings)
    if config.url is None:
        expected = NotifierSettings.model_fields["url"].description
        sys.exit(f"WEBHOOK_URL is not set: expected {expected}; without it nobody is notified")
    log.configure("notifier", config.log_level, config.log_format)
    return notify(config.url, config, shutdown.on_signals())


def notify(url: str, config: NotifierSettings, stop: threading.Event) -> int:
    """Run until `stop` (returns 0), or until Kafka's client can't go on (returns 1)."""
    webhook = Webhook(url, config)
    events.info("started", host=webhook.host, group_seconds=config.group_seconds)
    if token_in(config.token_file) is None:
        events.warning("no token: the posts don't say who sends them", expected="WEBHOOK_TOKEN_FILE")
    try:
        asyncio.run(Notifier(config.kafka, webhook, config.group_seconds).run(stop))
    except KafkaException as error:
        events.error("giving up", cause=f"Kafka's client can't go on: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
