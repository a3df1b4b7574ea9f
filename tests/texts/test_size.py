from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import limits
from bot.domain.ids import TaskId
from bot.domain.outcomes import Outcome
from bot.texts.answers import Answer, render_answer
from bot.texts.checks import render_check
from bot.texts.endings import Ending, render_ending
from bot.texts.follow_ups import Pushed, render_pushed
from bot.texts.markers import tracking_marker
from bot.texts.size import fit
from tests.texts.examples import CHECKED

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
    assert fit("x" * 70_000).endswith("*[This text was too long for this place; the rest was cut.]*")


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1_500, 2_000))
@pytest.mark.parametrize("piece", ["a\n", "😀", "```\nx\n"])
def test_nothing_is_ever_longer_than_it_may_be(piece: str, text: str, room: int) -> None:
    cut = fit("<details>\n" * 5 + text + piece * 1_000, MARKER, room)
    assert len(cut) + sum(ord(one) > 0xFFFF for one in cut) <= room
    assert cut.endswith(MARKER)


def test_every_text_that_is_cut_says_where_the_whole_is() -> None:
    long, task = "word " * 20_000, tracking_marker(TaskId("t-17"))
    evidence = replace(CHECKED, notes=tuple(f"{number} {long[:490]}" for number in range(200)))
    answer = Answer(long, "ada", "c" * 40, "", task)
    pushed = Pushed(
        Outcome.CHECKED, "c" * 40, "b" * 40, "T", "S", evidence, "", task, page="https://hub/checks"
    )
    ending = Ending(Outcome.UNVERIFIED, "", "agent", evidence=evidence, marker=task)
    log = "in the task's log (`pullwright tasks export t-17`)"
    assert log in render_answer(answer)
    assert f"on [this page](https://hub/checks) and {log}" in render_pushed(pushed)
    assert log in render_ending(ending)
    assert (
        "on [this page](https://hub/comment)"
        in render_check(evidence, "", "f" * 64, "https://hub/comment").summary
    )
