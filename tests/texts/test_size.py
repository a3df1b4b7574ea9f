import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import limits
from bot.texts.size import fit

MARKER = "\n<!-- pullwright:pull:t-17 -->\n"


def test_what_fits_is_left_alone() -> None:
    assert fit("short", MARKER, whole="https://hub/x") == f"short{MARKER}"


def test_a_cut_text_says_where_the_whole_is() -> None:
    text = fit("word " * 20_000, MARKER, whole="https://hub/o/r/commit/abc/checks")
    assert len(text) <= limits.BODY_CHARACTERS
    assert text.endswith(MARKER)
    assert "on [this page](https://hub/o/r/commit/abc/checks) and in the task's log" in text
    assert "`pullwright tasks export t-17`" in text


def test_without_a_page_and_a_task_it_only_says_that_it_was_cut() -> None:
    assert fit("x" * 70_000).endswith("*[This text was longer than GitHub takes; the rest was cut.]*")


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1_500, 2_000))
@pytest.mark.parametrize("piece", ["a\n", "😀", "```\nx\n"])
def test_nothing_is_ever_longer_than_it_may_be(piece: str, text: str, room: int) -> None:
    cut = fit("<details>\n" * 5 + text + piece * 1_000, MARKER, room)
    assert len(cut) + sum(ord(one) > 0xFFFF for one in cut) <= room
    assert cut.endswith(MARKER)
