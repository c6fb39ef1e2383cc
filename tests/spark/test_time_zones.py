"""The monitor knows which time zones Spark takes without asking it."""

from zoneinfo import available_timezones

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_monitor import time_zones


def test_what_can_be_shown_is_what_spark_takes(spark: SparkSession) -> None:
    name = "spark.sql.session.timeZone"
    before = str(spark.conf.get(name))

    def takes(zone: str) -> bool:
        try:
            spark.conf.set(name, zone)
        except PySparkException:
            return False
        return True

    try:
        different = {zone for zone in available_timezones() if takes(zone) != time_zones.can_be_shown(zone)}
    finally:
        spark.conf.set(name, before)
    assert different == set()
    assert not time_zones.can_be_shown("Factory")
