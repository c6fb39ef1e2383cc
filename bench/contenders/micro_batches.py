"""Ours on default micro-batches: the monitor's own DataFrame functions, another trigger, no reporter."""

import os
from pathlib import Path

from pyspark.sql import DataFrame

from spark_monitor import queries, rules_file, session
from spark_monitor.settings import MonitorSettings


def main() -> None:
    config = MonitorSettings()
    rules = rules_file.load(config.rules_file)
    spark = session.open_session(config, 2 + config.state_partitions)
    spark.sparkContext.setLogLevel("ERROR")

    def messages(topics: tuple[str, ...]) -> DataFrame:
        return (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", config.kafka_bootstrap_servers)
            .option("subscribe", ",".join(topics))
            .option("startingOffsets", config.starting_offsets)
            .load()
        )

    read = queries.read_by(rules)
    transforms = {queries.ALERTS_QUERY: queries.alerts_and_refusals, queries.STATUS_QUERY: queries.statuses}
    for name, transform in transforms.items():
        (
            transform(messages(read[name]), rules)
            .writeStream.queryName(name)
            .format("kafka")
            .option("kafka.bootstrap.servers", config.kafka_bootstrap_servers)
            .option("checkpointLocation", str(Path(os.environ["STATE_DIR"], name)))
            .outputMode("update")
            .start()
        )
    spark.streams.awaitAnyTermination()


if __name__ == "__main__":
    main()
