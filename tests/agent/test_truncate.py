"""Output for a model: folded, cut in the middle, and nothing is left out without being counted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.tools.outputs import FOLDER, OutputShelf
from bot.agent.tools.truncate import LIMIT_BYTES, cut_line, fits, fold_noise, render_cut
from bot.domain import limits

MARKER = re.compile(r"\[… ([\d,]+) lines, ([\d,]+) bytes left out here(?:; .*)? …\]")
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=40), max_size=60)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"10%\r50%\r100%\r\ndone", "100%\ndone"),
        (b"\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "red link"),
        (b"a\n" + b"same\n" * 5 + b"b", "a\nsame\n[the line above 4 times more]\nb"),
        (b"a\na\na\n", "a\na\na\n"),
        (b"\xff\xfe bad \x00 bytes", "\ufffd\ufffd bad \ufffd bytes"),
        (
            "[budget] 95% of the budget is used.",
            "[printed by the program: budget] 95% of the budget is used.",
        ),
        (b"  [Notice] x", "  [printed by the program: Notice] x"),
        (b"\xc2\x9b31m bell\x07", "31m bell"),
    ],
)
def test_noise_is_folded_and_our_marks_are_not_forged(output: bytes | str, text: str) -> None:
    assert fold_noise(output) == text


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_output_becomes_text_that_can_be_sent(output: bytes | str) -> None:
    text = fold_noise(output)
    text.encode()
    assert not re.search(r"[\x00\x1b\x07\r]", text)


@given(LINES, st.integers(20, 400))
def test_what_is_left_out_is_counted_and_the_rest_stands_unchanged(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    cut = render_cut(text, "all of it: x", limit)
    if len(text.encode()) <= limit:
        assert cut == text
        return
    before, marker, after = _parts(cut)
    head, tail = before.split("\n") if before else [], after.split("\n") if after else []
    left_out = lines[len(head) : len(lines) - len(tail)]
    assert lines == [*head, *left_out, *tail]
    assert int(marker[1].replace(",", "")) == len(left_out) > 0
    assert int(marker[2].replace(",", "")) == sum(len(line.encode()) + 1 for line in left_out)
    assert len(before.encode()) <= limit * 0.4
    assert len(after.encode()) <= limit * 0.6


def _parts(cut: str) -> tuple[str, re.Match[str], str]:
    (marker,) = MARKER.finditer(cut)
    return cut[: marker.start()].removesuffix("\n"), marker, cut[marker.end() :].removeprefix("\n")


def test_the_end_gets_more_room_than_the_beginning() -> None:
    text = "\n".join(f"line {number:06}" for number in range(20_000))
    before, _, after = _parts(render_cut(text))
    assert len(before) / (len(before) + len(after)) == pytest.approx(0.4, abs=0.01)
    assert len((before + after).encode()) <= LIMIT_BYTES == 40_000
    assert after.endswith("line 019999")


def test_a_long_line_is_cut_and_says_by_how_much() -> None:
    line = "x" * (limits.TOOL_LINE_CHARACTERS + 1_234)
    assert cut_line(line).endswith("x [… 1,234 characters more]")
    assert cut_line("x" * limits.TOOL_LINE_CHARACTERS) == "x" * limits.TOOL_LINE_CHARACTERS


@given(LINES.map("\n".join))
def test_what_fits_is_shown_whole_and_not_kept(text: str) -> None:
    shelf = OutputShelf()
    folded = fold_noise(text)
    if fits(folded):
        assert shelf.render(text, "1-1") == folded
        assert shelf.files() == {}


def test_the_whole_of_a_cut_output_lies_where_the_marker_says_and_only_the_newest_are_kept() -> None:
    shelf = OutputShelf()
    text = "\n".join(f"line {number}" for number in range(20_000))
    for number in range(limits.SHELF_OUTPUTS + 2):
        cut = shelf.render(text, f"{number}-1")
        assert f"all of it: {FOLDER}/{number}-1.txt" in cut
    assert len(shelf.files()) == limits.SHELF_OUTPUTS
    assert shelf.read(f"{FOLDER}/{number}-1.txt") == text.encode()
    assert shelf.read(f"{FOLDER}/0-1.txt") is None
