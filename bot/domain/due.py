"""When a schedule is due: `daily`, `weekly mon` or five cron fields, in a zone with its summer time. Pure.

Times of day are the zone's own. One that does not exist (the clock goes forward) comes an hour later, one that there
is twice (the clock goes back) comes the first time only. What names no minute gets one from a hash of repository and
name, so that a thousand repositories do not begin at midnight.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.limits import SCHEDULE_CATCH_UP_S, SCHEDULE_NIGHT_HOURS

DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_FIELD: Final = re.compile(rf"(?:[0-9*/,-]|{'|'.join(DAYS)}|{_MONTHS}){{1,60}}")
_MINUTE: Final = re.compile(r"\*|[0-5]?[0-9]")
_GAP_S: Final = 3 * 3_600.0  # no zone's clock jumps further


class WhenFault(ValueError):
    """It is no time; the message says what one looks like."""


@dataclass(frozen=True)
class When:
    """Five cron fields. An `*` for the minute stands for the scattered one; `night`: for the hour as well."""

    fields: tuple[str, str, str, str, str]
    night: bool = False


def parse_when(text: str) -> When:
    """Raises WhenFault."""
    words = text.lower().split()
    if words == ["daily"]:
        return When(("*", "*", "*", "*", "*"), night=True)
    if len(words) == 2 and words[0] == "weekly" and words[1][:3] in DAYS:
        return When(("*", "*", "*", "*", str(DAYS.index(words[1][:3]))), night=True)
    if len(words) != 5 or not all(_FIELD.fullmatch(word) for word in words):
        raise WhenFault("write `daily`, `weekly mon`, or five cron fields such as `0 3 * * 1-5`")
    if not _MINUTE.fullmatch(words[0]):
        raise WhenFault("once an hour is the most: the minute is one number, or `*` for any")
    when = When((words[0], words[1], words[2], words[3], words[4]))
    from croniter import CroniterError  # only those who have schedules wait for it

    try:
        next(_iterate(when, "", datetime(2026, 1, 1)))
    except (CroniterError, ValueError, KeyError) as error:
        raise WhenFault("these five cron fields name no time") from error
    return when


def parse_zone(name: str) -> ZoneInfo:
    """An IANA zone. Raises WhenFault."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}", name):
        raise WhenFault("write an IANA zone such as `Europe/Berlin` or `UTC`")
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise WhenFault(f"there is no zone `{name}`: write one such as `Europe/Berlin` or `UTC`") from error


def next_due(when: When, zone: ZoneInfo, name: str, after: float) -> float:
    """The first time after `after` (both in seconds since the epoch). `name`: repository and schedule, for the
    scatter. Raises WhenFault when there is none within half a century."""
    began = datetime.fromtimestamp(after - _GAP_S, zone).replace(tzinfo=None)
    times = _iterate(when, name, began)
    from croniter import CroniterBadDateError

    try:
        return next(found for local in times if (found := _instant(local, zone)) > after)
    except CroniterBadDateError as error:
        raise WhenFault("these five cron fields name no time") from error


def is_caught_up(slot: float, following: float, now: float) -> bool:
    """Whether a slot that is due still runs: always when it is on time; after downtime once, unless the next one
    comes soon anyway."""
    return now - slot < SCHEDULE_CATCH_UP_S or following - now > SCHEDULE_CATCH_UP_S


def scatter(name: str) -> tuple[int, int]:
    """(hour of the night, minute) of a schedule that names none: always the same for the same name."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return number // 60 % SCHEDULE_NIGHT_HOURS, number % 60


def _instant(local: datetime, zone: ZoneInfo) -> float:
    """Seconds since the epoch of a time of day in a zone; of two with the same name the first."""
    return local.replace(tzinfo=zone).astimezone(UTC).timestamp()


def _iterate(when: When, name: str, began: datetime) -> Iterator[datetime]:
    """Times of day, without a zone. Raises the library's errors."""
    from croniter import croniter

    hour, minute = scatter(name)
    fields = list(when.fields)
    fields[0] = str(minute) if fields[0] == "*" else fields[0]
    fields[1] = str(hour) if when.night else fields[1]
    times: Iterator[datetime] = croniter(" ".join(fields), began - timedelta(minutes=1), ret_type=datetime)
    return times
