"""Quix Streams: the alerts as a filter, the status as a stateful function over both topics, state in RocksDB."""

import os
from typing import Any

import judge
from quixstreams import Application, State


def main() -> None:
    app = Application(
        broker_address=judge.BOOTSTRAP,
        consumer_group=judge.GROUP,
        auto_offset_reset=judge.STARTING,
        state_dir=os.environ["STATE_DIR"],
        # Its default, a second, is how long it waits for the slower of two topics.
        consumer_poll_timeout=0.01,
        producer_extra_config={"linger.ms": 0},
        consumer_extra_config={"fetch.wait.max.ms": 10},
    )

    def readings(topic: str) -> Any:
        return app.dataframe(app.topic(topic, value_deserializer="bytes")).apply(judge.reading_of)

    def status(reading: dict[str, Any], state: State) -> dict[str, Any]:
        newest = {quantity: tuple(kept) for quantity, kept in (state.get("newest") or {}).items()}
        result = judge.status(newest, reading)
        state.set("newest", newest)
        return result

    both = readings(judge.SUHU).concat(readings(judge.KELEMBABAN))
    alerts = both.apply(judge.alert)
    alerts = alerts[alerts.apply(lambda alert: alert is not None)]
    alerts.to_topic(app.topic(judge.ALERTS, value_serializer="json"))
    both.apply(status, stateful=True).to_topic(app.topic(judge.STATUSES, value_serializer="json"))
    app.run()


if __name__ == "__main__":
    main()
