"""Messages that can't be used -> the refused topic (a dead letter queue), whole, with the reason and the origin.

The headers have the names of Kafka Connect's dead letter queues, so its tools and people's habits fit.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from messages.records import HEADERS
from messages.topics import REFUSED
from spark_monitor.detection.outgoing import message

MAX_VALUE_BYTES = 1024 * 1024
MAX_KEY_BYTES = 64 * 1024
"""Together below the refused topic's `max.message.bytes`. Only a broker with raised limits makes either cut."""


def refusal_message() -> Column:
    """Return the message for a refused reading (see `decode.decode`), null for an accepted one."""
    return F.when(
        F.col("refusal_code").isNotNull(),
        message(
            REFUSED,
            F.substring(F.col("refused_key"), 1, MAX_KEY_BYTES),
            F.substring(F.col("refused_value"), 1, MAX_VALUE_BYTES),
            F.array(
                _header("topic", F.col("topic")),
                _header("partition", F.col("partition")),
                _header("offset", F.col("offset")),
                _header("stage", F.lit("VALUE_CONVERTER")),
                _header("exception.class.name", F.col("refusal_code")),
                _header("exception.message", F.col("refusal_message")),
            ),
        ),
    )


def _header(name: str, value: Column) -> Column:
    return F.struct(F.lit(HEADERS + name).alias("key"), value.cast("string").cast("binary").alias("value"))
