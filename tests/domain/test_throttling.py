"""What headers say of limits, in every form that a server may give them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.limits import RETRY_AFTER_DEFAULT_S, RETRY_AFTER_MOST_S
from bot.domain.throttling import is_limit, parse_retry_after, wait_for

NOW = 1_790_000_000.0


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A date without a zone is none of ours."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def date(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("0", 0.0),
        (date(NOW + 90), 90.0),
        (datetime.fromtimestamp(NOW + 90, UTC).strftime("%A, %d-%b-%y %H:%M:%S GMT"), 90.0),
        (datetime.fromtimestamp(NOW + 90, UTC).strftime("%a %b %d %H:%M:%S %Y"), 90.0),
        (date(NOW - 90), 0.0),
        ("9" * 400, RETRY_AFTER_MOST_S),
        (date(NOW + 10 * RETRY_AFTER_MOST_S), RETRY_AFTER_MOST_S),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("\N{ARABIC-INDIC DIGIT TWO}", None),
    ],
)
def test_the_pause_is_read_in_every_form(value: str, seconds: float | None, far_from_greenwich: None) -> None:
    assert parse_retry_after({"retry-after": value}, NOW) == seconds


def test_a_date_counts_from_the_servers_clock() -> None:
    assert parse_retry_after({"retry-after": date(NOW + 90), "date": date(NOW)}, NOW + 3_600.0) == 90.0


def test_without_a_pause_that_can_be_read_it_is_a_minute_and_never_less_than_a_second() -> None:
    assert wait_for({"retry-after": "soon"}, NOW) == RETRY_AFTER_DEFAULT_S
    assert wait_for({"retry-after": date(NOW + 90)}, NOW) == 90.0
    assert wait_for({"retry-after": "0"}, NOW) == 1.0
    assert wait_for({"retry-after": date(NOW - 90)}, NOW) == 1.0


def test_a_reset_that_is_no_number_is_no_time() -> None:
    spent = {"x-ratelimit-remaining": "0"}
    assert wait_for({**spent, "x-ratelimit-reset": "\N{SUPERSCRIPT TWO}"}, NOW) == RETRY_AFTER_DEFAULT_S
    assert wait_for({**spent, "x-ratelimit-reset": "9" * 400}, NOW) == RETRY_AFTER_MOST_S
    assert wait_for({**spent, "x-ratelimit-reset": f"{NOW + 9:.0f}"}, NOW) == 10.0


@given(st.text(), st.text(), st.text())
def test_no_header_breaks_it(after: str, reset: str, clock: str) -> None:
    headers = {"retry-after": after, "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, "date": clock}
    assert 1.0 <= wait_for(headers, NOW) <= RETRY_AFTER_MOST_S


@pytest.mark.parametrize(
    ("status", "headers", "words", "limited"),
    [
        (429, {}, "", True),
        (403, {"retry-after": "1"}, "Forbidden", True),
        (403, {"x-ratelimit-remaining": "0"}, "Forbidden", True),
        (403, {}, "You have exceeded a secondary Rate Limit.", True),
        (403, {}, "You have triggered an abuse detection mechanism.", True),
        (403, {"x-ratelimit-remaining": "10"}, "Resource not accessible by integration", False),
        (404, {"x-ratelimit-remaining": "0"}, "Not Found", False),
        (503, {"retry-after": "1"}, "", False),
    ],
)
def test_a_limit_is_429_or_a_403_that_says_so(
    status: int, headers: dict[str, str], words: str, limited: bool
) -> None:
    assert is_limit(status, headers, words) == limited
