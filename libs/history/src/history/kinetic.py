"""Mean kinetic temperature: the one at which goods would have aged as they did. Its sums add up exactly."""

import math

ACTIVATION_KELVIN = 10_000.0
"""ΔH/R of the mean kinetic temperature: 83.144 kJ/mol, as in USP <1079> and Haynes."""

ZERO_CELSIUS_KELVIN = 273.15


def rate(celsius: float) -> float:
    """Return how fast goods age at a temperature, without a unit: `exp(-H / RT)`; 0 at absolute zero and below."""
    kelvin = celsius + ZERO_CELSIUS_KELVIN
    return math.exp(-ACTIVATION_KELVIN / kelvin) if kelvin > 0 else 0.0


def mean_temperature(kinetic: float, n: int) -> float | None:
    """Return the mean kinetic temperature in °C of `n` readings' rates; None where there is none."""
    if n <= 0 or not kinetic > 0:
        return None
    return ACTIVATION_KELVIN / -math.log(kinetic / n) - ZERO_CELSIUS_KELVIN
