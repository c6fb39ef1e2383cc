"""The monitor's knobs, from the environment."""

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from sensorkit.settings import ReadableFile, ServiceSettings


def _is_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no such time zone")
    return name


def _unless_it_is_a_screen(value: object) -> object:
    """On a desktop DISPLAY names the screen (`:0`, `host:10.0`, a Mac's `/path:0`): not meant for the monitor."""
    return "all" if isinstance(value, str) and re.fullmatch(r".*:\d+(\.\d+)?", value) else value


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
    rules_file: Annotated[Path, Field(description="a file")] = Path("services/spark-monitor/rules.yaml")
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
    starting_offsets: Annotated[Literal["earliest", "latest"], Field(description="earliest or latest")] = "earliest"
    display: Annotated[
        Literal["all", "changes", "incidents"],
        BeforeValidator(_unless_it_is_a_screen),
        Field(description="all, changes or incidents"),
    ] = "all"
    tz: Annotated[str, AfterValidator(_is_time_zone), Field(description="a time zone like Asia/Jakarta")] = (
        "Asia/Jakarta"
    )
