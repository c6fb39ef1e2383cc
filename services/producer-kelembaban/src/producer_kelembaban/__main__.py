"""Publishes simulated warehouse relative humidities (`kelembaban`, %) to Kafka."""

from sensorkit.simulation import Sensor, run

KELEMBABAN = Sensor(quantity="kelembaban", topic="sensor-kelembaban-gudang", low=60.0, high=80.0)

if __name__ == "__main__":
    run(KELEMBABAN)
