"""Ends as rows name them."""

import pytest

from bot.domain.outcomes import Outcome, parse_outcome


@pytest.mark.parametrize("outcome", Outcome)
def test_an_end_is_read_as_it_is_written(outcome: Outcome) -> None:
    assert parse_outcome(outcome.value) is outcome


def test_an_end_of_a_newer_version_is_an_end() -> None:
    assert parse_outcome("a word of next year") is Outcome.CRASHED
