"""The access file: its shape, and the rights that it means. Compares them with those that Kafka has."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from servicekit.unreadable import why_unreadable
from topic_init.errors import FinalError
from topic_init.yaml_file import Name, names_once, read_yaml

Names = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}\*?$")]


class Right(NamedTuple):
    """One thing that one user may do; `is_prefix`: with everything whose name begins so."""

    user: str
    operation: Literal["READ", "WRITE"]
    resource: Literal["TOPIC", "GROUP"]
    name: str
    is_prefix: bool


class User(BaseModel):
    """One entry: topics to read and to write, and consumer groups whose positions are kept."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    reads: list[Names] = []
    writes: list[Names] = []
    groups: list[Names] = []

    def rights(self) -> Iterator[Right]:
        """Yield what the entry allows. To look at what may be read or written is allowed by Kafka itself."""
        for operation, resource, names in (
            ("READ", "TOPIC", self.reads), ("WRITE", "TOPIC", self.writes), ("READ", "GROUP", self.groups),
        ):  # fmt: skip
            for name in names:
                yield Right(self.name, operation, resource, name.removesuffix("*"), name.endswith("*"))  # type: ignore[arg-type]


class Access(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    users: Annotated[list[User], Field(min_length=1), AfterValidator(names_once)]

    def rights(self) -> set[Right]:
        """Return all that anybody may do."""
        return {right for user in self.users for right in user.rights()}


def read(file: Path) -> Access:
    """Return what the file says, or raise FinalError with `file: where: what` for each mistake."""
    return read_yaml(file, Access)


def passwords(users: Iterable[User], folder: Path) -> dict[str, str]:
    """Return each user's password, from the file of its name. Raises FinalError for each that is not there."""
    found, faults = {}, []
    for user in users:
        file = folder / user.name
        try:
            found[user.name] = file.read_text("utf-8").strip()
        except OSError as error:
            faults.append(f"{file}: {why_unreadable(error, 'make secrets')}")
        else:
            if not found[user.name]:
                faults.append(f"{file}: is empty")
    if faults:
        raise FinalError(*faults)
    return found


class Change(NamedTuple):
    """What is to be done: rights to give, and rights to take away."""

    give: list[Right]
    take: list[Right]


def change(wanted: set[Right], has: set[Right]) -> Change:
    """Return what makes the rights that Kafka has those that are wanted."""
    return Change(sorted(wanted - has), sorted(has - wanted))
