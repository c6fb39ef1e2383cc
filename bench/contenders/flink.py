"""Apache Flink through PyFlink: one keyed process function, Python inside Flink's own process (thread mode)."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import judge
from pyflink.common import Configuration, Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.state import ValueStateDescriptor

ALERTS = OutputTag("alerts", Types.STRING())


class Judge(KeyedProcessFunction):
    """Alerts to a side output, statuses to the main one."""

    def open(self, runtime_context: RuntimeContext) -> None:
        self._newest = runtime_context.get_state(ValueStateDescriptor("newest", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: str, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        reading = judge.reading_of(value)
        alert = judge.alert(reading)
        if alert is not None:
            yield ALERTS, json.dumps(alert)
        newest = self._newest.value() or {}
        status = judge.status(newest, reading)
        self._newest.update(newest)
        yield json.dumps(status)


def main() -> None:
    # The interpreter inside Flink's process knows neither this environment nor this folder by itself.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    config = Configuration()
    config.set_string("python.execution-mode", "thread")
    config.set_string("python.executable", sys.executable)
    # Their defaults wait for company: a second, and 100 ms.
    config.set_string("python.fn-execution.bundle.time", "1")
    config.set_string("execution.buffer-timeout.interval", "1 ms")
    config.set_string("pipeline.jars", ";".join(f"file://{jar}" for jar in Path(os.environ["JARS_DIR"]).glob("*.jar")))
    env = StreamExecutionEnvironment.get_execution_environment(config)
    env.set_parallelism(1)
    offsets = KafkaOffsetsInitializer
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(judge.BOOTSTRAP)
        .set_topics(judge.SUHU, judge.KELEMBABAN)
        .set_group_id(judge.GROUP)
        .set_starting_offsets(offsets.earliest() if judge.STARTING == "earliest" else offsets.latest())
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    readings = env.from_source(source, WatermarkStrategy.no_watermarks(), "readings", type_info=Types.STRING())
    statuses = readings.key_by(lambda reading: json.loads(reading)["gudang_id"], key_type=Types.STRING()).process(
        Judge(), output_type=Types.STRING()
    )
    statuses.sink_to(_sink(judge.STATUSES))
    statuses.get_side_output(ALERTS).sink_to(_sink(judge.ALERTS))
    env.execute("warehouse")


def _sink(topic: str) -> KafkaSink:
    serializer = (
        KafkaRecordSerializationSchema.builder()
        .set_topic(topic)
        .set_value_serialization_schema(SimpleStringSchema())
        .build()
    )
    return KafkaSink.builder().set_bootstrap_servers(judge.BOOTSTRAP).set_record_serializer(serializer).build()


if __name__ == "__main__":
    main()
