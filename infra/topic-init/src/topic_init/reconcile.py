"""The run: look, compare, act, and wait until the topics can be used."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from topic_init import access, plan
from topic_init.errors import FinalError, NotYetError
from topic_init.kafka_admin import Cluster

log = structlog.get_logger()


def reconcile(kafka: Cluster, wanted: Sequence[plan.Wanted], wait_seconds: float) -> None:
    """Make the topics what they should be; return when every partition has a leader.

    Raises FinalError for contradictions and refusals before anything is changed, and after `wait_seconds`.
    """
    _until_done([_bring_about, _require_leaders], kafka, wanted, wait_seconds=wait_seconds)


def grant(kafka: Cluster, wanted: set[access.Right], passwords: Mapping[str, str], wait_seconds: float) -> None:
    """Set the users' passwords, and make their rights what they should be: nobody has any other.

    Raises FinalError for refusals, and after `wait_seconds`.
    """
    _until_done([_set_passwords, _set_rights], kafka, passwords, wanted, wait_seconds=wait_seconds)


def _until_done(steps: Sequence[Callable[..., None]], *arguments: Any, wait_seconds: float) -> None:  # noqa: ANN401
    """Carry out steps one after the other, each again while Kafka is not ready for it."""
    deadline = time.monotonic() + wait_seconds
    try:
        for step in steps:
            Retrying(
                retry=retry_if_exception_type(NotYetError),
                stop=stop_after_delay(max(0, deadline - time.monotonic())),
                wait=wait_exponential(multiplier=0.1, max=2),
                before_sleep=_log_waiting,
                reraise=True,
            )(step, *arguments)
    except NotYetError as error:
        raise FinalError(f"gave up after {wait_seconds:g} s (WAIT_SECONDS): {error}") from error


def _set_passwords(kafka: Cluster, passwords: Mapping[str, str], _wanted: set[access.Right]) -> None:
    """Kafka does not say what a password is, so all are set each time; who is connected stays so."""
    kafka.set_passwords(passwords)
    log.info("passwords set", users=sorted(passwords))


def _set_rights(kafka: Cluster, _passwords: Mapping[str, str], wanted: set[access.Right]) -> None:
    change = access.change(wanted, kafka.rights())
    kafka.give(change.give)
    kafka.take(change.take)
    for event, rights in (("right given", change.give), ("right taken away", change.take)):
        for right in rights:
            log.info(event, **right._asdict())


def _bring_about(kafka: Cluster, wanted: Sequence[plan.Wanted]) -> None:
    """Each attempt starts from what Kafka has by then, so another creator at work does no harm."""
    found = kafka.found(topic.name for topic in wanted)
    if faults := [line for topic in wanted for line in plan.contradictions(topic, found.get(topic.name))]:
        raise FinalError(*faults)
    todo = {topic.name: list(plan.actions(topic, found.get(topic.name))) for topic in wanted}
    if faults := [line for each in todo.values() for action in each for line in _refusals(kafka, action)]:
        raise FinalError(*faults)
    for name, each in todo.items():
        for action in each:
            kafka.apply(action)
            log.info(action.event, topic=name, **action.details)
        if not each:
            log.info("topic unchanged", topic=name)


def _refusals(kafka: Cluster, action: plan.Action) -> Iterator[str]:
    try:
        kafka.apply(action, dry_run=True)
    except FinalError as error:
        yield from error.args


def _require_leaders(kafka: Cluster, wanted: Sequence[plan.Wanted]) -> None:
    found = kafka.found(topic.name for topic in wanted)
    if lacks := [phrase for topic in wanted for phrase in plan.missing(topic, found.get(topic.name))]:
        raise NotYetError("; ".join(lacks))


def _log_waiting(state: RetryCallState) -> None:
    log.info("waiting", reason=str(state.outcome.exception() if state.outcome else None))
