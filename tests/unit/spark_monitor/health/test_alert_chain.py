"""Where the alert chain broke, from what each link said last."""

import pytest

from spark_monitor.health.alert_chain import FOLLOWED, AlertChain


@pytest.fixture
def chain() -> AlertChain:
    """Return a chain that had a whole pulse, 1, and has sent the next, 2, at 100 s."""
    chain = AlertChain()
    chain.sent(1, 95)
    chain.acknowledged(1)
    chain.results_end(7)
    chain.results_read(7)
    chain.returned(1)
    chain.sent(2, 100)
    return chain


def test_nothing_sent_is_nothing_overdue_and_nothing_proven() -> None:
    chain = AlertChain()
    assert chain.broken_at(1e9) is None
    assert not chain.has_returned


@pytest.mark.parametrize(("now", "is_broken"), [(100, False), (115, False), (115.01, True)])
def test_a_pulse_has_15_s(chain: AlertChain, now: float, is_broken: bool) -> None:  # noqa: FBT001
    assert (chain.broken_at(now) is not None) == is_broken


def test_not_delivered_although_the_broker_answers_is_the_producer(chain: AlertChain) -> None:
    assert chain.broken_at(116) == "producer"


def test_a_broker_that_does_not_answer_is_the_broker_wherever_the_pulse_is(chain: AlertChain) -> None:
    chain.broker_answers(is_there=False)
    assert chain.broken_at(116) == "broker"
    chain.acknowledged(2)
    assert chain.broken_at(116) == "broker"
    chain.broker_answers(is_there=True)
    assert chain.broken_at(116) == "Spark"


def test_acknowledged_but_without_a_new_alert_is_spark(chain: AlertChain) -> None:
    chain.acknowledged(2)
    assert chain.broken_at(116) == "Spark"


def test_an_alert_that_is_not_read_is_the_reporter(chain: AlertChain) -> None:
    chain.acknowledged(2)
    chain.results_end(8)
    assert chain.broken_at(116) == "reporter"


def test_it_is_whole_again_when_the_pulse_or_a_later_one_is_back(chain: AlertChain) -> None:
    chain.sent(3, 105)
    chain.returned(3)
    assert chain.broken_at(200) is None


def test_later_pulses_are_waited_for_from_their_own_time(chain: AlertChain) -> None:
    chain.sent(3, 105)
    chain.acknowledged(3)
    chain.returned(2)
    assert chain.broken_at(120) is None
    assert chain.broken_at(120.01) == "Spark"


def test_pulses_of_before_a_restart_prove_nothing() -> None:
    chain = AlertChain()
    chain.sent(50, 100)
    chain.acknowledged(50)
    chain.returned(49)
    assert not chain.has_returned
    assert chain.broken_at(116) == "Spark"
    chain.returned(50)
    assert chain.has_returned


def test_a_long_outage_fills_no_memory(chain: AlertChain) -> None:
    """Of the pulses beyond the first hundred nothing is remembered; those sent afterwards are followed again."""
    for pulse in range(3, 10 * FOLLOWED):
        chain.sent(pulse, 100 + 5 * pulse)
    chain.returned(FOLLOWED + 1)
    assert chain.broken_at(1e9) is None
    chain.sent(10 * FOLLOWED, 1e9)
    assert chain.broken_at(1e9 + 16) == "producer"


def test_a_canary_that_sends_nothing_is_broken_although_all_pulses_are_back(chain: AlertChain) -> None:
    chain.begin(99)
    chain.sent(3, 105)
    chain.returned(3)
    assert chain.broken_at(125) is None
    assert chain.broken_at(125.01) == "canary"
    chain.broker_answers(is_there=False)
    assert chain.broken_at(125.01) == "canary", "the canary asks for the broker, too: it knows nothing of it now"


def test_a_canary_that_never_began_to_send_is_broken_too() -> None:
    chain = AlertChain()
    chain.begin(100)
    chain.begin(110)
    assert chain.broken_at(120) is None
    assert chain.broken_at(120.01) == "canary"


def test_after_the_broker_was_away_only_a_new_pulse_proves_the_chain(chain: AlertChain) -> None:
    assert chain.is_proven
    chain.broker_answers(is_there=False)
    assert not chain.is_proven
    chain.broker_answers(is_there=True)
    chain.returned(2)
    assert not chain.is_proven, "it was sent before"
    chain.sent(3, 130)
    chain.returned(3)
    assert chain.is_proven
