"""Who is signed in: a signed cookie, which ends by time, and with the password that it was made with."""

import contextlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from web.people.users import Role, Users

COOKIE = "sesi"
SECONDS = 12 * 3600
"""A shift."""

SECRET = "secret"  # noqa: S105 - it is a file's name
SECRET_BYTES = 32


@dataclass(frozen=True)
class Person:
    """Who is signed in. `token` must come back with each form: another site cannot know it."""

    name: str
    role: Role
    token: str

    @property
    def may_act(self) -> bool:
        """Whether this person's word changes anything."""
        return self.role == "operator"


class Sessions:
    """Makes and reads the cookies. Instances with the same folder know each other's."""

    def __init__(self, users: Users, secret: bytes) -> None:
        self._users = users
        self._secret = secret
        self._signer = URLSafeTimedSerializer(secret, salt="session")

    def begin(self, name: str) -> str:
        """Return the cookie of a user who has just signed in."""
        nonce = secrets.token_hex(8)
        return str(self._signer.dumps([name, self._users.all()[name].fingerprint, nonce]))

    def person(self, cookie: str | None) -> Person | None:
        """Return who a cookie is of; None of one that is forged, or has ended. Raises UsersError."""
        if not cookie:
            return None
        try:
            name, fingerprint, _nonce = self._signer.loads(cookie, max_age=SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        user = self._users.all().get(name)
        if user is None or not hmac.compare_digest(user.fingerprint, str(fingerprint)):
            return None
        return Person(name, user.role, self._token(cookie))

    def _token(self, cookie: str) -> str:
        return hmac.new(self._secret, b"form " + cookie.encode(), "sha256").hexdigest()


def secret_in(folder: Path) -> bytes:
    """Return the folder's secret, which the first to ask makes. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SECRET
    if not file.exists():
        new = folder / f".{secrets.token_hex(8)}"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(secrets.token_bytes(SECRET_BYTES))
        # Whole or not there; of two instances the first one's counts.
        with contextlib.suppress(FileExistsError):
            os.link(new, file)
        new.unlink()
    return file.read_bytes()
