"""What the headers of an answer say of limits: whether one refused the request, and when to ask again. Pure.

The one place that reads Retry-After, for GitHub's API, for git and for models. Header names are lower-case. A date is
compared with the server's own clock when the answer names it, so that a wrong clock of ours does not count.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from bot.domain.limits import RETRY_AFTER_DEFAULT_S, RETRY_AFTER_MOST_S

_SECONDS: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_WORDS: Final = ("rate limit", "retry your request again later", "abuse detection")


def is_limit(status: int, headers: Mapping[str, str], words: str) -> bool:
    """Whether a primary or secondary limit refused the request: 429, or a 403 that says so. `words`: the server's."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return status == HTTPStatus.FORBIDDEN and speaks_of_limit(headers, words)


def speaks_of_limit(headers: Mapping[str, str], words: str) -> bool:
    """The same of a request that is known to be refused, whatever its status."""
    said = words.lower()
    return (
        "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or any(known in said for known in _WORDS)
    )


def wait_for(headers: Mapping[str, str], now: float) -> float:
    """Seconds that GitHub asks to wait: Retry-After, else until the reset, else a minute; at least 1. `now`: seconds
    since the epoch."""
    after = parse_retry_after(headers, now)
    if after is not None:
        return max(1.0, after)
    reset = _parse_seconds(headers.get("x-ratelimit-reset", ""))
    if headers.get("x-ratelimit-remaining") == "0" and reset is not None:
        return max(1.0, min(reset - server_time(headers, now) + 1.0, RETRY_AFTER_MOST_S))
    return RETRY_AFTER_DEFAULT_S


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by Retry-After, a number or a date; 0 to RETRY_AFTER_MOST_S. None: it is not there, or is
    neither."""
    value = headers.get("retry-after", "")
    seconds = _parse_seconds(value)
    if seconds is None:
        date = parse_date(value)
        if date is None:
            return None
        seconds = date - server_time(headers, now)
    return max(0.0, min(seconds, RETRY_AFTER_MOST_S))


def server_time(headers: Mapping[str, str], now: float) -> float:
    """The server's clock as the answer names it (whole seconds), else `now`."""
    date = parse_date(headers.get("date", ""))
    return now if date is None else date


def parse_date(value: str) -> float | None:
    """A date of HTTP in seconds since the epoch; the old form names no zone, and all are GMT. None: it is none."""
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _parse_seconds(value: str) -> float | None:
    return float(value) if _SECONDS.fullmatch(value.strip()) else None
