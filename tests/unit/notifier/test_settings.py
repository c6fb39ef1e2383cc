"""The notifier's part of the environment, and what an operator reads when it is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from tests.unreadable import unreadable

from notifier.settings import NotifierSettings, token_in, trust
from servicekit.settings import load

ROOT = Path(__file__).parents[3]
VARIABLE = "WEBHOOK_TOKEN_FILE"
FILE_EXPECTED = "a file with the bearer token, one word, or an empty one for none"
NOT_THERE = "can't be read: [Errno 2] No such file or directory"
URL_EXPECTED = "https://host/path, or http:// to localhost or a name without dots"


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("WEBHOOK_", "KAFKA_", "LOG_")):
            monkeypatch.delenv(name)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    return file


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    file.write_bytes(b"# the site's own: \xc3\xa9\n" + trustme.CA().cert_pem.bytes())
    return file


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Return the one line that the notifier ends with."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load(NotifierSettings)
    (line,) = str(caught.value.code).splitlines()
    return line


def test_defaults() -> None:
    settings = load(NotifierSettings)
    assert (settings.url, settings.token_file, settings.ca_file) == (None, None, None)
    assert (settings.group_seconds, settings.timeout_seconds) == (60, 10)


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch, token_file: Path, ca_file: Path) -> None:
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "WEBHOOK_URL": "https://hooks.example.com:8443/in?site=a",
        "WEBHOOK_TOKEN_FILE": str(token_file),
        "WEBHOOK_CA_FILE": str(ca_file),
        "WEBHOOK_GROUP_SECONDS": "90.0",
        "WEBHOOK_TIMEOUT_SECONDS": "2.5",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load(NotifierSettings)
    assert {name: str(getattr(settings, name.removeprefix("WEBHOOK_").lower())) for name in values} == values


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://10.0.0.5/in",
        "https://[2001:db8::1]/in",
        "http://localhost:8000/in",
        "http://127.0.0.1:8000",
        "http://127.8.0.1",
        "http://[::1]:8000/in",
        "http://receiver:8000/in",
    ],
)
def test_a_webhook_is_https_or_near(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WEBHOOK_URL", url)
    assert load(NotifierSettings).url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("hooks.example.com/in", "it does not begin with https://"),
        ("ftp://hooks.example.com/in", "it does not begin with https://"),
        ("https:///in", "no host"),
        ("https://", "no host"),
        ("https://hooks.example.com:port/in", "Invalid port: 'port'"),
        (
            "https://anna:secret@hooks.example.com/",
            "no user and password here: the token of WEBHOOK_TOKEN_FILE proves who posts",
        ),
    ],
)
def test_a_wrong_address_is_one_line_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    """It often carries a secret."""
    assert refusal(monkeypatch, WEBHOOK_URL=url) == f"WEBHOOK_URL=(not shown): expected {URL_EXPECTED}; {reason}"


@pytest.mark.parametrize(
    "host", ["hooks.example.com", "10.0.0.5", "[2001:db8::1]", "localhost.example.com", "receiver."]
)
def test_http_to_somewhere_else_is_refused_by_its_host(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert refusal(monkeypatch, WEBHOOK_URL=f"http://{host}/in/s3cret") == (
        f"WEBHOOK_URL=(not shown): expected {URL_EXPECTED}; "
        f"http:// to {host.strip('[]')} would show token and incidents to everybody on the way: use https://"
    )


@pytest.mark.parametrize(
    ("content", "token"), [("s3cret", "s3cret"), (" s3cret \n", "s3cret"), ("", None), ("\n", None)]
)
def test_a_token_is_one_word(tmp_path: Path, content: str, token: str | None) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    assert token_in(file) == token


def test_no_file_is_no_token() -> None:
    assert token_in(None) is None


@pytest.mark.parametrize("content", ["two words", "two\nlines", "k\x00ey", "ké"])
def test_what_is_no_token_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    assert refusal(monkeypatch, WEBHOOK_TOKEN_FILE=str(file)) == (
        f"WEBHOOK_TOKEN_FILE={str(file)!r}: expected {FILE_EXPECTED}; "
        "more than one word, or other characters than ASCII has"
    )


def test_a_missing_token_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, **{VARIABLE: "/nowhere/token"})
    assert line == f"WEBHOOK_TOKEN_FILE='/nowhere/token': expected {FILE_EXPECTED}; {NOT_THERE}: '/nowhere/token'"


@pytest.mark.parametrize("variable", ["WEBHOOK_TOKEN_FILE", "WEBHOOK_CA_FILE"])
def test_a_file_with_the_wrong_rights_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """As it is mounted after a clone with umask 077."""
    file = tmp_path / "file"
    file.touch()
    with unreadable(file) as user:
        line = refusal(monkeypatch, **{variable: str(file)})
    assert line.endswith(f"; user {user} can't read it; on the host: chmod go+r <file>")


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_ca_file_is_the_system_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    monkeypatch.setenv("WEBHOOK_CA_FILE", str(file))
    assert load(NotifierSettings).ca_file == file
    assert trust(file).cert_store_stats() == trust(None).cert_store_stats()


def test_compose_mounts_an_empty_file_where_there_is_none() -> None:
    assert (ROOT / "infra/empty").read_bytes() == b""
    assert token_in(ROOT / "infra/empty") is None


@pytest.mark.parametrize("content", ["no certificate", None])
def test_a_ca_file_without_certificates_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    line = refusal(monkeypatch, WEBHOOK_CA_FILE=str(file))
    start = (
        f"WEBHOOK_CA_FILE={str(file)!r}: expected a file with a CA's certificates in PEM form, "
        "or an empty one for the system's; "
    )
    assert line.startswith(start)
    assert len(line) > len(start), "the reason is missing"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("WEBHOOK_GROUP_SECONDS", "0", "seconds, 1 to 3600"),
        ("WEBHOOK_GROUP_SECONDS", "3601", "seconds, 1 to 3600"),
        ("WEBHOOK_GROUP_SECONDS", "nan", "seconds, 1 to 3600"),
        ("WEBHOOK_TIMEOUT_SECONDS", "0", "seconds, 0.1 to 60"),
        ("WEBHOOK_TIMEOUT_SECONDS", "61", "seconds, 0.1 to 60"),
    ],
)
def test_a_wrong_number_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str) -> None:
    assert refusal(monkeypatch, **{variable: value}).startswith(f"{variable}={value!r}: expected {expected}; ")


def test_without_an_address_it_ends_with_one_line() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_")}
    command = [sys.executable, "-m", "notifier"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"WEBHOOK_URL is not set: expected {URL_EXPECTED}; without it nobody is notified\n"
