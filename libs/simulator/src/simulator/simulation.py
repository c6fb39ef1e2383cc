"""A simulated sensor: what every producer runs. A producer says which quantity it measures and calls `run`."""

import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import structlog
from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from servicekit import heartbeat, log, settings, shutdown
from servicekit.publisher import Publisher
from simulator.climate import Climate, Measure, uniform
from simulator.reading import Reading, to_json, warehouse_message

events = structlog.get_logger()

FLUSH_SECONDS = 8
REPORT_SECONDS = 60

TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="a topic's name")]
EntityIds = Annotated[tuple[str, ...], settings.CommaSeparated, Field(description="names like G1,G2,G3")]
Limit = Annotated[float, Field(allow_inf_nan=False, description="a number")]


@dataclass(frozen=True)
class Sensor:
    """What makes a producer the producer of one quantity.

    `quantity` names the settings; `topic`, the range `low`…`high` (in the quantity's unit) and the `entities` that it
    measures (`entities_variable` names the setting) are the settings' defaults; `message` gives a reading its form.
    """

    quantity: str
    topic: str
    low: float
    high: float
    entities: tuple[str, ...] = ("G1", "G2", "G3")
    entities_variable: str = "GUDANG_IDS"
    message: Callable[[Reading], Mapping[str, object]] = warehouse_message


class SimulationSettings(settings.ServiceSettings):
    """The simulation's knobs. Those without an alias carry the quantity as prefix: SUHU_MIN, KELEMBABAN_MIN."""

    simulation: Annotated[
        Literal["uniform", "realistic"],
        Field(validation_alias="SIMULATION", description="uniform or realistic"),
    ] = "uniform"
    topic: TopicName
    min: Limit
    max: Limit
    interval_seconds: Annotated[float, Field(ge=0.001, le=86_400, description="seconds, 0.001 to 86400")] = 1.0
    seed: Annotated[int | None, Field(description="a whole number, or nothing for a new series each start")] = None
    queue_messages: Annotated[int, Field(ge=1, le=100_000, description="messages, 1 to 100000")] = 20_000
    delivery_timeout_seconds: Annotated[float, Field(ge=1, le=86_400, description="seconds, 1 to 86400")] = 3600.0

    entity_ids: EntityIds
    sensor_id: Annotated[
        str, Field(validation_alias="SENSOR_ID", min_length=1, max_length=64, description="1 to 64 characters")
    ] = socket.gethostname()

    @field_validator("entity_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("entity_ids")
    @classmethod
    def _are_distinct_names(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        if not all(0 < len(one) <= 64 for one in ids) or len(set(ids)) != len(ids):  # noqa: PLR2004
            raise ValueError("each name once, 1 to 64 characters")
        return ids

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Self:
        if self.min > self.max:
            prefix = self.model_config["env_prefix"]
            raise ValueError(f"{prefix}MIN={self.min!r}: expected at most {prefix}MAX, which is {self.max!r}")
        return self


def run(sensor: Sensor) -> None:
    """Publish readings of `sensor` until SIGTERM, then flush and exit: 0 when all were acknowledged, 1 when not."""
    config = load_settings(sensor)
    log.configure(f"producer-{sensor.quantity}", config.log_level, config.log_format)
    stop = shutdown.on_signals()
    publisher = Publisher(
        config.kafka,
        config.topic,
        stop,
        client_id=config.sensor_id,
        queue_messages=config.queue_messages,
        delivery_timeout=config.delivery_timeout_seconds,
    )
    events.info("started", topic=config.topic, sensor_id=config.sensor_id, entity_ids=config.entity_ids)
    if publisher.wait_for_topic():
        _publish_until_stopped(sensor, config, publisher, stop)
    unsent = publisher.flush(FLUSH_SECONDS)
    lost = publisher.failed + unsent
    (events.error if lost else events.info)(
        "stopped", acknowledged=publisher.acknowledged, failed=publisher.failed, unsent=unsent
    )
    sys.exit(1 if lost else 0)


def load_settings(sensor: Sensor) -> SimulationSettings:
    """Read the environment; `sensor` gives the names' prefix and the defaults. Ends the process if a value is wrong."""

    class Settings(SimulationSettings):
        model_config = SettingsConfigDict(env_prefix=f"{sensor.quantity.upper()}_")

        topic: TopicName = sensor.topic
        min: Limit = sensor.low
        max: Limit = sensor.high
        entity_ids: Annotated[EntityIds, Field(validation_alias=sensor.entities_variable)] = sensor.entities

    return settings.load(Settings)


def readings(sensor: Sensor, config: SimulationSettings) -> Iterator[list[Reading]]:
    """Yield one reading of every entity whose sensor is not silent, again and again: two decimals, stamped with now."""
    measure = _measure(sensor, config)
    while True:
        tick = []
        for entity_id in config.entity_ids:
            at = time.time()
            value = measure(entity_id, at)
            if value is not None:
                tick.append(Reading(entity_id, sensor.quantity, round(value, 2), at, config.sensor_id))
        yield tick


def _measure(sensor: Sensor, config: SimulationSettings) -> Measure:
    if config.simulation == "uniform":
        return uniform(config.min, config.max, config.seed)
    seed = random.randrange(2**32) if config.seed is None else config.seed  # noqa: S311 - a simulation, not a secret
    return Climate(config.min, config.max, seed, sensor.quantity, config.sensor_id)


def ticks(interval: float, publisher: Publisher, stop: threading.Event) -> Iterator[None]:
    """Yield on the grid start, start + interval, … until stopped.

    The grid does not move with the work done. Ticks that passed while the caller was held up are left out, not made up
    for in a burst: a sensor that was held up measured nothing then. Delivery reports are served in between.
    """
    start = time.monotonic()
    number = 0
    while not stop.is_set():
        yield
        number = max(number + 1, int((time.monotonic() - start) / interval))
        while (left := start + number * interval - time.monotonic()) > 0 and not stop.is_set():
            publisher.serve(min(left, 0.2))


def _publish_until_stopped(
    sensor: Sensor, config: SimulationSettings, publisher: Publisher, stop: threading.Event
) -> None:
    reported, seen = time.monotonic(), 0
    for _, tick in zip(ticks(config.interval_seconds, publisher, stop), readings(sensor, config), strict=False):
        for reading in tick:
            if stop.is_set():
                return
            publisher.publish(reading.key(), to_json(sensor.message(reading)))
        if publisher.acknowledged > seen or not (tick or publisher.unsent):
            seen = publisher.acknowledged
            heartbeat.beat(max(heartbeat.GOOD_FOR_SECONDS, 3 * config.interval_seconds))
        if time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            events.info("readings", acknowledged=seen, failed=publisher.failed, unsent=publisher.unsent)
