"""Which file of rules is read, from the environment: for the settings of every service that knows the rules."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from servicekit.unreadable import why_unreadable

RULES = "rules.yaml"
"""The file in CONFIG_DIR."""


def may_be_read(file: Path | None) -> Path | None:
    """Return a file; raises ValueError if its rights are what keeps it from being read."""
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


class RulesSettings(BaseModel):
    """Fields for a service's settings."""

    rules_file: Annotated[Path | None, AfterValidator(may_be_read), Field(description="a file, or nothing")] = None
    config_dir: Annotated[Path, AfterValidator(_may_be_looked_into), Field(description="a folder")] = Path("config")
    shipped_rules_file: Annotated[Path, Field(description="a file")] = Path("services/spark-monitor/rules.yaml")

    @property
    def rules(self) -> Path:
        """The file of the rules: RULES_FILE, else the one in `config_dir`, else the shipped one."""
        own = self.config_dir / RULES
        return self.rules_file or (own if own.exists() else self.shipped_rules_file)
