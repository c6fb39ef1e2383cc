"""How Kafka is spoken to, in the words of both client libraries, and from which variables."""

from pathlib import Path

import pytest

from servicekit.kafka_security import Security
from servicekit.settings import ServiceSettings, load

ODD = 'a"b\\c'
SECURED = Security("SASL_SSL", ca_file=Path("/run/ca.pem"), username="monitor", password=ODD)


@pytest.fixture
def password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file; the variables name it, and an authority."""
    file = tmp_path / "password"
    file.write_text("rahasia\n")
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    for name, value in {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SSL_CA_FILE": str(ca),
        "KAFKA_SASL_USERNAME": "monitor", "KAFKA_SASL_PASSWORD_FILE": str(file),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return file


def test_plaintext_needs_no_words() -> None:
    assert Security().for_librdkafka() == Security().for_java() == {}


def test_librdkafka_s_words() -> None:
    assert SECURED.for_librdkafka() == {
        "security.protocol": "SASL_SSL",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.ca.location": "/run/ca.pem",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "monitor",
        "sasl.password": 'a"b\\c',
    }


def test_java_s_words_with_what_is_special_in_jaas() -> None:
    assert SECURED.for_java() == {
        "security.protocol": "SASL_SSL",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/run/ca.pem",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": (
            'org.apache.kafka.common.security.scram.ScramLoginModule required username="monitor" password="a\\"b\\\\c";'
        ),
    }


def test_ssl_alone_names_nobody_and_may_trust_whom_the_system_trusts() -> None:
    expected = {"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "https"}
    assert Security("SSL").for_librdkafka() == Security("SSL").for_java() == expected


def test_the_password_is_not_in_what_is_printed_of_it() -> None:
    assert repr(ODD)[1:-1] not in repr(SECURED)


@pytest.mark.usefixtures("password")
def test_the_settings_say_how_a_client_comes_in() -> None:
    settings = load(ServiceSettings)
    assert settings.kafka.items() >= {"sasl.username": "monitor", "sasl.password": "rahasia"}.items()
    assert settings.kafka.items() >= {"bootstrap.servers": "localhost:29092", "socket.timeout.ms": 10_000}.items()
    assert "rahasia" not in repr(settings)


@pytest.mark.usefixtures("password")
def test_without_the_protocol_it_is_plaintext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    kafka = load(ServiceSettings).kafka
    assert not [name for name in kafka if name.startswith(("sasl", "ssl", "security"))]


def test_a_password_that_changed_is_read_anew(password: Path) -> None:
    settings = load(ServiceSettings)
    for text in ("satu", "dua"):
        password.write_text(f"{text}\n")
        assert settings.kafka_security.password == text


@pytest.mark.usefixtures("password")
@pytest.mark.parametrize("missing", ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE"])
def test_half_a_log_in_is_refused_with_what_is_missing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(SystemExit) as caught:
        load(ServiceSettings)
    assert caught.value.code == f"KAFKA_SECURITY_PROTOCOL='SASL_SSL': expected {missing} too"


def test_an_empty_password_is_refused_and_none_is_shown(password: Path) -> None:
    password.write_text("\n")
    with pytest.raises(SystemExit) as caught:
        load(ServiceSettings)
    assert (
        caught.value.code == f"KAFKA_SASL_PASSWORD_FILE={str(password)!r}: expected a file with the password; is empty"
    )
