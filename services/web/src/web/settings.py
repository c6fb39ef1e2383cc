"""The page's knobs, from the environment."""

from functools import cached_property
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field
from sqlalchemy import Engine

from history.database import engine
from servicekit.settings import CommaSeparated, ServiceSettings

RULES = "rules.yaml"
"""The file in CONFIG_DIR."""

PASSWORD = "password"  # noqa: S105 - it is a file's name
"""The file in DATABASE_PASSWORD_FILE, where that is a folder: the one that the stack's own database has put it in."""

DEFAULT_ZONE = "Asia/Jakarta"


def _unless_off(address: str | None) -> str | None:
    return None if address == "off" else address


def _split(text: object) -> object:
    return tuple(each.strip() for each in text.split(",") if each.strip()) if isinstance(text, str) else text


class WebSettings(ServiceSettings):
    """What the page reads; the names are the fields' in capitals."""

    web_address: Annotated[
        str, Field(pattern=r"^[0-9A-Za-z.-]+:[0-9]{1,5}$", description="address:port of this machine")
    ] = "127.0.0.1:8080"
    web_hosts: Annotated[
        tuple[str, ...],
        CommaSeparated,
        BeforeValidator(_split),
        Field(min_length=1, description="names under which the page is asked for, with commas between them"),
    ] = ("localhost", "127.0.0.1", "[::1]", "web")
    site_name: Annotated[str | None, Field(max_length=60, description="the site's name, at most 60 characters")] = None
    rules_file: Annotated[Path | None, Field(description="a file, or nothing")] = None
    config_dir: Annotated[Path, Field(description="a folder")] = Path("config")
    shipped_rules_file: Annotated[Path, Field(description="a file")] = Path("services/spark-monitor/rules.yaml")
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
    tz: Annotated[str, Field(description="a time zone like Asia/Jakarta")] = DEFAULT_ZONE

    @property
    def host(self) -> str:
        """The address that is listened on."""
        return self.web_address.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.web_address.rpartition(":")[2])

    @property
    def rules(self) -> Path:
        """The file of the rules: RULES_FILE, else the one in `config_dir`, else the shipped one."""
        own = self.config_dir / RULES
        return self.rules_file or (own if own.exists() else self.shipped_rules_file)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the page: `tz`, or the default where that is a host's own form; the monitor tells of it."""
        return ZoneInfo(self.tz if self.tz in available_timezones() else DEFAULT_ZONE)

    @cached_property
    def database(self) -> Engine | None:
        """The way to the history's database; None without DATABASE_URL."""
        if self.database_url is None:
            return None
        return engine(self.database_url, password=self._database_password, application="web")

    def _database_password(self) -> str | None:
        """Return the password, if there is one. Raises OSError."""
        file = self.database_password_file
        if file is None:
            return None
        return (file / PASSWORD if file.is_dir() else file).read_text("utf-8").strip() or None
