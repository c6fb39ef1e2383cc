"""The monitor's part of the environment."""

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from tests.unreadable import unreadable

from servicekit.settings import load
from spark_monitor import time_zones
from spark_monitor.settings import MonitorSettings


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() & {field.upper() for field in MonitorSettings.model_fields}:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load(MonitorSettings)
    assert (settings.show, settings.tz, settings.starting_offsets) == ("all", "Asia/Jakarta", "earliest")
    assert (settings.checkpoint_minutes, settings.driver_memory) == (5, "512m")
    assert (settings.state_partitions, settings.spark_master, settings.executor_memory) == (2, None, "512m")


@pytest.mark.parametrize("mode", ["all", "changes", "incidents"])
def test_what_may_be_shown(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("SHOW", mode)
    assert load(MonitorSettings).show == mode


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "CHECKPOINT_DIR": "/x/checkpoints",
        "SPARK_JARS_DIR": "/x/jars",
        "CHECKPOINT_MINUTES": "60",
        "CHECKPOINT_LOCATION": "s3a://warehouse/checkpoints",
        "DRIVER_MEMORY": "2g",
        "STATE_PARTITIONS": "12",
        "SPARK_MASTER": "spark://spark-master:7077",
        "EXECUTOR_MEMORY": "3g",
        "STARTING_OFFSETS": "latest",
        "SHOW": "changes",
        "TZ": "Asia/Makassar",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load(MonitorSettings)
    assert {name: str(getattr(settings, name.lower())) for name in values} == values
    assert settings.checkpoint_dir == Path("/x/checkpoints")


@pytest.mark.parametrize(
    "screen",
    [":0", ":1.0", "localhost:10.0", "build-2.example:11", "unix:0", "/private/tmp/com.apple.launchd.x/org.xquartz:0"],
)
def test_a_desktop_s_display_is_no_setting(monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    settings = load(MonitorSettings)
    assert settings.show == "all"
    assert list(settings.passed_over()) == []


@pytest.mark.parametrize("mode", ["all", "changes", "incidents"])
def test_who_still_sets_display_is_told(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("DISPLAY", mode)
    settings = load(MonitorSettings)
    assert settings.show == "all"
    assert list(settings.passed_over()) == [
        (
            f"DISPLAY={mode!r} is not read any more: use SHOW={mode}",
            f"[Setelan Lama] DISPLAY tidak dibaca lagi, pakai SHOW={mode}",
        )
    ]


def test_who_sets_show_too_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", "changes")
    monkeypatch.setenv("SHOW", "incidents")
    assert list(load(MonitorSettings).passed_over()) == []


@pytest.mark.parametrize(
    "tz",
    [
        ":/etc/localtime", ":Asia/Makassar", "/usr/share/zoneinfo/Asia/Makassar", "localtime", "posixrules",
        "right/Asia/Makassar", "WIB-7", "UTC+7", "<+07>-7", "CET-1CEST,M3.5.0,M10.5.0/3", "Factory",
    ],
)  # fmt: skip
def test_a_host_s_own_time_zone_is_passed_over_and_told(monkeypatch: pytest.MonkeyPatch, tz: str) -> None:
    """The last one is known by Python, but not by Java."""
    monkeypatch.setenv("TZ", tz)
    settings = load(MonitorSettings)
    assert settings.zone == ZoneInfo("Asia/Jakarta")
    ((cause, line),) = settings.passed_over()
    assert cause == f"TZ={tz!r}: expected a time zone that Python and Java know; used is Asia/Jakarta"
    assert line == f"[Zona Waktu] TZ={tz!r} tidak dapat dipakai, waktu ditulis dalam Asia/Jakarta"


@pytest.mark.parametrize("tz", ["Asia/Makassar", "UTC", "Japan", "EST", "EST5EDT", "GMT+0", "Etc/GMT+12"])
def test_a_zone_by_its_name_is_used(monkeypatch: pytest.MonkeyPatch, tz: str) -> None:
    monkeypatch.setenv("TZ", tz)
    settings = load(MonitorSettings)
    assert settings.zone == ZoneInfo(tz)
    assert list(settings.passed_over()) == []


@pytest.fixture
def without_zone_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another user know the zones, who may not look into an environment that was made with umask 077."""
    monkeypatch.setattr(time_zones, "available_timezones", lambda: {"Asia/Jakarta"})


@pytest.mark.usefixtures("without_zone_files")
def test_rules_with_the_wrong_rights_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As they are mounted after a clone with umask 077."""
    file = tmp_path / "rules.yaml"
    file.touch()
    monkeypatch.setenv("RULES_FILE", str(file))
    monkeypatch.setenv("CONFIG_DIR", "/")  # the clone's may be closed to others, too
    with unreadable(file) as user, pytest.raises(SystemExit) as caught:
        load(MonitorSettings)
    assert caught.value.code == (
        f"RULES_FILE={str(file)!r}: expected a file, or nothing; "
        f"user {user} can't read it; on the host: chmod go+r <file>"
    )


@pytest.mark.usefixtures("without_zone_files")
def test_a_folder_of_rules_that_cannot_be_looked_into_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "rules.yaml").touch()
    monkeypatch.setenv("CONFIG_DIR", str(folder))
    with unreadable(folder) as user, pytest.raises(SystemExit) as caught:
        load(MonitorSettings)
    assert caught.value.code == (
        f"CONFIG_DIR={str(folder)!r}: expected a folder; user {user} can't read it; "
        "on the host: chmod -R go+rX <folder>"
    )


def test_the_own_rules_go_before_the_shipped_ones(tmp_path: Path) -> None:
    own, shipped, given = tmp_path / "rules.yaml", tmp_path / "shipped.yaml", tmp_path / "given.yaml"
    settings = MonitorSettings(config_dir=tmp_path, shipped_rules_file=shipped)
    assert settings.rules == shipped
    own.touch()
    assert settings.rules == own
    assert MonitorSettings(config_dir=tmp_path, rules_file=given).rules == given


@pytest.mark.parametrize("name", ["missing.yaml", ""])
def test_rules_that_are_none_are_no_matter_of_the_settings(tmp_path: Path, name: str) -> None:
    """A missing file, and a folder: not every command needs rules, and the one who reads them tells it."""
    assert MonitorSettings(rules_file=tmp_path / name).rules_file == tmp_path / name


def test_an_empty_time_zone_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every other setting."""
    monkeypatch.setenv("TZ", "")
    assert load(MonitorSettings).zone == ZoneInfo("Asia/Jakarta")


def test_without_java_what_python_knows_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert MonitorSettings(tz="Factory").zone == ZoneInfo("Factory")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SHOW", "some", "all, changes or incidents"),
        ("SHOW", "Changes", "all, changes or incidents"),
        ("TZ", "WIB", "a time zone like Asia/Jakarta"),
        ("TZ", "Asia/Jakrta", "a time zone like Asia/Jakarta"),
        ("TZ", "asia/jakarta", "a time zone like Asia/Jakarta"),
        ("TZ", "Asia", "a time zone like Asia/Jakarta"),
        ("TZ", "Etc/GMT+77", "a time zone like Asia/Jakarta"),
        ("STARTING_OFFSETS", "newest", "earliest or latest"),
        ("CHECKPOINT_MINUTES", "0", "whole minutes, 1 to 60"),
        ("CHECKPOINT_MINUTES", "61", "whole minutes, 1 to 60"),
        ("CHECKPOINT_MINUTES", "1.5", "whole minutes, 1 to 60"),
        ("CHECKPOINT_LOCATION", "bucket/folder", "an address like s3a://bucket/folder, or nothing"),
        ("DRIVER_MEMORY", "2GB", "a size like 512m or 2g"),
        ("DRIVER_MEMORY", "512", "a size like 512m or 2g"),
        ("STATE_PARTITIONS", "0", "a whole number, 1 to 1000"),
        ("EXECUTOR_MEMORY", "2GB", "a size like 512m or 2g"),
        ("SPARK_MASTER", "local[4]", "spark://host:port, or nothing"),
        ("SPARK_MASTER", "spark://spark-master", "spark://host:port, or nothing"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as caught:
        load(MonitorSettings)
    (line,) = str(caught.value.code).splitlines()
    assert line.startswith(f"{variable}={value!r}: expected {expected}; ")


@pytest.mark.usefixtures("without_zone_files")
def test_without_a_database_nobody_reads_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the empty file of compose.yaml after a clone with umask 077."""
    file = tmp_path / "password"
    file.touch()
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(file))
    monkeypatch.setenv("CONFIG_DIR", "/")  # the clone's may be closed to others, too
    with unreadable(file) as user:
        assert load(MonitorSettings).database is None
        monkeypatch.setenv("DATABASE_URL", "postgresql://monitor@db/gudang")
        with pytest.raises(SystemExit) as caught:
            load(MonitorSettings)
    assert str(caught.value) == (
        f"DATABASE_PASSWORD_FILE={str(file)!r}: user {user} can't read it; on the host: chmod go+r <file>"
    )


def password_for(database: Engine) -> str | None:
    """Return the password with which it would connect."""
    given: dict[str, Any] = {}

    @event.listens_for(database, "do_connect")
    def note(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        given.update(parameters)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        database.connect()
    return given.get("password")


@pytest.mark.parametrize(("content", "password"), [("rahasia\n", "rahasia"), ("", None)])
@pytest.mark.parametrize("is_folder", [False, True])
def test_the_database_s_password_is_the_file_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, password: str | None, *, is_folder: bool
) -> None:
    file = tmp_path / "password"
    file.write_text(content)
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path if is_folder else file))
    monkeypatch.setenv("DATABASE_URL", "postgresql://monitor@db:5432/gudang?sslmode=verify-full&sslrootcert=/x/ca.pem")
    database = load(MonitorSettings).database
    assert database is not None
    assert (database.url.username, database.url.password, database.url.host) == ("monitor", None, "db")
    assert password_for(database) == password


def test_a_password_in_the_address_goes_before_the_file_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("of the stack's own database")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://monitor:own@db/gudang")
    database = load(MonitorSettings).database
    assert database is not None
    assert password_for(database) == "own"


def test_a_password_that_is_not_there_yet_is_an_error_of_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database puts it there when it starts, and the monitor waits for neither."""
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://monitor@db/gudang")
    database = load(MonitorSettings).database
    assert database is not None
    with pytest.raises(SQLAlchemyError, match=r"the password can't be read: .*No such file"):
        database.connect()


def test_the_history_can_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "off")
    assert load(MonitorSettings).database is None


def test_another_address_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv("DATABASE_URL", "mysql://monitor:rahasia@db/gudang")
    with pytest.raises(SystemExit) as caught:
        load(MonitorSettings)
    assert str(caught.value).startswith("DATABASE_URL=(not shown): expected an address like postgresql://")
    assert "rahasia" not in str(caught.value)
