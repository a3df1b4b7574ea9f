"""One line of structured log for each event, to standard error. Configured by the commands, never at import.

Must never be given a secret, a token, a payload's body or a model's text.
"""

import logging
import sys

import structlog


def configure_log(level: int = logging.INFO) -> None:
    """Key-value lines with a UTC time, for people and for `grep` alike."""
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
