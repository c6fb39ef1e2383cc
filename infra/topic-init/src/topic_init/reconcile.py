"""The run: look, compare, act, and wait until the topics can be used."""

import time
from collections.abc import Iterator, Sequence

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from topic_init import plan
from topic_init.errors import FinalError, NotYetError
from topic_init.kafka_admin import Cluster

log = structlog.get_logger()


def reconcile(kafka: Cluster, wanted: Sequence[plan.Wanted], wait_seconds: float) -> None:
    """Make the topics what they should be; return when every partition has a leader.

    Raises FinalError for contradictions and refusals before anything is changed, and after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    try:
        for step in (_bring_about, _require_leaders):
            Retrying(
                retry=retry_if_exception_type(NotYetError),
                stop=stop_after_delay(max(0, deadline - time.monotonic())),
                wait=wait_exponential(multiplier=0.1, max=2),
                before_sleep=_log_waiting,
                reraise=True,
            )(step, kafka, wanted)
    except NotYetError as error:
        raise FinalError(f"gave up after {wait_seconds:g} s (WAIT_SECONDS): {error}") from error


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
