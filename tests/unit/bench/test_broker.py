"""The bench's broker has all topics that the monitor waits for."""

from bench import broker

from messages import topics


def test_no_topic_of_the_monitor_is_missing() -> None:
    known = {name for constant, name in vars(topics).items() if constant.isupper() and isinstance(name, str)}
    assert known <= broker.INPUTS.keys() | broker.OUTPUTS.keys() | broker.OF_THEIR_OWN.keys()
