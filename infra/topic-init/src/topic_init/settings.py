"""What the environment says."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from servicekit.settings import ServiceSettings

Count = Annotated[int, Field(ge=1, le=32767, description="a whole number of at least 1")]


class Settings(ServiceSettings):
    """What topics have unless the file says otherwise, where the files are, and how long to wait for Kafka."""

    topic_partitions: Count = 1
    topic_replication: Count = 1
    topic_retention_hours: Annotated[int, Field(ge=1, description="whole hours, at least 1")] = 168
    topics_file: Path = Path("topics.yaml")
    access_file: Annotated[
        Path | None, Field(description="a file with the users and what they may do, or nothing: then Kafka asks nobody")
    ] = None
    passwords_dir: Annotated[Path, Field(description="a folder with a file for each user")] = Path("/run/secrets")
    wait_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False, description="seconds, more than 0")] = 120
