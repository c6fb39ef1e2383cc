"""The monitor's knobs, from the environment."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from history.settings import DatabaseSettings, unless_off
from rules.settings import RulesSettings, may_be_read
from servicekit.old_name import old_display
from servicekit.settings import ReadableFile, ServiceSettings
from spark_monitor import time_zones


def _is_time_zone(name: str) -> str:
    if not time_zones.may_be_meant(name):
        raise ValueError("no such time zone")
    return name


class MonitorSettings(ServiceSettings, RulesSettings, DatabaseSettings):
    """What spark-monitor reads; the names are the fields' in capitals."""

    application = "spark-monitor"

    checkpoint_dir: Annotated[Path, Field(description="a folder")] = Path(".local/checkpoints")
    checkpoint_location: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9.+-]*://\S+$",
            description="an address like s3a://bucket/folder, or nothing",
        ),
    ] = None
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
    history_minute_days: Annotated[int, Field(ge=1, le=36_500, description="whole days, 1 to 36500")] = 1830
    archive_location: Annotated[
        str | None,
        Field(description="a folder, an address like s3a://bucket/folder, or off"),
        BeforeValidator(unless_off),
    ] = None
    archive_days: Annotated[int, Field(ge=1, le=36_500, description="whole days, 1 to 36500")] = 1830
    starting_offsets: Annotated[Literal["earliest", "latest"], Field(description="earliest or latest")] = "earliest"
    show: Annotated[Literal["all", "changes", "incidents"], Field(description="all, changes or incidents")] = "all"
    display: str | None = None
    tz: Annotated[str, AfterValidator(_is_time_zone), Field(description="a time zone like Asia/Jakarta")] = (
        time_zones.DEFAULT
    )

    @model_validator(mode="after")
    def _passwordmay_be_read(self) -> Self:
        # Without an address nobody reads it, and compose.yaml's own is not for everybody under every umask.
        if self.database_url is not None:
            try:
                may_be_read(self.database_password_file)
            except ValueError as error:
                raise ValueError(f"DATABASE_PASSWORD_FILE={str(self.database_password_file)!r}: {error}") from error
        return self

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
