"""How long is waited for a webhook that did not take a post."""

import pytest
from tenacity import RetryCallState, Retrying

from notifier.delivery import NotTakenError, retry_after_seconds, seconds_to_wait

NOW = 1795321758.0


def failed(number: int, error: NotTakenError) -> RetryCallState:
    """Return the state after so many attempts."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = number
    state.set_exception((type(error), error, None))
    return state


@pytest.mark.parametrize(
    ("number", "low", "high"), [(1, 1, 2), (2, 2, 3), (3, 4, 5), (5, 16, 17), (6, 30, 30), (5000, 30, 30)]
)
def test_a_webhook_that_is_away_is_asked_less_and_less_often(number: int, low: float, high: float) -> None:
    assert low <= seconds_to_wait(failed(number, NotTakenError("away"))) <= high


@pytest.mark.parametrize(("asked", "waited"), [(20, 20), (600, 600), (86_400, 600)])
def test_its_own_wish_counts_within_reason(asked: float, waited: float) -> None:
    assert seconds_to_wait(failed(1, NotTakenError("status 429", retry_after=asked))) == waited


@pytest.mark.parametrize("number", [1, 50])
def test_a_mistake_is_asked_again_slowly_from_the_first(number: int) -> None:
    assert seconds_to_wait(failed(number, NotTakenError("status 401", is_mistake=True))) == 30


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("0", 0),
        ("120", 120),
        ("Sun, 22 Nov 2026 04:29:48 GMT", 30),
        ("Sun, 22 Nov 2026 04:29:08 GMT", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("", 0),
        ("٣", 0),
        ("Sun, 99 Nov 2026 04:29:08 GMT", 0),
        ("9" * 400, float("inf")),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header, NOW) == seconds
