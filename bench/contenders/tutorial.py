"""The usual tutorial: micro-batches every 2 s, foreachBatch, collect, print; a stream-stream join for the status.

What it prints, it also sends to Kafka with a client, so that its results can be read like the others'.
"""

import json
import os
from pathlib import Path
from typing import Any

import judge
from confluent_kafka import Producer
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

STATE = Path(os.environ["STATE_DIR"])


def main() -> None:
    jars = ",".join(str(jar) for jar in sorted(Path(os.environ["JARS_DIR"]).glob("*.jar")))
    spark = (
        SparkSession.builder.master("local[*]")
        .appName("tutorial")
        .config("spark.jars", jars)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "Asia/Jakarta")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")

    def readings(topic: str, quantity: str) -> DataFrame:
        schema = f"gudang_id string, {quantity} double, timestamp double"
        return (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", judge.BOOTSTRAP)
            .option("subscribe", topic)
            .option("startingOffsets", judge.STARTING)
            .load()
            .select(F.from_json(F.col("value").cast("string"), schema).alias("reading"))
            .select("reading.*")
            .withColumn("at", F.timestamp_seconds("timestamp"))
        )

    suhu, kelembaban = readings(judge.SUHU, "suhu"), readings(judge.KELEMBABAN, "kelembaban")
    _show(_alerts(suhu, "suhu", "Suhu Tinggi", "Suhu %.2f°C"), judge.ALERTS, "suhu")
    _show(_alerts(kelembaban, "kelembaban", "Kelembaban Tinggi", "Kelembaban %.2f%%"), judge.ALERTS, "kelembaban")
    _show(_statuses(suhu, kelembaban), judge.STATUSES, "status")
    spark.streams.awaitAnyTermination()


def _alerts(readings: DataFrame, quantity: str, title: str, form: str) -> DataFrame:
    time = F.date_format("at", "yyyy-MM-dd HH:mm:ss")
    message = F.format_string(f"[Peringatan {title}] Gudang %s: {form} - %s", "gudang_id", quantity, time)
    return readings.filter(F.col(quantity) > judge.LIMITS[quantity]).select(
        F.col("gudang_id").alias("entity_id"), F.lit(quantity).alias("stream"), F.col(quantity).alias("value"),
        F.col("timestamp").alias("event_time"), message.alias("message"),
    )  # fmt: skip


def _statuses(suhu: DataFrame, kelembaban: DataFrame) -> DataFrame:
    one, other = (
        suhu.withWatermark("at", "15 seconds").alias("s"),
        kelembaban.withWatermark("at", "15 seconds").alias("k"),
    )
    near = F.col("k.at").between(
        F.col("s.at") - F.expr("interval 10 seconds"), F.col("s.at") + F.expr("interval 10 seconds")
    )
    joined = one.join(other, (F.col("s.gudang_id") == F.col("k.gudang_id")) & near)
    return joined.select(
        F.col("s.gudang_id").alias("entity_id"), "suhu", "kelembaban", _text().alias("status"),
        F.greatest("s.timestamp", "k.timestamp").alias("event_time"), F.lit(True).alias("complete"),
    )  # fmt: skip


def _text() -> Column:
    hot, humid = F.col("suhu") > judge.LIMITS["suhu"], F.col("kelembaban") > judge.LIMITS["kelembaban"]
    return (
        F.when(hot & humid, "Bahaya tinggi! Barang berisiko rusak")
        .when(hot, "Suhu tinggi, kelembaban normal")
        .when(humid, "Kelembaban tinggi, suhu aman")
        .otherwise("Aman")
    )


def _show(results: DataFrame, topic: str, name: str) -> None:
    producer = Producer({"bootstrap.servers": judge.BOOTSTRAP, "queue.buffering.max.messages": 1_000_000})

    def batch(frame: DataFrame, _: int) -> None:
        for row in frame.collect():
            result: dict[str, Any] = row.asDict()
            print(result.get("message", result))
            producer.produce(topic, json.dumps(result), result["entity_id"])
            producer.poll(0)
        producer.flush()

    (
        results.writeStream.foreachBatch(batch)
        .option("checkpointLocation", str(STATE / name))
        .trigger(processingTime="2 seconds")
        .start()
    )


if __name__ == "__main__":
    main()
