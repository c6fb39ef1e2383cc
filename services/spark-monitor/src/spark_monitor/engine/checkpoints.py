"""Where each query goes on after a start: in its checkpoint, or in a new one from where the old one stood.

Spark can't go on with a checkpoint when the query's layout is another (other topics, other state), or when its files
are damaged. Then the query gets a new folder and starts at the offsets of the old one: no reading is lost, and the week
that Kafka still holds is not judged again. `<query>.json` beside the folders says which of them counts. It is replaced
in one step, so a crash on the way leaves the old or the new.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from pydantic import BaseModel, ValidationError

from spark_monitor.engine.checkpoint_storage import StoragePath

Offsets = dict[str, dict[str, int]]
"""Topic -> number of the partition -> offset, as Spark writes them."""

SOURCES, FIRST = "sources", "0"
"""Where Spark notes what each of a query's sources began with: in `sources/0/0`, and so on."""

NOTHING_YET = "-"

Repetition = Literal["since the last boundary", "everything", "nothing"]
"""With `nothing`, a result with a known id is of another reading: Kafka has lost the one that the id was made for."""


@dataclass(frozen=True)
class Extent:
    """What Kafka has of the topics: the first offset that is still there, and the end."""

    first: Offsets
    ends: Offsets

    def kept(self, offsets: Offsets) -> Offsets:
        """Return the same offsets as far as Kafka has them; without one, a partition begins at its first reading."""
        return {
            topic: {
                number: max(offset, self.first.get(topic, {}).get(number, 0))
                for number, offset in of.items()
                if offset <= self.ends.get(topic, {}).get(number, offset)
            }
            for topic, of in offsets.items()
        }

    def beginning(self, known: Offsets) -> Offsets:
        """Return where to begin in each partition: at the known offset as far as Kafka has it, else at the first."""
        kept = self.kept(known)
        return {
            topic: {number: kept.get(topic, {}).get(number, first) for number, first in of.items()}
            for topic, of in self.first.items()
        }

    def is_short_of(self, offsets: Offsets) -> list[str]:
        """Return the topics that end before what was read of them: what they get now has the same offsets again."""
        return [topic for topic, of in self.ends.items() if any(offsets.get(topic, {}).get(n, 0) > of[n] for n in of)]

    def gone(self, offsets: Offsets) -> Offsets:
        """Return those of the offsets that Kafka has removed."""
        removed = {
            topic: {n: offset for n, offset in of.items() if offset < self.first.get(topic, {}).get(n, 0)}
            for topic, of in offsets.items()
        }
        return {topic: of for topic, of in removed.items() if of}


class _Entry(BaseModel):
    """What `<query>.json` holds: the layout, the number of the folder that has it, and where that one began."""

    layout: dict[str, Any]
    number: int
    starting: Offsets

    def folder_of(self, query: str) -> str:
        """Return the name of the folder."""
        return f"{query}-{self.number}"


@dataclass(frozen=True)
class Checkpoint:
    """A query's place in its checkpoint and in Kafka.

    `starting` counts while `folder` is empty. `before`: the folder whose state the first batch takes over, or None.
    `may_repeat` says which earlier results may come again under the same id. `news` is what the operator should know,
    or None. `gone`: the first unread offset of each partition of which Kafka
    has removed unread readings; those since the last boundary count as unread.
    """

    folder: StoragePath
    starting: Offsets
    may_repeat: Repetition
    news: str | None
    gone: Offsets = field(default_factory=dict)
    before: StoragePath | None = None

    @classmethod
    def take(
        cls,
        root: StoragePath,
        query: str,
        layout: dict[str, Any],
        elsewhere: Offsets,
        kafka: Extent,
        *,
        can_take_over: bool = False,
    ) -> Self:
        """Return what `query` goes on from, and note it in `root`. Raises OSError.

        `layout`: all that the checkpoint depends on, as JSON. `elsewhere`: where another query stands, for topics that
        this one has not read yet. `kafka`: what the topics have. `can_take_over`: the query reads the state of another
        checkpoint into a new one.
        """
        file = root / f"{query}.json"
        before = _read(file)
        if before is None:
            news = f"{file.name} is damaged: starting over" if file.exists() else None
            return cls._begin(root, query, _Entry(layout=layout, number=1, starting=elsewhere), news)
        folder = root / before.folder_of(query)
        stood_at = elsewhere | before.starting | _stands_at(folder)
        read_until = stood_at | _read_until(folder)
        gone = kafka.gone(read_until)
        may_repeat: Repetition = "everything"
        news = None
        damaged = _damaged(folder)
        if damaged:
            news = f"{folder.name}/{damaged} is damaged: starting over where it last stood"
        elif shorter := kafka.is_short_of(read_until):
            news = f"Kafka has less than was read of {', '.join(shorter)}: its offsets mean other readings now"
            may_repeat = "nothing"
        elif before.layout != layout:
            news = "other streams are read or combined, or in other parts: starting over where they last stood"
        # With readings gone, Spark's Real-time Mode would wait for them forever, and in silence.
        elif not gone:
            heritage = _heritage(root, query, before)
            if folder.exists():
                return cls(folder, before.starting, "since the last boundary", None, before=heritage)
            news = f"{folder.name} is not there: starting where it once began"
            return cls(folder, kafka.kept(before.starting), "everything", news, before=heritage)
        taken_over = None
        if can_take_over and not damaged:
            taken_over = folder if _batches(folder / "commits") else _heritage(root, query, before)
        # All that was read is in a state that is taken over; another state must be filled.
        starting = kafka.kept(stood_at if taken_over is None else read_until)
        entry = _Entry(layout=layout, number=before.number + 1, starting=starting)
        return replace(cls._begin(root, query, entry, news, may_repeat, taken_over=taken_over), gone=gone)

    @classmethod
    def _begin(
        cls,
        root: StoragePath,
        query: str,
        entry: _Entry,
        news: str | None,
        may_repeat: Repetition = "everything",
        *,
        taken_over: StoragePath | None = None,
    ) -> Self:
        """Note the entry, and leave nothing of the folders before it but what is taken over."""
        (root / f"{query}.json").write(entry.model_dump_json(indent=2))
        for name in root.names():
            if name.startswith(f"{query}-") and (taken_over is None or name != taken_over.name):
                (root / name).remove()
        return cls(root / entry.folder_of(query), entry.starting, may_repeat, news, before=taken_over)

    def tidy(self) -> None:
        """Remove what a full disk or a stop left of a first batch: behind any of its files Spark would not begin."""
        for log in self.folder / "offsets", self.folder / "commits":
            if not _batches(log):
                for left in log.names():
                    (log / left).remove()
        # State without a completed batch is of no use, and a first one in batches refuses it.
        state = self.folder / "state"
        if state.exists() and not _batches(self.folder / "commits"):
            state.remove()

    @property
    def has_planned_batch(self) -> bool:
        """Whether a batch was begun and not completed; of one in Real-time Mode nothing is noted before its end."""
        planned, completed = _batches(self.folder / "offsets"), _batches(self.folder / "commits")
        return max(planned, default=-1) > max(completed, default=-1)

    @property
    def stands_at(self) -> Offsets:
        """Where the last completed batch began; what came later is read again or for the first time."""
        return self.starting | _stands_at(self.folder)

    @property
    def goes_on_from(self) -> Offsets:
        """The first offsets that are yet to be judged: where the last completed batch ended."""
        return self.starting | _read_until(self.folder)


def planned_offsets(folder: StoragePath, batch: int) -> Offsets:
    """Return where a batch of a query ends that has begun. Raises OSError without its file."""
    found = _offsets(folder / "offsets" / str(batch))
    if found is None:
        raise OSError(f"{folder}/offsets/{batch}: expected a batch's offsets")
    return found


def _heritage(root: StoragePath, query: str, entry: _Entry) -> StoragePath | None:
    """Return the folder whose state an entry's first batch is yet to take over; remove it once that is done."""
    own = entry.folder_of(query)
    folders = [root / name for name in root.names() if name.startswith(f"{query}-") and name != own]
    if folders and not _batches(root / own / "commits"):
        return folders[0]
    for done in folders:
        done.remove()
    return None


def _read(file: StoragePath) -> _Entry | None:
    try:
        return _Entry.model_validate_json(file.read())
    except (FileNotFoundError, ValidationError):
        return None


def _read_until(folder: StoragePath) -> Offsets:
    """Return where the last completed batch ended."""
    for number in sorted(_batches(folder / "commits"), reverse=True):
        offsets = _offsets(folder / "offsets" / str(number))
        if offsets is not None:
            return offsets
    return _first_offsets(folder)


def _stands_at(folder: StoragePath) -> Offsets:
    """Return where the last completed batch began.

    Its beginning, not its end: a stateful query that starts without its state fills it from that batch again.
    """
    for number in sorted(_batches(folder / "commits"), reverse=True):
        if number == 0:
            break
        offsets = _offsets(folder / "offsets" / str(number - 1))
        if offsets is not None:
            return offsets
    return _first_offsets(folder)


def _first_files(folder: StoragePath) -> list[str]:
    """Return the files with what its sources began with, as they are called in `folder`."""
    names = [f"{SOURCES}/{number}/{FIRST}" for number in sorted(_batches(folder / SOURCES))]
    return [name for name in names if (folder / name).exists()]


def _first_of(file: StoragePath) -> Offsets | None:
    return _offsets(file, head=1)


def _first_offsets(folder: StoragePath) -> Offsets:
    found: Offsets = {}
    for name in _first_files(folder):
        found |= _first_of(folder / name) or {}
    return found


def _damaged(folder: StoragePath) -> str | None:
    """Return the first file without which Spark could not go on, as it is called in `folder`; None if all are well."""
    first_files = _first_files(folder)
    if not first_files:
        return None  # Nothing was read yet, so nothing can be lost.
    last_offsets = max(_batches(folder / "offsets"), default=None)
    last_commit = max(_batches(folder / "commits"), default=None)
    if unread := next((name for name in first_files if _first_of(folder / name) is None), None):
        return unread
    if last_offsets is not None and _offsets(folder / "offsets" / str(last_offsets)) is None:
        return f"offsets/{last_offsets}"
    if last_commit is not None:
        if _last_json(folder / "commits" / str(last_commit)) is None:
            return f"commits/{last_commit}"
        if last_offsets is None or last_offsets < last_commit:
            return f"offsets/{last_commit}"
    return None


def _batches(log: StoragePath) -> list[int]:
    return [int(name) for name in log.names() if name.isdigit()]


def _offsets(file: StoragePath, head: int = 2) -> Offsets | None:
    """Return the offsets in one of Spark's log files, None of a file that is not whole.

    Behind the head, the version and what is said of the batch, each source has a line: a dash if it has nothing yet.
    """
    sources = [_json(line) for line in _lines(file)[head:] if line != NOTHING_YET]
    found: Offsets = {}
    for offsets in sources:
        if not isinstance(offsets, dict) or not all(isinstance(partitions, dict) for partitions in offsets.values()):
            return None
        found |= offsets
    return found if sources else None


def _last_json(file: StoragePath) -> Any:  # noqa: ANN401 - any JSON
    return _json((_lines(file) or [""])[-1])


def _json(line: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(line)
    except ValueError:
        return None


def _lines(file: StoragePath) -> list[str]:
    try:
        return file.read().decode().splitlines()
    except ConnectionError:
        raise  # that its server is away does not mean that the file is damaged
    except (OSError, ValueError):
        return []
