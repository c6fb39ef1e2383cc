"""Simulated sensors: a climate, what each sensor measures of it, and the producer that publishes it."""
