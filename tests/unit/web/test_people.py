"""Who may act: users and their passwords, sessions, the brake on guessing, and what a form may ask for."""

import json
import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from itsdangerous import URLSafeTimedSerializer

from web.people import sessions as sessions_module
from web.people.gate import way_back
from web.people.sessions import Sessions, secret_in
from web.people.throttle import FREE, LONGEST_SECONDS, Throttle
from web.people.users import FILE, Users, UsersError
from web.people.words import WordError, action_of

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = 1_795_321_758.0
"""2026-11-22 11:29:18 in Jakarta."""

PASSWORD = "kunci gudang 7"  # noqa: S105 - of nobody
FORM = {
    "action_id": "one", "action": "acknowledge", "entity_id": "G1", "incident_id": "suhu_tinggi-G1-1", "reason": " ya ",
}  # fmt: skip


@pytest.fixture
def users(tmp_path: Path) -> Users:
    found = Users(tmp_path)
    found.put("dewi", "operator", PASSWORD)
    return found


def test_without_a_file_there_is_nobody(tmp_path: Path) -> None:
    users = Users(tmp_path / "none")
    assert (users.all(), users.verified("dewi", PASSWORD)) == ({}, None)


@pytest.mark.usefixtures("users")
def test_the_file_has_no_password_and_nobody_else_reads_it(tmp_path: Path) -> None:
    text = (tmp_path / FILE).read_text()
    assert json.loads(text)["dewi"]["hash"].startswith("$argon2id$")
    assert PASSWORD not in text
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(("name", "password"), [("dewi", "kunci gudang 8"), ("budi", PASSWORD), ("dewi", ""), ("", "")])
def test_nobody_comes_in_with_another_password_or_name(users: Users, name: str, password: str) -> None:
    assert users.verified(name, password) is None


def test_a_user_is_verified_and_another_process_sees_a_change(users: Users, tmp_path: Path) -> None:
    found = users.verified("dewi", PASSWORD)
    assert found is not None
    assert found.role == "operator"
    Users(tmp_path).put("dewi", "viewer", "kunci gudang 9")
    assert users.verified("dewi", PASSWORD) is None
    assert users.all()["dewi"].role == "viewer"


def test_a_removed_user_is_gone(users: Users) -> None:
    assert users.remove("dewi")
    assert not users.remove("dewi")
    assert users.all() == {}


@pytest.mark.parametrize("text", ["{", '{"dewi": {"role": "owner", "hash": "x"}}', '{"dewi": 1}', "\0"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UsersError, match="expected users, as `make user` writes them"):
        Users(tmp_path).all()


def test_a_session_says_who_somebody_is(users: Users) -> None:
    sessions = Sessions(users, b"k" * 32)
    person = sessions.person(sessions.begin("dewi"))
    assert person is not None
    assert (person.name, person.may_act, len(person.token)) == ("dewi", True, 64)


def test_instances_with_one_folder_know_each_other_s_sessions(users: Users, tmp_path: Path) -> None:
    one, other = Sessions(users, secret_in(tmp_path)), Sessions(Users(tmp_path), secret_in(tmp_path))
    cookie = one.begin("dewi")
    assert one.person(cookie) is not None
    assert other.person(cookie) == one.person(cookie)
    assert stat.S_IMODE((tmp_path / sessions_module.SECRET).stat().st_mode) == 0o600


def test_a_forged_cookie_is_nobody_s(users: Users) -> None:
    sessions = Sessions(users, b"k" * 32)
    cookie = sessions.begin("dewi")
    forged = URLSafeTimedSerializer(b"x" * 32, salt="session").dumps(["dewi", users.all()["dewi"].fingerprint, "n"])
    for each in (None, "", "x", cookie[:-1], cookie + "x", f"x{cookie}", forged, "a.b.c", "\0", "é" * 50):
        assert sessions.person(each) is None


def test_a_session_ends_by_time(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(users, b"k" * 32)
    cookie = sessions.begin("dewi")
    monkeypatch.setattr(sessions_module, "SECONDS", -1)
    assert sessions.person(cookie) is None


def test_another_password_or_role_signs_out_everywhere(users: Users) -> None:
    sessions = Sessions(users, b"k" * 32)
    before = sessions.begin("dewi")
    users.put("dewi", "operator", "kunci gudang 8")
    assert sessions.person(before) is None
    users.remove("dewi")
    assert sessions.person(before) is None


def test_two_sessions_of_one_user_have_tokens_of_their_own(users: Users) -> None:
    sessions = Sessions(users, b"k" * 32)
    tokens = {person.token for person in (sessions.person(sessions.begin("dewi")) for _ in range(2)) if person}
    assert len(tokens) == 2


def test_guessing_becomes_slow() -> None:
    throttle, now, tries = Throttle(), 0.0, 0
    while now < 3600:
        now += throttle.wait("dewi", "10.0.0.1", now)
        throttle.failed("dewi", "10.0.0.1", now)
        tries += 1
    assert tries <= FREE["name"] + 16
    assert throttle.wait("dewi", "10.0.0.2", now) > 0
    assert throttle.wait("budi", "10.0.0.2", now) == 0


def test_the_brake_is_released_by_the_right_password_and_by_time() -> None:
    throttle = Throttle()
    for _ in range(FREE["name"] + 3):
        throttle.failed("dewi", "10.0.0.1", 0.0)
    assert throttle.wait("dewi", "10.0.0.1", 0.0) == 8
    throttle.succeeded("dewi")
    assert throttle.wait("dewi", "10.0.0.1", 0.0) == 0
    throttle.failed("dewi", "10.0.0.1", LONGEST_SECONDS + 1)
    assert throttle.wait("dewi", "10.0.0.1", LONGEST_SECONDS + 1) == 0


def test_what_guesses_names_fill_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.people.throttle.REMEMBERED", 10)
    throttle = Throttle()
    for number in range(100):
        throttle.failed(f"n{number}", "10.0.0.1", 0.0)
    assert throttle.wait("", "10.0.0.1", 0.0) > 0


def test_a_form_becomes_an_action() -> None:
    found = action_of(FORM, "dewi", NOW, JAKARTA)
    assert found == {
        "action_id": "one", "action": "acknowledge", "entity_id": "G1", "incident_id": "suhu_tinggi-G1-1", "by": "dewi",
        "at": NOW, "reason": "ya",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        ({"minutes": "30"}, NOW + 1800),
        ({"until": "2026-11-22T12:00"}, NOW + 1842),
        ({"until": "2026-11-22T05:00Z"}, NOW + 1842),
    ],
)
def test_a_shelf_ends_at_a_time_of_the_site(fields: dict[str, str], until: float) -> None:
    form = FORM | {"action": "shelve", "rule": "suhu_tinggi"} | fields
    assert action_of(form, "dewi", NOW, JAKARTA)["until"] == until


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"action": "expect"}, "no_action"),
        ({"action": ""}, "no_action"),
        ({"entity_id": ""}, "no_action"),
        ({"entity_id": "G" * 2000}, "no_action"),
        ({"incident_id": ""}, "no_action"),
        ({"action_id": ""}, "no_action"),
        ({"reason": "x" * 1001}, "no_action"),
        ({"action": "comment", "reason": "  "}, "needs_reason"),
        ({"action": "close", "reason": ""}, "needs_reason"),
        ({"action": "shelve", "rule": "r", "minutes": "-1"}, "needs_until"),
        ({"action": "shelve", "rule": "r", "minutes": "x"}, "needs_until"),
        ({"action": "shelve", "rule": "r", "minutes": "9" * 400}, "needs_until"),
        ({"action": "shelve", "rule": "r", "until": "2020-01-01T00:00"}, "needs_until"),
        ({"action": "shelve", "rule": "", "minutes": "30"}, "no_action"),
    ],
)
def test_what_is_no_action_is_named(fields: dict[str, str], word: str) -> None:
    with pytest.raises(WordError, match=f"^{word}$"):
        action_of(FORM | fields, "dewi", NOW, JAKARTA)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/insiden?id=a", "/insiden?id=a"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("https://evil", "/"),
        ("", "/"),
        ("/a\r\nb", "/"),
    ],
)
def test_the_way_back_stays_on_this_site(asked: str, found: str) -> None:
    assert way_back(asked) == found
