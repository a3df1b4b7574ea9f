import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.check_requests import asks_for_repair


@pytest.mark.parametrize(
    "text",
    [
        "fix the CI failures",
        "Fix CI",
        "fix CI, please!",
        "please fix the failing checks",
        "repair the broken pipeline",
        "make the build pass again",
        "get CI green",
        "fix all the failed checks on this PR",
        "fix the GitHub Actions errors",
    ],
)
def test_a_request_for_a_repair_is_one(text: str) -> None:
    assert asks_for_repair(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fix",
        "fix this",
        "fix the failing tests",
        "fix the CI failures and rename `x`",
        "speed up CI",
        "fix circles",
    ],
)
def test_what_asks_for_more_or_else_is_none(text: str) -> None:
    assert not asks_for_repair(text)


@given(
    st.lists(
        st.sampled_from(["please", " ", "fix", "ci", "the", "all the", "failures", ",", "x"]), max_size=60
    )
)
def test_no_text_takes_long(words: list[str]) -> None:
    begun = time.process_time()
    asks_for_repair("".join(words))
    assert time.process_time() - begun < 1.0
