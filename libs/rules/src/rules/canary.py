"""A sensor that the monitor makes up itself: each of its readings must come back as an alert, the way of all others.

Its stream and alert are added to the rules in memory only. Its alert is the monitor's heartbeat for other programs: it
goes to a topic of its own, so that nobody takes it for a warehouse.
"""

import json

from messages.topics import CANARY
from rules.model import KAFKA_TIME, Alert, Rules, Stream

NAME = "kenari"
"""The stream's and the alert's."""

ENTITY = "spark-monitor"

PULSE_SECONDS = 5
"""Between two of its readings."""

STREAM = Stream(
    topic=CANARY,
    entity_field="monitor",
    value_field="pulse",
    value_type="integer",
    label="Kenari",
    unit=" ms",
    plausible=(0, 1e15),
    # By the broker's clock: a monitor whose own is ahead must not refuse its own pulse.
    event_time=KAFKA_TIME,
)

ALERT = Alert(stream=NAME, at_least=0, message="[Detak] {entity} berjalan - {time}")


def with_canary(rules: Rules) -> Rules:
    """Return the rules with the canary's stream and alert."""
    # Not a copy: that would keep what the rules have worked out of themselves, such as their topics.
    return Rules(streams={**rules.streams, NAME: STREAM}, alerts={**rules.alerts, NAME: ALERT}, statuses=rules.statuses)


def pulse_message(pulse: int) -> bytes:
    """Return the reading for a pulse: when it was sent, by the monitor's clock in milliseconds of the epoch."""
    return json.dumps({STREAM.entity_field: ENTITY, STREAM.value_field: pulse}).encode()
