"""structlog for every service: JSON where machines read (no terminal), colours where people do. Always on stderr."""

import logging
import sys

import structlog


def configure(service: str, level: str, style: str = "auto") -> None:
    """Set up logging for the whole process.

    `level` is a name of the logging module in any case; `style` is `json`, `pretty`, or `auto` (pretty on a terminal).
    """
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    renderers: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if pretty
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
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
