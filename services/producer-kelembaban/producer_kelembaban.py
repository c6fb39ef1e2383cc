"""Publishes simulated warehouse relative humidities (`kelembaban`, %) to Kafka."""

from messages import topics
from simulator.simulation import Sensor, run

KELEMBABAN = Sensor(quantity="kelembaban", topic=topics.KELEMBABAN, low=60.0, high=80.0)


def main() -> None:
    """Publish until stopped."""
    run(KELEMBABAN)


if __name__ == "__main__":
    main()
