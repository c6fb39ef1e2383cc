"""The people who may sign in: a file with a hash of each one's password, made by `make user`."""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

FILE = "users.json"
Role = Literal["viewer", "operator"]

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"

# OWASP's second choice for Argon2id: as strong as the first, in a small container's memory.
_HASHER = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
_NOBODYS = _HASHER.hash("nobody has this password")
"""What the password of an unknown name is compared with: the answer must take as long."""


class UsersError(Exception):
    """The file can't be read; the text says why."""


class User(BaseModel):
    """What the file has of a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    hash: str

    @property
    def fingerprint(self) -> str:
        """What a session remembers of the password: with another one it ends."""
        return hashlib.sha256(f"{self.role} {self.hash}".encode()).hexdigest()[:16]


_FORM = TypeAdapter(dict[str, User])


@dataclass(frozen=True)
class _Read:
    stamp: tuple[int, int]
    users: Mapping[str, User]


class Users:
    """The file's users, as they are now. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._read: _Read | None = None
        # A hash takes 19 MiB: one at a time.
        self._hashing = threading.Lock()

    def all(self) -> Mapping[str, User]:
        """Return the users by name, none without a file. Raises UsersError."""
        try:
            found = self._file.stat()
            stamp = found.st_mtime_ns, found.st_size
            if self._read is None or self._read.stamp != stamp:
                self._read = _Read(stamp, _FORM.validate_json(self._file.read_bytes()))
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise UsersError(f"{self._file}: expected users, as `make user` writes them: {error}") from error
        return self._read.users

    def verified(self, name: str, password: str) -> User | None:
        """Return a user whose password this is, else None. Raises UsersError."""
        user = self.all().get(name)
        with self._hashing:
            try:
                _HASHER.verify(user.hash if user else _NOBODYS, password)
            except (VerificationError, InvalidHashError):
                return None
        return user

    def put(self, name: str, role: Role, password: str) -> None:
        """Add a user, or give one another password or role. Raises UsersError and OSError."""
        users = {**self.all(), name: User(role=role, hash=_HASHER.hash(password))}
        self._write(users)

    def remove(self, name: str) -> bool:
        """Remove a user; say whether there was one. Raises UsersError and OSError."""
        users = dict(self.all())
        if users.pop(name, None) is None:
            return False
        self._write(users)
        return True

    def _write(self, users: Mapping[str, User]) -> None:
        """Replace the file in one step: a reader sees the old one or the new one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        text = json.dumps({name: user.model_dump() for name, user in sorted(users.items())}, indent=2) + "\n"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)
        self._read = None
