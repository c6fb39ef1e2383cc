"""The wait for a broker: again and again, said each time, ended by an answer or by a stop."""

import threading

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException

from servicekit.kafka_client import wait_for_kafka


class Broker:
    """Answers from its third question on."""

    def __init__(self) -> None:
        self.questions = 0

    def ask(self) -> str:
        """Answer, or say that there is nobody."""
        self.questions += 1
        if self.questions < 3:
            raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE, f"no broker ({self.questions})"))
        return "here"


class Stop(threading.Event):
    """An event whose waits take no time; `after` of them it is set."""

    def __init__(self, after: int = 100) -> None:
        super().__init__()
        self.pauses: list[float | None] = []
        self._after = after

    def wait(self, timeout: float | None = None) -> bool:
        """Note the pause instead of making it."""
        self.pauses.append(timeout)
        if len(self.pauses) >= self._after:
            self.set()
        return self.is_set()


def test_the_answer_is_returned_and_each_wait_is_said_with_its_cause() -> None:
    stop, served = Stop(), list[int]()
    with structlog.testing.capture_logs() as said:
        assert wait_for_kafka(Broker().ask, stop, serve=lambda: served.append(1), topic="t") == "here"
    assert [(event["event"], event["topic"], event["cause"], event["attempt"]) for event in said] == [
        ("waiting for Kafka", "t", "no broker (1)", 1),
        ("waiting for Kafka", "t", "no broker (2)", 2),
    ]
    assert stop.pauses == [0.5, 1]
    assert len(served) == 2


def test_a_stop_ends_the_wait_without_an_answer() -> None:
    def never() -> str:
        raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE))

    stop = Stop(after=8)
    assert wait_for_kafka(never, stop) is None
    assert max(pause or 0 for pause in stop.pauses) == 5, "no longer than five seconds"


def test_another_error_is_not_waited_for() -> None:
    def wrong() -> str:
        raise ValueError("not Kafka's")

    with pytest.raises(ValueError, match="not Kafka's"):
        wait_for_kafka(wrong, Stop())
