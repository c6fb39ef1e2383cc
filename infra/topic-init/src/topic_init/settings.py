"""What the environment says."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from sensorkit.settings import ServiceSettings

Count = Annotated[int, Field(ge=1, le=32767, description="a whole number of at least 1")]


class Settings(ServiceSettings):
    """What topics have unless the file says otherwise, where the file is, and how long to wait for Kafka."""

    topic_partitions: Count = 1
    topic_replication: Count = 1
    topic_retention_hours: Annotated[int, Field(ge=1, description="whole hours, at least 1")] = 168
    topics_file: Path = Path("topics.yaml")
    wait_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False, description="seconds, more than 0")] = 120
