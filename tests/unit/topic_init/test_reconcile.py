"""The run against a Kafka that behaves as a test says."""

from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs

from topic_init.errors import FinalError, NotYetError
from topic_init.kafka_admin import Cluster
from topic_init.plan import Action, Found, Wanted
from topic_init.reconcile import reconcile

A = Wanted("a", 1, 1, {})
B = Wanted("b", 1, 1, {})
READY = Found(1, {1}, [], {})


class FakeCluster(Cluster):
    """Keeps topics in a dict; `faults` are raised, one a call, by the calls of the kind they stand under."""

    def __init__(self, **faults: list[Exception | None]) -> None:
        self.topics: dict[str, Found] = {}
        self.faults = faults
        self.applied: list[str] = []

    def found(self, names: Iterable[str]) -> dict[str, Found]:
        """Return those that are in the dict."""
        self._fail("found")
        return {name: self.topics[name] for name in names if name in self.topics}

    def apply(self, action: Action, *, dry_run: bool = False) -> None:
        """Do it in the dict."""
        self._fail("dry_run" if dry_run else "apply")
        if not dry_run:
            self.applied.append(action.topic.name)
            self.topics[action.topic.name] = Found(
                action.topic.partitions, {action.topic.replication}, [], action.topic.config
            )

    def _fail(self, kind: str) -> None:
        waiting = self.faults.get(kind)
        if waiting and (fault := waiting.pop(0)):
            raise fault


def test_what_is_done_is_logged_once_for_each_topic() -> None:
    kafka = FakeCluster()
    kafka.topics["b"] = READY
    with capture_logs() as logs:
        reconcile(kafka, [A, B], wait_seconds=5)
    assert [(line["event"], line["topic"]) for line in logs] == [("topic created", "a"), ("topic unchanged", "b")]


def test_contradictions_are_collected_before_anything_is_done() -> None:
    kafka = FakeCluster()
    kafka.topics = {"b": Found(2, {1}, [], {}), "c": Found(1, {2}, [], {})}
    with pytest.raises(FinalError) as caught:
        reconcile(kafka, [A, B, Wanted("c", 1, 1, {})], wait_seconds=5)
    assert [line.split(":")[0] for line in caught.value.args] == ["b", "c"]
    assert not kafka.applied


def test_refusals_are_collected_before_anything_is_done() -> None:
    kafka = FakeCluster(dry_run=[None, FinalError("b: no"), FinalError("c: no")])
    with pytest.raises(FinalError) as caught:
        reconcile(kafka, [A, B, Wanted("c", 1, 1, {})], wait_seconds=5)
    assert caught.value.args == ("b: no", "c: no")
    assert not kafka.applied


def test_it_waits_for_kafka_and_says_so() -> None:
    kafka = FakeCluster(found=[NotYetError("no answer")])
    with capture_logs() as logs:
        reconcile(kafka, [A], wait_seconds=5)
    assert (logs[0]["event"], logs[0]["reason"]) == ("waiting", "no answer")
    assert kafka.applied == ["a"]


def test_it_looks_again_when_another_creator_was_faster() -> None:
    """Then the other one's topic counts, so what is asked is compared with that."""
    kafka = FakeCluster(apply=[NotYetError("a: already exists")])
    look = kafka.found
    seen: list[dict[str, Found]] = []

    def found(names: Iterable[str]) -> dict[str, Found]:
        seen.append(look(names))
        kafka.topics.setdefault("a", READY)
        return seen[-1]

    kafka.found = found  # type: ignore[method-assign]
    reconcile(kafka, [A, B], wait_seconds=5)
    assert "a" not in seen[0]
    assert kafka.applied == ["b"]


def test_it_returns_only_when_every_partition_has_a_leader() -> None:
    kafka = FakeCluster()
    kafka.topics["a"] = READY._replace(leaderless=[0])
    look = kafka.found
    looks: list[None] = []

    def found(names: Iterable[str]) -> dict[str, Found]:
        looks.append(None)
        if len(looks) == 4:
            kafka.topics["a"] = READY
        return look(names)

    kafka.found = found  # type: ignore[method-assign]
    with capture_logs() as logs:
        reconcile(kafka, [A], wait_seconds=5)
    assert len(looks) == 4
    assert [line["reason"] for line in logs if line["event"] == "waiting"] == ["a has no leader for partition 0"] * 2


def test_after_the_deadline_it_names_what_is_missing() -> None:
    kafka = FakeCluster()
    kafka.topics = {"a": READY._replace(leaderless=[0]), "b": READY._replace(leaderless=[0])}
    with pytest.raises(FinalError) as caught:
        reconcile(kafka, [A, B], wait_seconds=0.3)
    (line,) = caught.value.args
    assert line == (
        "gave up after 0.3 s (WAIT_SECONDS): a has no leader for partition 0; b has no leader for partition 0"
    )
