"""Records reach Kafka in their order, whatever the client gives up."""

from collections.abc import Callable

from spark_monitor.health.outbox import Outbox, Outgoing


class Client:
    """Takes records, and is told by the test what became of them."""

    def __init__(self) -> None:
        self.taken: list[tuple[Outgoing, Callable[[bool], None]]] = []
        self.is_full = False

    def send(self, record: Outgoing, told: Callable[[bool], None]) -> bool:
        """Take a record."""
        if not self.is_full:
            self.taken.append((record, told))
        return not self.is_full

    def answer(self, *outcomes: bool) -> None:
        """Tell of the oldest records, one after the other, whether Kafka has them."""
        for outcome in outcomes:
            _, told = self.taken.pop(0)
            told(outcome)

    @property
    def values(self) -> bytes:
        """The values of what is on its way."""
        return b"".join(record.value for record, _ in self.taken)


def records(values: str) -> list[Outgoing]:
    return [Outgoing("topic", "key", each.encode()) for each in values]


def sent(values: str) -> tuple[Outbox, Client]:
    """Return an outbox whose records, of these values, are on their way, and the client that took them."""
    outbox, client = Outbox(), Client()
    outbox.add(records(values))
    outbox.send(client.send)
    return outbox, client


def test_what_is_added_goes_out_in_its_order() -> None:
    _, client = sent("ab")
    assert client.values == b"ab"


def test_a_successor_waits_for_what_is_on_its_way() -> None:
    outbox, client = sent("a")
    outbox.add(records("b"))
    outbox.send(client.send)
    assert client.values == b"a"
    client.answer(True)
    outbox.send(client.send)
    assert client.values == b"b"


def test_what_the_client_gave_up_goes_first() -> None:
    """`opened` of a Kafka that is away is given up just when it is back and `recovered` is due."""
    outbox, client = sent("ab")
    outbox.add(records("c"))
    client.answer(False, False)
    outbox.send(client.send)
    assert client.values == b"abc"


def test_what_kafka_has_is_not_sent_again() -> None:
    outbox, client = sent("abc")
    client.answer(True, False, True)
    outbox.send(client.send)
    assert client.values == b"b"


def test_what_the_client_does_not_take_is_kept() -> None:
    outbox, client = sent("")
    client.is_full = True
    outbox.add(records("ab"))
    outbox.send(client.send)
    assert client.values == b""
    client.is_full = False
    outbox.send(client.send)
    assert client.values == b"ab"
