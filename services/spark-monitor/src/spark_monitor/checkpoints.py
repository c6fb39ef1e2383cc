"""Where each query goes on after a start: in its checkpoint, or in a new one from where the old one stood.

Spark can't go on with a checkpoint when the query's layout is another (other topics, other state), or when its files
are damaged. Then the query gets a new folder and starts at the offsets of the old one: no reading is lost, and the week
that Kafka still holds is not judged again. `<query>.json` beside the folders says which of them counts. It is replaced
in one step, so a crash on the way leaves the old or the new.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ValidationError

Offsets = dict[str, dict[str, int]]
"""Topic -> number of the partition -> offset, as Spark writes them."""


Repetition = Literal["since the last boundary", "everything", "nothing"]
"""With `nothing`, a result with a known id is of another reading: Kafka has lost the one that the id was made for."""


class _Entry(BaseModel):
    """What `<query>.json` holds: the layout, the number of the folder that has it, and where that one began."""

    layout: dict[str, Any]
    number: int
    starting: Offsets


@dataclass(frozen=True)
class Checkpoint:
    """A query's place on disk and in Kafka.

    `starting` counts while `folder` is empty. `may_repeat` says which earlier results may come again under the same id.
    `news` is what the operator should know, or None.
    """

    folder: Path
    starting: Offsets
    may_repeat: Repetition
    news: str | None

    @classmethod
    def take(cls, root: Path, query: str, layout: dict[str, Any], elsewhere: Offsets, ends: Offsets) -> Self:
        """Return what `query` goes on from, and note it on disk. Raises OSError.

        `layout`: all that the checkpoint depends on, as JSON. `elsewhere`: where another query stands, for topics that
        this one has not read yet. `ends`: where Kafka's topics end.
        """
        file = root / f"{query}.json"
        before = _read(file)
        if before is None:
            news = f"{file.name} is damaged: starting anew" if file.exists() else None
            return cls._anew(file, _Entry(layout=layout, number=1, starting=elsewhere), news)
        folder = _folder(file, before)
        stood_at = elsewhere | before.starting | _stands_at(folder)
        read_until = stood_at | _read_until(folder)
        begun_anew = [topic for topic in stood_at if _is_beyond(read_until[topic], ends.get(topic, {}))]
        # Without an offset, a topic that was read before begins at its first reading.
        starting = stood_at | {topic: _up_to(ends[topic], stood_at[topic]) for topic in begun_anew}
        anew = _Entry(layout=layout, number=before.number + 1, starting=starting)
        if damaged := _damaged(folder):
            return cls._anew(file, anew, f"{damaged.relative_to(root)} is damaged: starting anew where it last stood")
        if begun_anew:
            news = f"Kafka has less than was read of {', '.join(begun_anew)}: its offsets mean other readings now"
            return cls._anew(file, anew, news, "nothing")
        if before.layout != layout:
            return cls._anew(file, anew, "the rules read or combine other streams: starting anew where they last stood")
        if not folder.exists():
            return cls(folder, before.starting, "everything", f"{folder.name} is not there: starting where it once began")
        return cls(folder, before.starting, "since the last boundary", None)

    @classmethod
    def _anew(cls, file: Path, entry: _Entry, news: str | None, may_repeat: Repetition = "everything") -> Self:
        """Note the entry, and leave nothing of the folders before it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        with new.open("w") as out:
            out.write(entry.model_dump_json(indent=2))
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
        for old in file.parent.glob(f"{file.stem}-*"):
            shutil.rmtree(old)
        return cls(_folder(file, entry), entry.starting, may_repeat, news)

    @property
    def stands_at(self) -> Offsets:
        """Where the last completed batch began; what came later is read again or for the first time."""
        return self.starting | _stands_at(self.folder)

    def gone(self, first: Offsets) -> Offsets:
        """Return the first unread offset of each partition of which Kafka has already removed unread readings.

        `first`: the first offset that each partition still has. Readings that were read since the last boundary count
        as unread.
        """
        read_until = self.starting | _read_until(self.folder)
        unread = {
            topic: {
                number: offset for number, offset in read_until.get(topic, {}).items() if offset < there.get(number, 0)
            }
            for topic, there in first.items()
        }
        return {topic: partitions for topic, partitions in unread.items() if partitions}


def _is_beyond(offsets: dict[str, int], ends: dict[str, int]) -> bool:
    """Say whether Kafka has lost what was read: what it gets now has the same offsets once more."""
    return any(offset > ends[number] for number, offset in offsets.items() if number in ends)


def _up_to(ends: dict[str, int], offsets: dict[str, int]) -> dict[str, int]:
    """Keep the offsets that Kafka has."""
    return {number: offset for number, offset in offsets.items() if offset <= ends.get(number, 0)}


def _read(file: Path) -> _Entry | None:
    try:
        return _Entry.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _folder(file: Path, entry: _Entry) -> Path:
    return file.with_name(f"{file.stem}-{entry.number}")


def _read_until(folder: Path) -> Offsets:
    """Return where the last completed batch ended."""
    for number in sorted(_batches(folder / "commits"), reverse=True):
        offsets = _offsets(folder / "offsets" / str(number))
        if offsets is not None:
            return offsets
    return _offsets(_first_offsets(folder)) or {}


def _stands_at(folder: Path) -> Offsets:
    """Return where the last completed batch began.

    Its beginning, not its end: a stateful query that starts without its state fills it from that batch again.
    """
    for number in sorted(_batches(folder / "commits"), reverse=True):
        if number == 0:
            break
        offsets = _offsets(folder / "offsets" / str(number - 1))
        if offsets is not None:
            return offsets
    return _offsets(_first_offsets(folder)) or {}


def _damaged(folder: Path) -> Path | None:
    """Return the first file without which Spark could not go on, None if all are well."""
    if not _first_offsets(folder).exists():
        return None  # Nothing was read yet, so nothing can be lost.
    last_offsets = max(_batches(folder / "offsets"), default=None)
    last_commit = max(_batches(folder / "commits"), default=None)
    if _offsets(_first_offsets(folder)) is None:
        return _first_offsets(folder)
    if last_offsets is not None and _offsets(folder / "offsets" / str(last_offsets)) is None:
        return folder / "offsets" / str(last_offsets)
    if last_commit is not None:
        if _last_json(folder / "commits" / str(last_commit)) is None:
            return folder / "commits" / str(last_commit)
        if last_offsets is None or last_offsets < last_commit:
            return folder / "offsets" / str(last_commit)
    return None


def _first_offsets(folder: Path) -> Path:
    """Return where Spark's Kafka source notes what it began with; our queries have one source each."""
    return folder / "sources" / "0" / "0"


def _batches(log: Path) -> list[int]:
    return [int(file.name) for file in log.glob("*") if file.name.isdigit()] if log.is_dir() else []


def _offsets(file: Path) -> Offsets | None:
    """Return the offsets in one of Spark's log files, None if it has none: their last line is the JSON."""
    found = _last_json(file)
    is_whole = isinstance(found, dict) and all(isinstance(partitions, dict) for partitions in found.values())
    return found if is_whole else None


def _last_json(file: Path) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(file.read_text("utf-8").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return None
