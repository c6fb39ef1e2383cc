"""What is wanted against what Kafka has."""

from topic_init.plan import Found, Wanted, actions, contradictions, missing

WANTED = Wanted("suhu", partitions=2, replication=1, config={"retention.ms": "1000"})
AS_WANTED = Found(2, {1}, [], {"retention.ms": "1000", "segment.bytes": "5"})


def test_a_topic_as_wanted_needs_nothing() -> None:
    assert not list(actions(WANTED, AS_WANTED))
    assert not list(contradictions(WANTED, AS_WANTED))
    assert not list(missing(WANTED, AS_WANTED))


def test_an_absent_topic_is_created_whole() -> None:
    (action,) = actions(WANTED, None)
    assert (action.event, action.topic) == ("topic created", WANTED)
    assert not list(contradictions(WANTED, None))


def test_too_few_partitions_are_made_up_to_the_wanted_number() -> None:
    (action,) = actions(WANTED, AS_WANTED._replace(partitions=1))
    assert (action.event, action.topic.partitions) == ("partitions added", 2)
    assert action.details == {"before": 1, "after": 2}


def test_only_the_config_that_differs_is_changed() -> None:
    wanted = WANTED._replace(config={"retention.ms": "1000", "max.message.bytes": "7", "cleanup.policy": "compact"})
    (action,) = actions(wanted, AS_WANTED._replace(config={"retention.ms": "1000", "max.message.bytes": "6"}))
    assert (action.event, action.topic.config) == (
        "config changed",
        {"max.message.bytes": "7", "cleanup.policy": "compact"},
    )
    assert action.details["before"] == {"max.message.bytes": "6", "cleanup.policy": None}


def test_partitions_and_config_are_both_brought_up_to_date() -> None:
    has = AS_WANTED._replace(partitions=1, config={"retention.ms": "5"})
    assert [action.event for action in actions(WANTED, has)] == ["partitions added", "config changed"]


def test_kafkas_own_spelling_of_a_value_is_no_difference() -> None:
    """Otherwise every run would change the config again."""
    wanted = WANTED._replace(config={"unclean.leader.election.enable": "True", "cleanup.policy": "compact, delete"})
    has = AS_WANTED._replace(config={"unclean.leader.election.enable": "true", "cleanup.policy": "compact,delete"})
    assert not list(actions(wanted, has))


def test_fewer_partitions_than_exist_is_a_contradiction() -> None:
    (sentence,) = contradictions(WANTED, AS_WANTED._replace(partitions=5))
    assert sentence.startswith("suhu: has 5 partitions, 2 asked for; ")
    assert "ask for 5 (TOPIC_PARTITIONS" in sentence
    assert "delete the topic" in sentence


def test_another_replication_factor_is_a_contradiction() -> None:
    (sentence,) = contradictions(WANTED, AS_WANTED._replace(replication={3, 1}))
    assert sentence.startswith("suhu: has replication factor 1/3, 1 asked for; ")
    assert "TOPIC_REPLICATION" in sentence


def test_both_contradictions_of_a_topic_are_told() -> None:
    assert len(list(contradictions(WANTED, Found(5, {2}, [], {})))) == 2


def test_what_is_missing_is_named() -> None:
    assert list(missing(WANTED, None)) == ["suhu has 0 of 2 partitions"]
    assert list(missing(WANTED, AS_WANTED._replace(partitions=1))) == ["suhu has 1 of 2 partitions"]
    assert list(missing(WANTED, AS_WANTED._replace(leaderless=[0, 1]))) == [
        "suhu has no leader for partition 0",
        "suhu has no leader for partition 1",
    ]
