"""The edit tool where a table of folders would hide the point."""

import pytest

from bot.editing.edit import apply_edit
from bot.editing.match import Rung
from bot.errors import ForModel


def test_the_answer_shows_the_new_lines_with_numbers() -> None:
    content = "".join(f"line {n}\n" for n in range(1, 41)).encode()
    result = apply_edit(content, "line 20\n", "line 20\nnew 21\n", replace_all=False)
    assert result.span == (20, 21)
    assert result.message.splitlines() == [
        "Edited 1 place. Now:",
        *(f"    {n}| line {n}" for n in (17, 18, 19, 20)),
        "    21| new 21",
        *(f"    {n}| line {n - 1}" for n in (22, 23, 24)),
    ]


def test_a_long_change_is_shown_by_its_ends() -> None:
    result = apply_edit(b"x\n", "x\n", "".join(f"{n}\n" for n in range(500)), replace_all=False)
    assert len(result.message.splitlines()) <= 22
    assert "…" in result.message


def test_replace_all_shares_lines_and_counts_places() -> None:
    result = apply_edit(b"a a\r\nb\na\r\n", "a", "c\nd", replace_all=True)
    assert result.content == b"c\r\nd c\r\nd\r\nb\nc\r\nd\r\n"
    assert result.count == 2  # groups of lines


def test_replace_all_on_a_loose_rung() -> None:
    result = apply_edit(b"a \nb\na\t\n", "a\n", "c\n", replace_all=True)
    assert (result.content, result.rung) == (b"c\nb\nc\n", Rung.TRAILING_BLANKS)


def test_overlapping_places_are_not_unique() -> None:
    with pytest.raises(ForModel, match="matches 2 places: lines 1 and 2"):
        apply_edit(b"x\nx\nx\n", "x\nx\n", "y\n", replace_all=False)


def test_many_places_are_counted_not_listed() -> None:
    with pytest.raises(ForModel, match=r"matches 5000 places: .* and 4990 more"):
        apply_edit(b"x\n" * 5000, "x\n", "y\n", replace_all=False)


@pytest.mark.parametrize(
    ("content", "old", "new", "after"),
    [
        (b"a\nb", "\nb", "", b"a"),
        (b"a\nb\n", "b\n", "", b"a\n"),
        (b"a\nb\n", "b\n", "c", b"a\nc"),
        (b"a\nb", "b", "b\n", b"a\nb\n"),
        (b"a\r\nb\r\nc", "a\n", "", b"b\r\nc"),
        (b"ab\r\ncd\n", "b\nc", "x", b"axd\n"),
        (b"a\r\nb\n", "a\nb", "c", b"c\n"),
        (b"a\n\n\nb\n", "\n\n\n", "\n", b"a\nb\n"),
        (b"\xef\xbb\xbf", "x", None, None),
        (b"", "x", None, None),
    ],
)
def test_strings_mean_what_they_say(content: bytes, old: str, new: str | None, after: bytes | None) -> None:
    if after is None:
        with pytest.raises(ForModel, match="no match"):
            apply_edit(content, old, "y", replace_all=False)
    else:
        assert apply_edit(content, old, new or "", replace_all=False).content == after


def test_a_short_new_text_is_never_taken_for_an_edit_made_before() -> None:
    with pytest.raises(ForModel, match="no match"):
        apply_edit(b"a = 1\n", "b = 1", "1", replace_all=False)


@pytest.mark.timeout(110)  # quadratic work would take hours
def test_a_large_file_is_edited_and_missed_in_good_time() -> None:
    lines = [f"    value_{n} = compute(value_{n // 2}, {n})\n" for n in range(15_000)]
    content = "".join(lines).encode()
    apply_edit(content, "value_10000 = ", "other = ", replace_all=False)
    apply_edit(content, "compute", "c", replace_all=True)
    with pytest.raises(ForModel, match="Closest: lines 10001-10002"):
        apply_edit(
            content, "  value_10000 = compute(1)\nvalue_10001 = x(value_5000, 10001)", "y", replace_all=False
        )
