"""What comes in is broken, too large, too much, twice, or out of its time."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from devstack.compose_project import eventually

BAD: list[bytes | None] = [
    b"suhu=84",
    b"",
    None,
    b'{"gudang_id":"BAD","suhu":99,"x":"\xff"}',
    b"[99]",
    b'{"suhu":99}',
    b'{"gudang_id":"","suhu":99}',
    b'{"gudang_id":"' + b"x" * 65 + b'","suhu":99}',
    b'{"gudang_id":"BAD"}',
    b'{"gudang_id":"BAD","suhu":"99"}',
    b'{"gudang_id":"BAD","suhu":NaN}',
    b'{"gudang_id":"BAD","suhu":Infinity}',
    b'{"gudang_id":"BAD","suhu":1e999}',
    b'{"gudang_id":"BAD","suhu":200.1}',
    b'{"gudang_id":"BAD","suhu":-90.1}',
    b'{"gudang_id":"BAD","suhu":99,"timestamp":"now"}',
]


DICE = random.Random(2)


def send_bad_at(fault: Any, rate: float, seconds: float, message: Callable[[int], bytes | None]) -> None:
    """Send bad messages, made of their numbers, at a rate for a while."""
    begun, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        while sent < passed * rate:
            fault.ledger.send_bad(message(sent))
            sent += 1
        time.sleep(0.005)  # this makes the rate: the loop ends by the clock


def in_turn(number: int) -> bytes | None:
    return BAD[number % len(BAD)]


def at_random(_: int) -> bytes:
    """Return any bytes but an object: that could pass as a reading, which is not for the ledger of refusals."""
    return DICE.choice(b"\x00\x01[(<~#").to_bytes() + DICE.randbytes(DICE.randrange(400))


def in_turn_and_at_random(number: int) -> bytes | None:
    return at_random(number) if number % 2 else in_turn(number // 2)


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [pytest.param(200, 5, marks=pytest.mark.short), pytest.param(1000, 60, marks=pytest.mark.long)],
)
def test_bad_and_good(around: Callable[..., Any], rate: float, seconds: int) -> None:
    """Whatever is not understood must be in the refused topic."""
    fault_is = f"input: {rate} good and {rate} random a second for {2 * seconds} s, {rate} bad in its first half"
    with around(fault_is, rate=rate) as fault:
        send_bad_at(fault, 2 * rate, seconds, in_turn_and_at_random)
        send_bad_at(fault, rate, seconds, at_random)
        fault.is_over()


def test_two_megabytes(around: Callable[..., Any]) -> None:
    """The broker takes no message of this size: its sender is told, and nobody else notices."""
    with around("input: a message of 2 MB") as fault:
        fault.ledger.send_bad(b'{"gudang_id":"BAD","suhu":99,"x":"' + b"x" * 2_000_000 + b'"}')
        eventually(lambda: fault.ledger.failed, lambda: "neither taken nor refused by the broker", 30)
        assert fault.ledger.failed == {"MSG_SIZE_TOO_LARGE": 1}
        fault.is_over()
        fault.remark = "the broker tells the sender: MSG_SIZE_TOO_LARGE"


def test_shuffled_within_30_seconds(around: Callable[..., Any]) -> None:
    with around("input: shuffled within 30 s", rate=0) as fault:
        order = random.Random(1)
        for _ in range(500):
            fault.ledger.send(timestamp=time.time() - order.uniform(0, 30))
        fault.ledger.flush()


def test_clocks_that_are_wrong(around: Callable[..., Any]) -> None:
    """Behind is history and raises its alert; of what is ahead, or before 2000, Kafka's time counts."""
    with around("input: clocks an hour behind and ahead, in 1970 and 9999, jumping back", rate=0) as fault:
        now = time.time()
        for at in (now, now - 3600, 1.0, 0.0, -1.0, now, now - 86_400, now, now - 5, now + 3600, 253_402_300_000.0):
            fault.ledger.send(timestamp=at)
        fault.ledger.flush()
        fault.remark = "each raises its alert"


def test_duplicates_of_a_sender(around: Callable[..., Any]) -> None:
    """The same message sent again is a reading of its own: Kafka gives it a place of its own."""
    with around("input: the same message ten times", rate=0) as fault:
        fault.ledger.send()
        message = {"gudang_id": fault.ledger.warehouse(0), "suhu": fault.ledger.value(0), "timestamp": time.time()}
        for _ in range(9):
            fault.ledger.send_again(message, 0)
        fault.ledger.flush()
        eventually(lambda: len(fault.ledger.printed()) == 10, lambda: str(fault.ledger.printed()), 30)
        fault.remark = "each is a reading and gets its line"
