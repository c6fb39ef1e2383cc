"""This monitor with some settings as CHANGED_SETTINGS has them, a JSON object; null is the library's own default.

`spark.…` is an option of the session, `read …` one of what a query reads with, `write …` of what it writes with.
"""

import json
import os

from pyspark.sql import SparkSession
from pyspark.sql.streaming.readwriter import DataStreamReader, DataStreamWriter

from spark_monitor.__main__ import main

CHANGED: dict[str, str | None] = json.loads(os.environ["CHANGED_SETTINGS"])


class Builder(SparkSession.Builder):
    """Builds a session with other options."""

    def getOrCreate(self) -> SparkSession:  # noqa: N802 - Spark's name
        """Return the session, with each option set or left out as asked for."""
        for name, value in CHANGED.items():
            if value is None:
                self._options.pop(name, None)  # a batch asks for its session with no options
            elif name.startswith("spark."):
                self.config(name, value)
        return super().getOrCreate()


def options(kind: str) -> dict[str, str]:
    """Return the options of a kind, without its name before them."""
    return {key.removeprefix(kind): value for key, value in CHANGED.items() if key.startswith(kind) and value}


SparkSession.Builder = Builder
load, start = DataStreamReader.load, DataStreamWriter.start
DataStreamReader.load = lambda reader: load(reader.options(**options("read ")))
DataStreamWriter.start = lambda writer: start(writer.options(**options("write ")))

if __name__ == "__main__":
    main()
