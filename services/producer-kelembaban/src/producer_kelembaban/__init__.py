"""Publishes simulated warehouse relative humidities (`kelembaban`, %)."""
