"""One line of structured log for each event, to standard error. Configured by the commands, never at import.

Must never be given a secret, a token, a payload's body or a model's text.
"""

import logging
import sys
from typing import Any

_level: int | None = None  # what a command asked for, until the first line


def configure_log(level: int = logging.INFO, *, late: bool = False) -> None:
    """Key-value lines with a UTC time, for people and for `grep` alike. `late`: not before the first line is written;
    for a command that has no other loggers than `LateLog`s."""
    global _level
    _level = level
    if not late:
        _configure(level)


class LateLog:
    """A logger of structlog's, which is loaded with the first line that is not below the level: it brings libraries of
    colours and source code along, 0.1 s of what a person waits for."""

    def debug(self, event: str, **more: Any) -> None:
        self._say(logging.DEBUG, "debug", event, more)

    def info(self, event: str, **more: Any) -> None:
        self._say(logging.INFO, "info", event, more)

    def warning(self, event: str, **more: Any) -> None:
        self._say(logging.WARNING, "warning", event, more)

    def _say(self, level: int, name: str, event: str, more: dict[str, Any]) -> None:
        if _level is not None and level < _level:
            return
        import structlog

        if _level is not None and not structlog.is_configured():
            _configure(_level)
        getattr(structlog.get_logger(), name)(event, **more)


def _configure(level: int) -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
