"""The way to PostgreSQL."""

from sqlalchemy import Engine, create_engine, make_url

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
"""What takes longer hangs: a batch has a few hundred thousand minutes at most."""


def engine(url: str, *, password: str | None = None, application: str = "history") -> Engine:
    """Return what opens connections to `postgresql://user@host:port/database?sslmode=...` when they are needed.

    `application` is what PostgreSQL's own views call the connection. Raises ValueError of another address.
    """
    address = make_url(url)
    if address.get_backend_name() != "postgresql" or not address.database:
        raise ValueError("expected postgresql://user@host:port/database")
    address = address.set(drivername="postgresql+psycopg")
    if password is not None:
        address = address.set(password=password)
    return create_engine(
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
