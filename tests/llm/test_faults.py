"""What a failed request means."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import ContextOverflow
from bot.llm.faults import Failure, decide_fault, parse_retry_after


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure(429, "rate_limit_exceeded", "slow down", 3.0), RetryLater),
        (Failure(429, "insufficient_quota", "You exceeded your current quota"), ModelFault),
        (Failure(400, "context_length_exceeded", "too long"), ContextOverflow),
        (Failure(500, "", "the request exceeds the available context size"), ContextOverflow),
        (Failure(413, "", "Request too large for model"), ContextOverflow),
        (Failure(400, "", "unknown parameter"), ModelFault),
        (Failure(401, "invalid_api_key", "no"), ModelFault),
        (Failure(404, "model_not_found", "no such model"), ModelFault),
        (Failure(500, "", "oops"), RetryLater),
        (Failure(503, "", "overloaded"), RetryLater),
        (Failure(None, "server_error", "broke in the stream"), RetryLater),
    ],
)
def test_each_failure_has_one_meaning(failure: Failure, kind: type[Exception]) -> None:
    assert type(decide_fault(failure)) is kind


def test_a_final_fault_has_a_remedy() -> None:
    fault = decide_fault(Failure(404, "", "no such model"))
    assert isinstance(fault, ModelFault)
    assert "PULLWRIGHT_MODEL" in fault.remedy


def test_error_pages_are_one_short_line() -> None:
    fault = decide_fault(Failure(502, "", "<html>\n" + "x " * 5_000))
    assert "\n" not in str(fault)
    assert len(str(fault)) < 400


def test_the_pause_is_read_in_every_form() -> None:
    now = 1_790_000_000.0
    date = format_datetime(datetime.fromtimestamp(now + 30, UTC), usegmt=True)
    assert parse_retry_after({"retry-after-ms": "1500"}, now) == 1.5
    assert parse_retry_after({"retry-after": "7"}, now) == 7.0
    assert parse_retry_after({"retry-after": date}, now) == 30.0
    assert parse_retry_after({}, now) == 0.0
    assert parse_retry_after({"retry-after": "soon"}, now) == limits.MODEL_RETRY_WAIT_MAX_S


@given(st.text())
def test_no_header_breaks_it(value: str) -> None:
    assert parse_retry_after({"retry-after": value}, 0.0) >= 0.0
