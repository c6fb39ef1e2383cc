"""The topics file: its shape, and what is wrong with one."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from topic_init.plan import Wanted
from topic_init.settings import Count, Settings
from topic_init.yaml_file import Name, names_once, read_yaml


class Topic(BaseModel):
    """One entry: its `partitions`, and `retention.ms` in its `config`, go before the environment's."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    partitions: Count | None = None
    config: dict[str, Annotated[str, StringConstraints(min_length=1)]] = {}

    def wanted(self, settings: Settings) -> Wanted:
        """Fill in what the entry leaves to the environment."""
        config = {"retention.ms": str(settings.topic_retention_hours * 3_600_000)} | self.config
        return Wanted(self.name, self.partitions or settings.topic_partitions, settings.topic_replication, config)


class Declared(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    topics: Annotated[list[Topic], Field(min_length=1), AfterValidator(names_once)]


def read(file: Path) -> list[Topic]:
    """Return the file's topics, or raise FinalError with `file: where: what` for each mistake."""
    return read_yaml(file, Declared).topics
