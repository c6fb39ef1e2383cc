"""The way to the history: whether it is there, and questions to it. Without it the page shows what is live."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger()

Answer = TypeVar("Answer")


class NoHistory(Exception):  # noqa: N818 - it is a state, not a mistake
    """The database can't be asked now; `is_off`: there is none."""

    def __init__(self, *, is_off: bool) -> None:
        super().__init__("no history is kept" if is_off else "the history can't be read now")
        self.is_off = is_off


class Past:
    """Asks the database. For several threads."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine

    @property
    def is_off(self) -> bool:
        """Whether no history is kept here."""
        return self._engine is None

    def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Return an answer. Raises NoHistory."""
        if self._engine is None:
            raise NoHistory(is_off=True)
        try:
            with self._engine.connect() as connection:
                return question(connection)
        except SQLAlchemyError as error:
            log.warning("the history can't be read", cause=str(error).partition("\n")[0])
            raise NoHistory(is_off=False) from error

    def answer_seconds(self) -> float | None:
        """Return how long the database takes to answer; None if it does not."""
        begun = time.monotonic()
        try:
            self.ask(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
        except NoHistory:
            return None
        return time.monotonic() - begun
