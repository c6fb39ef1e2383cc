"""The access file: what it may say, what it means, and that the shipped one has no gap and no hole."""

from pathlib import Path

import pytest
from tests.unreadable import unreadable

from topic_init import access, declared
from topic_init.access import Change, Right, User, change, passwords
from topic_init.errors import FinalError

FOLDER = Path(__file__).parents[3] / "infra/topic-init"
SHIPPED = access.read(FOLDER / "access.yaml")


def fits(right: Right, topic: str) -> bool:
    return topic.startswith(right.name) if right.is_prefix else topic == right.name


def who(operation: str, topic: str) -> set[str]:
    """Return the users who may do it."""
    return {r.user for r in SHIPPED.rights() if (r.operation, r.resource) == (operation, "TOPIC") and fits(r, topic)}


def test_each_sensor_s_topic_is_written_by_its_producer_alone_and_read_by_the_monitor_alone() -> None:
    writers = {
        topic: who("WRITE", topic) for topic in ("sensor-suhu-gudang", "sensor-kelembaban-gudang", "sensor-suhu")
    }
    assert writers == {
        "sensor-suhu-gudang": {"producer-suhu"},
        "sensor-kelembaban-gudang": {"producer-kelembaban"},
        "sensor-suhu": {"producer-mesin"},
    }
    assert {topic: who("READ", topic) for topic in writers} == {topic: {"spark-monitor"} for topic in writers}


def test_the_monitor_s_topics_are_its_own() -> None:
    """Others read of them what they show or hand on."""
    readers = {
        "monitor-peringatan": set[str](), "monitor-status": {"web"}, "monitor-ditolak": {"web"},
        "monitor-detak": {"web"}, "monitor-insiden": {"web", "notifier"},
    }  # fmt: skip
    # What people do is the page's to say.
    assert who("WRITE", "monitor-tindakan") == {"spark-monitor", "web"}
    for topic, others in readers.items():
        assert who("WRITE", topic) == {"spark-monitor"}
        assert who("READ", topic) == {"spark-monitor"} | others


def test_every_declared_topic_has_somebody_who_writes_and_somebody_who_reads_it() -> None:
    topics = [topic.name for topic in declared.read(FOLDER / "topics.yaml")]
    assert [topic for topic in topics if not who("WRITE", topic) or not who("READ", topic)] == []


def test_a_star_at_the_end_means_all_that_begin_so() -> None:
    user = User(name="a", reads=["x-*", "y"], writes=["z"], groups=["g"])
    assert set(user.rights()) == {
        Right("a", "READ", "TOPIC", "x-", True),
        Right("a", "READ", "TOPIC", "y", False),
        Right("a", "WRITE", "TOPIC", "z", False),
        Right("a", "READ", "GROUP", "g", False),
    }


def test_what_is_missing_is_given_and_what_is_too_much_is_taken() -> None:
    kept, missing, foreign = (Right(name, "READ", "TOPIC", "t", False) for name in "abc")
    assert change({kept, missing}, {kept, foreign}) == Change([missing], [foreign])
    assert change({kept}, {kept}) == Change([], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users: []", "users: List should have at least 1 item after validation, not 0"),
        ("users: [{name: a}, {name: a}]", "users: Value error, declared more than once: a"),
        (
            "users: [{name: a, reads: [b*c]}]",
            r"users[0].reads[0]: String should match pattern '^[A-Za-z0-9._-]{1,249}\*?$'",
        ),
        ("users: [{name: a, admin: yes}]", "users[0].admin: Extra inputs are not permitted"),
        ("users: [", "line 1: expected the node content, but found '<stream end>'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "access.yaml"
    file.write_text(text)
    with pytest.raises(FinalError) as caught:
        access.read(file)
    assert caught.value.args == (f"{file}: {said}",)


def test_each_user_has_the_password_in_the_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("rahasia\n")
    assert passwords([User(name="a")], tmp_path) == {"a": "rahasia"}


def test_a_password_with_the_wrong_rights_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("rahasia")
    with unreadable(file) as user, pytest.raises(FinalError) as caught:
        passwords([User(name="a")], tmp_path)
    assert caught.value.args == (f"{file}: user {user} can't read it; on the host: make secrets",)


def test_every_missing_password_is_told(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("\n")
    with pytest.raises(FinalError) as caught:
        passwords([User(name="a"), User(name="b")], tmp_path)
    assert caught.value.args == (
        f"{tmp_path}/a: can't be read: [Errno 2] No such file or directory: '{tmp_path}/a'",
        f"{tmp_path}/b: is empty",
    )
