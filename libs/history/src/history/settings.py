"""Where the history is, from the environment: for the settings of every service that writes or reads it."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import Engine

from history.database import engine

PASSWORD = "password"  # noqa: S105 - it is a file's name
"""The file in DATABASE_PASSWORD_FILE, where that is a folder: the one that the stack's own database has put it in."""


def unless_off(address: str | None) -> str | None:
    """Return an address, None where there is to be none."""
    return None if address == "off" else address


class DatabaseSettings(BaseModel):
    """Fields for a service's settings. `application` is what PostgreSQL's own views call the service."""

    application: ClassVar[str]

    database_url: Annotated[
        str | None,
        Field(
            repr=False,  # it may hold a password
            pattern=r"^postgresql://\S*/\S+$",
            description="an address like postgresql://user@host:5432/database, or off",
        ),
        BeforeValidator(unless_off),
    ] = None
    database_password_file: Annotated[
        Path | None, Field(description="a file with the password, an empty one for none, or a folder with the file")
    ] = None

    @cached_property
    def database(self) -> Engine | None:
        """The way to the history's database; None without DATABASE_URL."""
        if self.database_url is None:
            return None
        return engine(self.database_url, password=self._database_password, application=self.application)

    def _database_password(self) -> str | None:
        """Return the password, if there is one. Raises OSError."""
        file = self.database_password_file
        if file is None:
            return None
        return (file / PASSWORD if file.is_dir() else file).read_text("utf-8").strip() or None
