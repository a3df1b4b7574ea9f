"""Which boxes an edit has changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.boxes import BEGIN, END, Box, Tick, find_ticks, render_box
from bot.texts.dashboard import replace_dashboard


def body(*lines: str) -> str:
    return "\n".join(("Hello", BEGIN, *lines, END, "Bye"))


def box(kind: Box = Box.RUN, name: str = "sums", on: bool = False) -> str:
    return f"{render_box(kind, name, on=on)} Run now"


def test_a_tick_and_its_taking_back_are_changes_and_nothing_else_is() -> None:
    assert find_ticks(body(box()), body(box(on=True))) == (Tick(Box.RUN, "sums", True),)
    assert find_ticks(body(box(on=True)), body(box())) == (Tick(Box.RUN, "sums", False),)
    assert find_ticks(body(box()), body("Words", box(), "more")) == ()
    assert find_ticks(body(box(), box(Box.PAUSE)), body(box(), box(Box.PAUSE, on=True))) == (
        Tick(Box.PAUSE, "sums", True),
    )


@pytest.mark.parametrize(
    "after",
    [
        box(on=True),  # no marks
        f"{BEGIN}\n{END}\n{box(on=True)}",  # outside of them
        f"{END}\n{box(on=True)}\n{BEGIN}",
        body(f"> {box(on=True)}"),  # a quote
        body(f"`{box(on=True)}`"),
        body(box(on=True).replace("sums", "../x")),
        body(box(on=True).replace("run:", "delete:")),
        body(box(name="other", on=True)),  # was not there before
    ],
)
def test_what_is_no_box_of_ours_is_none(after: str) -> None:
    assert find_ticks(body(box()), after) == ()


def test_line_ends_of_a_browser_are_no_matter() -> None:
    assert find_ticks(body(box()), body(box(on=True)).replace("\n", "\r\n")) == (Tick(Box.RUN, "sums", True),)


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_raises_and_the_same_text_changes_nothing(before: str, after: str) -> None:
    assert find_ticks(before, before) == ()
    assert find_ticks(body(before), body(before)) == ()
    find_ticks(before, after)


@given(st.text(alphabet="ab\n ", max_size=50), st.text(alphabet="ab\n ", max_size=50))
def test_what_people_write_around_our_part_stays(above: str, below: str) -> None:
    ours = f"{BEGIN}\nnew\n{END}"
    assert replace_dashboard(f"{above}{BEGIN}\nold\n{END}{below}", ours) == f"{above}{ours}{below}"
    assert replace_dashboard(f"{above}{below}", ours).endswith(f"{ours}\n")
