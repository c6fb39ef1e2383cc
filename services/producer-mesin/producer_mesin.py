"""Publishes simulated machine temperatures of a factory (`pabrik`, °C) to Kafka."""

from messages import topics
from simulator.reading import Reading
from simulator.simulation import Sensor, run


def message(reading: Reading) -> dict[str, object]:
    """Return the machines' form: whole degrees and no time of their own; Kafka's is used."""
    return {"sensor_id": reading.entity_id, "temperature": round(reading.value)}


MESIN = Sensor(
    quantity="mesin", topic=topics.MESIN, low=60.0, high=100.0, entities=("S1", "S2", "S3"),
    entities_variable="MESIN_IDS", message=message,
)  # fmt: skip


def main() -> None:
    """Publish until stopped."""
    run(MESIN)


if __name__ == "__main__":
    main()
