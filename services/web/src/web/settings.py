"""The page's knobs, from the environment."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field

from history.settings import DatabaseSettings
from rules.settings import RulesSettings
from servicekit.settings import CommaSeparated, ServiceSettings

DEFAULT_ZONE = "Asia/Jakarta"


def _split(text: object) -> object:
    return tuple(each.strip() for each in text.split(",") if each.strip()) if isinstance(text, str) else text


class WebSettings(ServiceSettings, RulesSettings, DatabaseSettings):
    """What the page reads; the names are the fields' in capitals."""

    application = "web"

    web_address: Annotated[
        str, Field(pattern=r"^[0-9A-Za-z.-]+:[0-9]{1,5}$", description="address:port of this machine")
    ] = "127.0.0.1:8080"
    web_hosts: Annotated[
        tuple[str, ...],
        CommaSeparated,
        BeforeValidator(_split),
        Field(min_length=1, description="names under which the page is asked for, with commas between them"),
    ] = ("localhost", "127.0.0.1", "[::1]", "web")
    web_reading: Annotated[
        Literal["open", "signed-in"], Field(description="who may read: open to all who reach the page, or signed-in")
    ] = "open"
    web_tls_file: Annotated[Path | None, Field(description="a file with the page's certificate and key, as PEM")] = None
    people_dir: Annotated[Path, Field(description="a folder for the users and the key of their sessions")] = Path(
        "/var/lib/web"
    )
    site_name: Annotated[str | None, Field(max_length=60, description="the site's name, at most 60 characters")] = None
    tz: Annotated[str, Field(description="a time zone like Asia/Jakarta")] = DEFAULT_ZONE

    @property
    def host(self) -> str:
        """The address that is listened on."""
        return self.web_address.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.web_address.rpartition(":")[2])

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the page: `tz`, or the default where that is a host's own form; the monitor tells of it."""
        return ZoneInfo(self.tz if self.tz in available_timezones() else DEFAULT_ZONE)
