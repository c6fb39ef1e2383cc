"""The monitor's knobs, from the environment."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from sqlalchemy import Engine

from history.database import engine
from servicekit.old_name import old_display
from servicekit.settings import ReadableFile, ServiceSettings
from servicekit.unreadable import why_unreadable
from spark_monitor import time_zones

RULES = "rules.yaml"
"""The file in CONFIG_DIR."""

PASSWORD = "password"  # noqa: S105 - it is a file's name
"""The file in DATABASE_PASSWORD_FILE, where that is a folder: the one that the stack's own database has put it in."""


def _may_be_read(file: Path | None) -> Path | None:
    if file is None:
        return None
    try:
        file.open("rb").close()
    except PermissionError as error:
        raise ValueError(why_unreadable(error)) from error
    except OSError:
        return file  # what else is wrong with it is told where it is read: not every command needs it
    return file


def _may_be_looked_into(folder: Path) -> Path:
    try:
        (folder / RULES).open("rb").close()
    except PermissionError as error:
        raise ValueError(why_unreadable(error, "chmod -R go+rX <folder>")) from error
    except OSError:
        return folder  # it has no rules
    return folder


def _unless_off(address: str | None) -> str | None:
    return None if address == "off" else address


def _is_time_zone(name: str) -> str:
    if not time_zones.may_be_meant(name):
        raise ValueError("no such time zone")
    return name


class MonitorSettings(ServiceSettings):
    """What spark-monitor reads; the names are the fields' in capitals."""

    checkpoint_dir: Annotated[Path, Field(description="a folder")] = Path(".local/checkpoints")
    checkpoint_location: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9.+-]*://\S+$",
            description="an address like s3a://bucket/folder, or nothing",
        ),
    ] = None
    rules_file: Annotated[Path | None, AfterValidator(_may_be_read), Field(description="a file, or nothing")] = None
    config_dir: Annotated[Path, AfterValidator(_may_be_looked_into), Field(description="a folder")] = Path("config")
    shipped_rules_file: Annotated[Path, Field(description="a file")] = Path("services/spark-monitor/rules.yaml")
    spark_jars_dir: Annotated[Path, Field(description="the folder with the connector's jars")] = Path(".local/jars")
    checkpoint_minutes: Annotated[int, Field(ge=1, le=60, description="whole minutes, 1 to 60")] = 5
    driver_memory: Annotated[str, Field(pattern=r"^\d+[mg]$", description="a size like 512m or 2g")] = "512m"
    state_partitions: Annotated[int, Field(ge=1, le=1000, description="a whole number, 1 to 1000")] = 2
    spark_master: Annotated[
        str | None, Field(pattern=r"^spark://[A-Za-z0-9._-]+:\d{1,5}$", description="spark://host:port, or nothing")
    ] = None
    spark_properties_file: Annotated[
        ReadableFile | None, Field(description="a file with more settings of Spark's, or nothing")
    ] = None
    executor_memory: Annotated[str, Field(pattern=r"^\d+[mg]$", description="a size like 512m or 2g")] = "512m"
    database_url: Annotated[
        str | None,
        Field(
            repr=False,  # it may hold a password
            pattern=r"^postgresql://\S*/\S+$",
            description="an address like postgresql://user@host:5432/database, or off",
        ),
        BeforeValidator(_unless_off),
    ] = None
    database_password_file: Annotated[
        Path | None, Field(description="a file with the password, an empty one for none, or a folder with the file")
    ] = None
    history_minute_days: Annotated[int, Field(ge=1, le=36_500, description="whole days, 1 to 36500")] = 1830
    archive_location: Annotated[
        str | None,
        Field(description="a folder, an address like s3a://bucket/folder, or off"),
        BeforeValidator(_unless_off),
    ] = None
    archive_days: Annotated[int, Field(ge=1, le=36_500, description="whole days, 1 to 36500")] = 1830
    starting_offsets: Annotated[Literal["earliest", "latest"], Field(description="earliest or latest")] = "earliest"
    show: Annotated[Literal["all", "changes", "incidents"], Field(description="all, changes or incidents")] = "all"
    display: str | None = None
    tz: Annotated[str, AfterValidator(_is_time_zone), Field(description="a time zone like Asia/Jakarta")] = (
        time_zones.DEFAULT
    )

    @model_validator(mode="after")
    def _password_may_be_read(self) -> Self:
        # Without an address nobody reads it, and compose.yaml's own is not for everybody under every umask.
        if self.database_url is not None:
            try:
                _may_be_read(self.database_password_file)
            except ValueError as error:
                raise ValueError(f"DATABASE_PASSWORD_FILE={str(self.database_password_file)!r}: {error}") from error
        return self

    @cached_property
    def database(self) -> Engine | None:
        """The way to the history's database; None without DATABASE_URL."""
        if self.database_url is None:
            return None
        return engine(self.database_url, password=self._database_password, application="spark-monitor")

    def _database_password(self) -> str | None:
        """Return the password, if there is one. Raises OSError."""
        file = self.database_password_file
        if file is None:
            return None
        return (file / PASSWORD if file.is_dir() else file).read_text("utf-8").strip() or None

    @property
    def rules(self) -> Path:
        """The file of the rules: RULES_FILE, else the one in `config_dir`, else the shipped one."""
        own = self.config_dir / RULES
        return self.rules_file or (own if own.exists() else self.shipped_rules_file)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the lines: `tz`, or the default where Spark can't use that."""
        return ZoneInfo(self.tz if time_zones.can_be_shown(self.tz) else time_zones.DEFAULT)

    def passed_over(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that have no effect: the cause for the log, and the operator's line."""
        if "show" not in self.model_fields_set and (line := old_display(self.display)):
            yield f"DISPLAY={self.display!r} is not read any more: use SHOW={self.display}", line
        if self.zone.key != self.tz:
            cause = f"TZ={self.tz!r}: expected a time zone that Python and Java know; used is {self.zone.key}"
            yield cause, f"[Zona Waktu] TZ={self.tz!r} tidak dapat dipakai, waktu ditulis dalam {self.zone.key}"
