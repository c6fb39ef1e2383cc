"""The way to PostgreSQL."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
"""What takes longer hangs: a batch has a few hundred thousand minutes at most."""


def engine(url: str, *, password: Callable[[], str | None] = lambda: None, application: str = "history") -> Engine:
    """Return what opens connections to `postgresql://user@host:port/database?sslmode=...` when they are needed.

    `password` is asked for each connection, where the address has none; a file that is not there yet is an error of
    that connection. `application` is what PostgreSQL's own views call it. Raises ValueError of another address.
    """
    address = make_url(url)
    if address.get_backend_name() != "postgresql" or not address.database:
        raise ValueError("expected postgresql://user@host:port/database")
    address = address.set(drivername="postgresql+psycopg")
    found = create_engine(
        address,
        pool_size=1,
        pool_pre_ping=True,
        connect_args={
            "application_name": application,
            "connect_timeout": CONNECT_SECONDS,
            # A host that is gone must not be waited for as long as TCP does.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_SECONDS}s",
        },
    )

    @event.listens_for(found, "do_connect")
    def _with_password(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:  # noqa: ANN401
        if "password" in parameters:
            return
        try:
            known = password()
        except OSError as error:
            raise SQLAlchemyError(f"the password can't be read: {error}") from error
        if known:
            parameters["password"] = known

    return found
