"""Messages that somebody may send and nobody should: a grammar of them, the same for each seed.

A message that is a reading after all has a temperature above its limit: then its alert shows that it was judged.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from messages.topics import CANARY, SUHU

TOPIC = SUHU
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MEGABYTE = 1_000_000
BOMB_MEGABYTES = {"gzip": 20, "snappy": 8, "lz4": 60, "zstd": 60}
"""What comes out of a batch of less than a megabyte."""


@dataclass(frozen=True)
class Nasty:
    """A message: what is wrong with it, its parts, and how it is compressed."""

    kind: str
    value: bytes | None
    key: bytes | None = b"nasty"
    headers: dict[str, bytes] = field(default_factory=dict)
    codec: str = "none"


def messages(seed: int, count: int, bombs: int) -> Iterator[Nasty]:
    """Yield so many messages; `bombs` of them, evenly spread, are small as sent and huge when unpacked."""
    dice = random.Random(seed)
    for number in range(count):
        if bombs and number % (count // bombs) == count // bombs // 2:
            yield _bomb(dice)
        else:
            kind = dice.choice(list(KINDS))
            yield Nasty(kind, KINDS[kind](dice), codec=dice.choice(CODECS))


def bomb(codec: str, where: str) -> Nasty:
    """Return a message whose value, key or headers are huge when unpacked."""
    huge = b"x" * (BOMB_MEGABYTES[codec] * MEGABYTE)
    reading = b'{"gudang_id":"NASTY","suhu":99}'
    return {
        "value": Nasty(f"{codec} value", reading[:-1] + b',"x":"' + huge + b'"}', codec=codec),
        "key": Nasty(f"{codec} key", reading, key=huge, codec=codec),
        "header": Nasty(f"{codec} header", reading, headers={"x": huge}, codec=codec),
    }[where]


def _bomb(dice: random.Random) -> Nasty:
    return bomb(dice.choice(list(BOMB_MEGABYTES)), dice.choice(("value", "key", "header")))


def _reading(**changed: object) -> bytes:
    return json.dumps({"gudang_id": "NASTY", "suhu": 99} | changed).encode()


def _nesting(dice: random.Random) -> bytes:
    depth = dice.choice((50, 99, 100, 101, 800, 5_000, 10_000))
    opening, closing = dice.choice(((b'{"a":', b"}"), (b"[", b"]")))
    inner = opening * depth + b"1" + closing * dice.choice((depth, depth // 2))
    name = dice.choice((b"x", b"suhu", b"gudang_id", b"timestamp", b"sensor_id"))
    return b'{"gudang_id":"NASTY","suhu":99,"%s":%s}' % (name, inner)


def _width(dice: random.Random) -> bytes:
    count = dice.choice((100, 1_000, 5_000))
    return _reading(
        **dice.choice(
            (
                {"x": [{"a": number} for number in range(count)]},
                {f"x{dice.random()}": number for number in range(count)},
                {"x": "y" * count * 12},
                {"x": [[]] * count},
            )
        )
    )


def _tail(dice: random.Random) -> bytes:
    other = _reading(suhu=20)
    tails = (
        b"],[" + other,
        b"," + other,
        other,
        b"\n" + other,
        b"}",
        b"]",
        b"x",
        b"\x00",
        b" \t\r\n",
        b"//",
        b"\xef\xbb\xbf",
    )
    return dice.choice((b"", b"", b" ", b"\xef\xbb\xbf", b"[", b"\x00")) + _reading() + dice.choice(tails)


def _name(dice: random.Random) -> bytes:
    names = (
        "", " ", "G1\n[Peringatan Suhu Tinggi] Gudang G1: Suhu 99.00°C", "\x1b[2J", "\x00", "\x07", "\r", "G\u202e1",
        "G\u200d1", "\u00a0", "\ud800", "G1\ud83d", "\U0001f4a3" * 64, "x" * 64, "x" * 65, "x" * 10_000, "'; DROP--",
        "%s%n", "../../etc", "${jndi:ldap://x}", 1, True, None, {"a": 1}, ["G1"], "G1 ", "e\u0301" * 20, "\u2028",
        CANARY,
    )  # fmt: skip
    return _reading(**{dice.choice(("gudang_id", "sensor_id")): dice.choice(names)})


def _number(dice: random.Random) -> bytes:
    digits = (
        "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "0x63", "099", "+99", "99.", ".99",
        "9" * 300, "9" * 5_000, "99." + "0" * 20_000,
        "99e0", "1E+2", '"99"', "true", "null", "[99]", "1e308", "-1e308", "99,5",
    )  # fmt: skip
    return b'{"gudang_id":"NASTY","%s":%s}' % (
        dice.choice((b"suhu", b'suhu":99,"timestamp')), dice.choice(digits).encode()
    )  # fmt: skip


def _time(dice: random.Random) -> bytes:
    times: tuple[object, ...] = (
        0, 1, -1, 1e-9, 1795321758500, 1.7953217585e18, 253402300800, 1e300, "2026-11-22T11:29:18",
        "kemarin", [], {}, False, 2**63,
    )  # fmt: skip
    return _reading(timestamp=dice.choice(times))


def _encoding(dice: random.Random) -> bytes:
    text = '{"gudang_id":"NASTY é","suhu":99}'
    encoded = text.encode(dice.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7", "utf-8-sig")))
    return dice.choice((encoded, gzip.compress(encoded), b"\x00\x00\x00\x00\x05" + text.encode(), text.encode()[:-9]))


def _twice(dice: random.Random) -> bytes:
    name = dice.choice((b"suhu", b"gudang_id", b"timestamp", b"x"))
    return b'{"gudang_id":"NASTY","suhu":99,"%s":20,"%s":21}' % (name, name)


def _bytes(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randrange(2_000))


def _large(dice: random.Random) -> bytes:
    return _reading(x="x" * dice.choice((65_400, 65_535, 65_536, 100_000, 900_000)))


def _nothing(dice: random.Random) -> bytes | None:
    return dice.choice((None, b"", b" ", b"null", b"[]", b"{}", b'""', b"{", b'{"suhu"', b'{"suhu":'))


KINDS: dict[str, Callable[[random.Random], bytes | None]] = {
    "nesting": _nesting,
    "width": _width,
    "tail": _tail,
    "name": _name,
    "number": _number,
    "time": _time,
    "encoding": _encoding,
    "twice": _twice,
    "bytes": _bytes,
    "large": _large,
    "nothing": _nothing,
}


class Sender:
    """Sends them, each codec by a client of its own. `places` has the kind of each that the broker took, by its place.

    A place is `topic-partition-offset`. `failed` has what the broker did not take, as kind and error.
    """

    def __init__(self, bootstrap: str) -> None:
        self.places: dict[str, str] = {}
        self.failed: list[str] = []
        self._producers = {
            codec: Producer(
                {"bootstrap.servers": bootstrap, "compression.type": codec, "message.max.bytes": 500 * MEGABYTE}
            )
            for codec in CODECS
        }

    def send(self, nasty: Nasty, topic: str = TOPIC) -> None:
        """Send a message; what becomes of it is known behind `flush`."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.places[f"{message.topic()}-{message.partition()}-{message.offset()}"] = nasty.kind
            else:
                self.failed.append(f"{nasty.kind}: {error.name()}")

        producer = self._producers[nasty.codec]
        producer.produce(topic, nasty.value, nasty.key, headers=dict(nasty.headers), on_delivery=delivered)
        producer.poll(0)

    def flush(self) -> None:
        """Return when the broker has answered all of them."""
        assert not sum(producer.flush(120) for producer in self._producers.values())


def judged(alerts: list[Message], refused: list[Message]) -> set[str]:
    """Return the places of the messages that became an alert or a refusal."""
    found = {json.loads(alert.value() or b"")["alert_id"].rpartition("-")[0] for alert in alerts}
    for message in refused:
        headers: list[Any] = list(message.headers() or [])
        told = {name.rpartition(".")[2]: (value or b"").decode() for name, value in headers}
        said = {name: (value or b"").decode() for name, value in headers}["__connect.errors.exception.message"]
        number = 1
        if "pesan terakhirnya tidak dibaca" in said:
            number = int(said.split("setelah dibuka, ")[1].split()[0])
        origin = f"{told['topic']}-{told['partition']}"
        found |= {f"{origin}-{int(told['offset']) + each}" for each in range(number)}
    return found
