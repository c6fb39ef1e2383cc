"""Publishes simulated warehouse temperatures (`suhu`, °C)."""
