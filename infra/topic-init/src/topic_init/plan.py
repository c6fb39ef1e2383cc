"""Compares the topics that are wanted with those that Kafka has. Pure functions."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple


class Wanted(NamedTuple):
    """A topic as it should be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class Found(NamedTuple):
    """A topic as Kafka has it: every replication factor among its partitions, the config in force."""

    partitions: int
    replication: set[int]
    leaderless: list[int]
    config: Mapping[str, str | None]


class Action(NamedTuple):
    """One step; for `config changed` the topic's config is only what differs. `details` are for the log."""

    event: Literal["topic created", "partitions added", "config changed"]
    topic: Wanted
    details: Mapping[str, Any]


def actions(topic: Wanted, has: Found | None) -> Iterator[Action]:
    """Yield what to do for a topic (`has` is None: it does not exist); nothing when it is as wanted."""
    if has is None:
        details = {"partitions": topic.partitions, "replication": topic.replication, "config": topic.config}
        yield Action("topic created", topic, details)
        return
    if has.partitions < topic.partitions:
        yield Action("partitions added", topic, {"before": has.partitions, "after": topic.partitions})
    if after := {key: value for key, value in topic.config.items() if not _same(value, has.config.get(key))}:
        before = {key: has.config.get(key) for key in after}
        yield Action("config changed", topic._replace(config=after), {"before": before, "after": after})


def _same(wanted: str, value: str | None) -> bool:
    """Compare as Kafka does: it reports `True` as `true`, and `compact, delete` as `compact,delete`."""
    return value is not None and wanted.replace(" ", "").lower() == value.lower()


def contradictions(topic: Wanted, has: Found | None) -> Iterator[str]:
    """Yield a sentence for each wish that no action fulfils: the topic, what it has, what is asked, what to do."""
    if has and has.partitions > topic.partitions:
        yield (
            f"{topic.name}: has {has.partitions} partitions, {topic.partitions} asked for; Kafka cannot remove any: "
            f"ask for {has.partitions} (TOPIC_PARTITIONS, or partitions in the topics file), or delete the topic first"
        )
    if has and has.replication != {topic.replication}:
        yield (
            f"{topic.name}: has replication factor {'/'.join(map(str, sorted(has.replication)))}, {topic.replication} "
            "asked for; replicas are not moved here: set TOPIC_REPLICATION to what it has, "
            "or use kafka-reassign-partitions first"
        )


def missing(topic: Wanted, has: Found | None) -> Iterator[str]:
    """Yield what keeps a topic from being used: partitions or leaders."""
    if (count := has.partitions if has else 0) < topic.partitions:
        yield f"{topic.name} has {count} of {topic.partitions} partitions"
    for partition in has.leaderless if has else []:
        yield f"{topic.name} has no leader for partition {partition}"
