"""Ten thousand messages that nobody should send, beside ordinary readings: nobody waits, nothing ends."""

import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from tests.nasty import Sender, judged, messages
from tests.stack.faults.test_soak import sample

from devstack.compose_project import Stack, eventually
from messages.topics import ALERTS, REFUSED

RATE = 100
WARM_UP = 1_500
"""How many hostile messages come first."""

ANSWERED_WITHIN_SECONDS = {1_000: 10, 10_000: 1}
"""By how many messages there are. In `make test` Java still compiles: there, nobody is held up for good."""

MEMORY = "monitor without cache"
MAY_USE_MIB = 1_000
"""Java's heap of 512 MB, full as under any load, its classes and code, the state store, Python. A bomb adds to that."""


def restarts(stack: Stack) -> dict[str, int]:
    return {each["Name"]: each["RestartCount"] for each in stack.containers()}


def read_since(stack: Stack, topic: str, since: float) -> list[Message]:
    with closing(Consumer({"bootstrap.servers": stack.bootstrap, "group.id": "hostile"})) as consumer:
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        starts = consumer.offsets_for_times([TopicPartition(topic, n, int(since * 1000)) for n in numbers], timeout=30)
        reached = {start.partition: start.offset for start in starts if start.offset >= 0}
        ends = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=30)[1] for n in reached}
        consumer.assign([TopicPartition(topic, n, offset) for n, offset in reached.items()])
        found: list[Message] = []
        while any(reached[n] < end for n, end in ends.items()):
            for message in consumer.consume(5000, 0.2):
                reached[message.partition() or 0] = (message.offset() or 0) + 1
                found.append(message)
        return found


def send(sender: Sender, count: int, seconds: float, bombs: int) -> None:
    """Send so many hostile messages, evenly over a time, until the broker has answered all of them."""
    begun = time.time()
    for number, nasty in enumerate(messages(count, count, bombs)):
        sender.send(nasty)
        time.sleep(max(0, begun + number * seconds / count - time.time()))  # this makes the rate
    sender.flush()


@pytest.mark.parametrize(
    ("count", "seconds", "bombs"),
    [
        pytest.param(1_000, 15, 4, marks=pytest.mark.short),
        pytest.param(10_000, 150, 40, marks=pytest.mark.long),
    ],
)
def test_hostile_messages_hold_nobody_up(
    around: Callable[..., Any], stack: Stack, count: int, seconds: int, bombs: int
) -> None:
    with around(f"input: {count} hostile messages within {seconds} s, {bombs} of them bombs", rate=RATE) as fault:
        sender, before = Sender(stack.bootstrap), restarts(stack)
        # Java compiles what refuses them at the first of each kind; what is measured comes behind.
        send(sender, WARM_UP, WARM_UP / RATE, 2)
        fault.is_over()
        begun = time.time()
        send(sender, count, seconds, bombs)
        ended = time.time()
        fault.is_over()

        sent = {number: at for number, at in list(fault.ledger.sent_at.items()) if begun <= at <= ended}
        delays: dict[int, float] = {}

        def all_are_answered() -> bool:
            delays.update({n: at - sent[n] for at, n in fault.ledger.printed() if n in sent})
            return sent.keys() <= delays.keys()

        eventually(all_are_answered, lambda: f"{len(sent) - len(delays)} of {len(sent)} readings without a line", 60)
        p99 = sorted(delays.values())[math.ceil(len(delays) * 0.99) - 1]

        def unanswered() -> set[str]:
            found = (read_since(stack, topic, fault.begun - 1) for topic in (ALERTS, REFUSED))
            return sender.places.keys() - judged(*found)

        eventually(
            lambda: not unanswered(), lambda: f"no answer to {Counter(sender.places[n] for n in unanswered())}", 60
        )
        fault.remark = f"readings beside them: p99 {p99 * 1000:.0f} ms; not taken by the broker: {len(sender.failed)}"
        assert restarts(stack) == before
        memory = sample(stack)[MEMORY]
        assert memory <= MAY_USE_MIB, f"the monitor uses {memory:.0f} MiB"
        assert p99 <= ANSWERED_WITHIN_SECONDS[count], f"p99 {p99:.2f} s, highest {max(delays.values()):.2f} s"
