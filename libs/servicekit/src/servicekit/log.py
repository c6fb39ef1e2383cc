"""structlog for every service: JSON where machines read (no terminal), colours where people do. Always on stderr."""

import io
import json
import logging
import sys
from typing import Any, TextIO

import structlog

from servicekit.plain import plain


def configure(service: str, level: str, style: str = "auto") -> None:
    """Set up logging for the whole process. Each event is one line, and what others have written in it is harmless.

    `level` is a name of the logging module in any case; `style` is `json`, `pretty`, or `auto` (pretty on a terminal).
    """
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    renderers: list[structlog.typing.Processor] = (
        [_plain_texts, structlog.dev.ConsoleRenderer(exception_formatter=_plain_traceback)]
        if pretty
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False), _harmless]
    )
    structlog.configure(
        processors=[
            # Not a context variable: other threads (Kafka's callbacks, the reporter) name the service too.
            _named(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _named(service: str) -> structlog.typing.Processor:
    def add_service(
        _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    return add_service


def _plain_texts(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    # Before the renderer, whose colours are control characters; what is no text it shows by its `repr`.
    return {plain(name): plain(value) if isinstance(value, str) else value for name, value in event.items()}


def _plain_traceback(stream: TextIO, error: structlog.typing.ExcInfo) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write("\n".join(map(plain, text.getvalue().split("\n"))))


def _harmless(_logger: structlog.typing.WrappedLogger, _method: str, line: Any) -> str:  # noqa: ANN401 - it is text
    """Write out as JSON does what JSON may hold raw but a terminal would obey: C1 controls, changes of direction."""
    text = str(line)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
