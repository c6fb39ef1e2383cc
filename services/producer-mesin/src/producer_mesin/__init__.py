"""Publishes simulated machine temperatures of a factory (`pabrik`)."""
