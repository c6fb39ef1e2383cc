"""The readings that all contenders get, and the results that all of them must give.

Both follow from a reading's number alone. Even numbers are temperatures; the humidity of the same warehouse comes right
behind. A warehouse's next pair comes more than twice the pairing's tolerance later, so that also a plain join of both
streams finds each pair once.
"""

from dataclasses import dataclass

from messages.topics import KELEMBABAN, SUHU

TOPICS = {"suhu": SUHU, "kelembaban": KELEMBABAN}
LIMITS = {"suhu": 80.0, "kelembaban": 70.0}
STATUS = {
    (True, True): "Bahaya tinggi! Barang berisiko rusak",
    (True, False): "Suhu tinggi, kelembaban normal",
    (False, True): "Kelembaban tinggi, suhu aman",
    (False, False): "Aman",
}
PERIOD_SECONDS = 25
"""From a warehouse's pair to its next: more than twice the 10 s in which two readings belong together."""

VALUES = 2000

AlertKey = tuple[str, str, float]
"""Warehouse, quantity and value: unique, because a warehouse's values don't repeat within 2,000 pairs."""

StatusKey = tuple[str, float, float, str]
"""Warehouse, temperature, humidity and the status's text."""


@dataclass(frozen=True)
class Series:
    """Readings at `rate` a second; `name` marks their warehouses, so that two series are never mistaken."""

    name: str
    rate: float
    among: int | None = None
    """How many warehouses take turns, if not as many as the period asks for. Then values may come again."""

    @property
    def warehouses(self) -> int:
        """How many warehouses take turns."""
        return self.among or max(1, round(self.rate * PERIOD_SECONDS / 2))

    def reading(self, number: int) -> tuple[str, str, float]:
        """Return the warehouse, the quantity and the value of a reading."""
        pair, quantity = number // 2, ("suhu", "kelembaban")[number % 2]
        turn, warehouse = divmod(pair, self.warehouses)
        # Both sides of both limits in turns, in an order that mixes them.
        step = (turn * 777 + warehouse * 313 + number % 2 * 1111) % VALUES
        return f"{self.name}-{warehouse}", quantity, round(LIMITS[quantity] - 10 + step / 100, 2)

    def raising(self, count: int) -> list[AlertKey]:
        """Return those of the first `count` readings that must raise an alert."""
        return [each for each in map(self.reading, range(count)) if each[2] > LIMITS[each[1]]]

    def alerts(self, count: int) -> set[AlertKey]:
        """Return the alerts that the first `count` readings must raise."""
        return set(self.raising(count))

    def statuses(self, count: int) -> set[StatusKey]:
        """Return the complete statuses that the first `count` readings must give."""
        found = set()
        for number in range(0, count - 1, 2):
            warehouse, _, suhu = self.reading(number)
            kelembaban = self.reading(number + 1)[2]
            found.add((warehouse, suhu, kelembaban, STATUS[suhu > LIMITS["suhu"], kelembaban > LIMITS["kelembaban"]]))
        return found
