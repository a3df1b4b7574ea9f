"""Nothing is longer than GitHub takes, and nothing is lost on the way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from bot.domain import limits
from bot.texts.sanitise import fenced
from bot.texts.size import count_units, fit, measure_words, render_page, split_pages

MARKER = "\n<!-- pullwright:pull:t-17 -->\n"
MARK = "<!-- pullwright:task:t-17 -->"
PAGE = "on [this page](https://hub/o/r/commit/abc/checks)"


def test_what_fits_is_left_alone() -> None:
    assert fit("short", MARKER, PAGE) == f"short{MARKER}"


def test_a_cut_text_says_where_the_whole_is() -> None:
    text = fit("word " * 20_000, MARKER, PAGE)
    assert len(text) <= limits.BODY_CHARACTERS
    assert text.endswith(MARKER)
    assert f"The whole is {PAGE}." in text


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1_500, 2_000))
@pytest.mark.parametrize("piece", ["a\n", "😀", "```\nx\n"])
def test_nothing_is_ever_longer_than_it_may_be(piece: str, text: str, room: int) -> None:
    cut = fit("<details>\n" * 5 + text + piece * 1_000, MARKER, "there", room)
    assert count_units(cut) <= room
    assert cut.endswith(MARKER)


def test_words_are_measured_as_people_see_them() -> None:
    assert measure_words("plain") == 5
    assert measure_words("<a") == len("&lt;a")
    assert measure_words("😀") == 2
    assert measure_words("a\u200bb") == 2


# -- pages ------------------------------------------------------------------------------------------------


def test_a_short_body_is_one_page_and_stays_as_it_is() -> None:
    body = f"Hello.\n\n{MARK}\n"
    assert split_pages(body, MARK) == (body,)
    assert render_page((body,), 0, (), MARK) == body


def test_a_long_body_goes_on_where_it_was_cut(snapshot: SnapshotAssertion) -> None:
    table = "| test | result |\n|---|---|\n" + "\n".join(f"| `t{n}` | passed |" for n in range(40))
    patch = fenced("\n".join(f"+line {n}" for n in range(60)), "diff")
    body = (
        f"First.\n\n{table}\n\n<details><summary>The change</summary>\n\n{patch}\n\n</details>\n\n<sub>End.</sub>\n"
        f"{MARK}\n"
    )
    pages = split_pages(body, MARK, 1_500)
    addresses = tuple(f"https://hub/{n}" for n in range(len(pages)))
    assert [render_page(pages, n, addresses, MARK) for n in range(len(pages))] == snapshot


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a" * 90, "😀" * 40, "```", "````diff", "| a |", "<b>" * 30, "x" * 900, ""]))
)
def test_pages_fit_and_hold_every_word(lines: list[str]) -> None:
    numbered = [f"w{at}. {line}" if line[:1] not in ("`", "|", "") else line for at, line in enumerate(lines)]
    body = "\n".join([*numbered, MARK])
    pages = split_pages(body, MARK, 1_600)
    rendered = [
        render_page(pages, at, tuple("https://hub/1" for _ in pages), MARK) for at in range(len(pages))
    ]
    # 1,000 are kept for what is added; there it is a line for each page.
    assert all(count_units(page) <= 1_600 + 60 * len(pages) for page in rendered)
    joined = "\n".join(pages)
    assert all(f"w{at}. " in joined for at, line in enumerate(lines) if line[:1] not in ("`", "|", ""))
    for page in pages[:-1] if len(pages) > 1 else ():
        assert _open_fences(page) == 0, page


def _open_fences(page: str) -> int:
    opened = ""
    for line in page.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if len(ticks) < 3:
            continue
        if not opened:
            opened = ticks
        elif len(ticks) >= len(opened) and line == ticks:
            opened = ""
    return len(opened)
