"""Bytewax: a dataflow with one stateful step."""

import json
import os
from typing import Any

import bytewax.connectors.kafka.operators as kafka
import bytewax.operators as op
import judge
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END


def reading(message: Any) -> dict[str, Any]:
    return judge.reading_of(message.value)


def as_message(result: dict[str, Any]) -> KafkaSinkMessage:
    return KafkaSinkMessage(result["entity_id"].encode(), json.dumps(result).encode())


def with_newest(newest: judge.Newest | None, reading: dict[str, Any]) -> tuple[judge.Newest, dict[str, Any]]:
    newest = newest or {}
    return newest, judge.status(newest, reading)


def flow() -> Dataflow:
    flow = Dataflow("warehouse")
    start = OFFSET_BEGINNING if judge.STARTING == "earliest" else OFFSET_END
    brokers = [judge.BOOTSTRAP]
    source = kafka.input(
        "in", flow, brokers=brokers, topics=[judge.SUHU, judge.KELEMBABAN], starting_offset=start,
        add_config={"fetch.wait.max.ms": "10"},
    )  # fmt: skip
    readings = op.map("reading", source.oks, reading)
    alerts = op.map("alert message", op.filter_map("alert", readings, judge.alert), as_message)
    kafka.output("alerts", alerts, brokers=brokers, topic=judge.ALERTS, add_config={"linger.ms": "0"})
    keyed = op.key_on("warehouse", readings, lambda reading: reading["entity"])
    statuses = op.map("status message", op.key_rm("unkey", op.stateful_map("status", keyed, with_newest)), as_message)
    kafka.output("statuses", statuses, brokers=brokers, topic=judge.STATUSES, add_config={"linger.ms": "0"})
    return flow


if __name__ == "__main__":
    os.environ.setdefault("BYTEWAX_RECOVERY", "")
    cli_main(flow())
