"""Publishes simulated warehouse temperatures (`suhu`, °C) to Kafka."""

from messages import topics
from simulator.simulation import Sensor, run

SUHU = Sensor(quantity="suhu", topic=topics.SUHU, low=70.0, high=90.0)


def main() -> None:
    """Publish until stopped."""
    run(SUHU)


if __name__ == "__main__":
    main()
