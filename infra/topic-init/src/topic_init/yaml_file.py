"""Reads a declaration from YAML, and says every mistake in it."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import yaml
from pydantic import BaseModel, StringConstraints, ValidationError

from topic_init.errors import FinalError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class Named(Protocol):
    """An entry of a list in which each name stands once."""

    name: Name


M = TypeVar("M", bound=BaseModel)
N = TypeVar("N", bound=Named)


def names_once(entries: list[N]) -> list[N]:
    """Return the entries, or raise ValueError with the names that stand there twice."""
    if twice := [name for name, times in Counter(entry.name for entry in entries).items() if times > 1]:
        raise ValueError(f"declared more than once: {', '.join(twice)}")
    return entries


def read_yaml(file: Path, model: type[M]) -> M:
    """Return the file's content, or raise FinalError with `file: where: what` for each mistake."""
    try:
        # BaseLoader leaves every value the text that was written, which is what Kafka's config takes.
        return model.model_validate(yaml.load(file.read_bytes(), Loader=yaml.BaseLoader))  # noqa: S506 - builds text, lists and maps only
    except OSError as error:
        raise FinalError(f"{file}: cannot be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise FinalError(f"{file}: line {line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise FinalError(f"{file}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise FinalError(*(f"{file}: {_place(each['loc'])}: {each['msg']}" for each in error.errors())) from error


def _place(location: tuple[int | str, ...]) -> str:
    """Write `('topics', 0, 'name')` as `topics[0].name`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "the file"
