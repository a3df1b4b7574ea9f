"""The ladder: the first rung with a match decides, and each says how it matched."""

import pytest

from bot.editing.match import Haystack, Match, Rung, Shift, fold
from bot.errors import ForModel


@pytest.mark.parametrize(
    ("bodies", "block", "expected"),
    [
        (["a", "b"], ["b"], [Match(1, 2, Rung.EXACT)]),
        (["a ", "b\t"], ["a", "b"], [Match(0, 2, Rung.TRAILING_BLANKS)]),
        (["  a", "", "    b"], ["a", "   ", "  b"], [Match(0, 3, Rung.INDENTATION, Shift(add="  "))]),
        (["a", "  b"], ["\ta", "\t  b"], [Match(0, 2, Rung.INDENTATION, Shift(remove="\t"))]),
        (["“a” – b"], ['"a" - b'], [Match(0, 1, Rung.PUNCTUATION)]),
        (["\u00a0\u00a0a"], ["a"], [Match(0, 1, Rung.PUNCTUATION, Shift(add="  "))]),
        (["  a", "b"], ["a", "b"], []),  # not one shift for all lines
        (["\ta"], ["    a"], []),  # a tab is not four spaces
        (["ab"], ["b"], []),  # whole lines only
        ([" "], [""], []),  # blank lines alone match exactly or not at all
        (["x", "x", "x"], ["x", "x"], [Match(0, 2, Rung.EXACT), Match(1, 3, Rung.EXACT)]),
        ([], ["x"], []),
        (["x"], [], []),
    ],
)
def test_first_rung_decides(bodies: list[str], block: list[str], expected: list[Match]) -> None:
    assert Haystack(bodies).first_rung(block) == expected


def test_a_place_where_new_lines_can_not_be_outdented_is_no_match() -> None:
    hay = Haystack(["a"])
    assert hay.first_rung(["  a"], ["  b"]) == [Match(0, 1, Rung.INDENTATION, Shift(remove="  "))]
    assert hay.first_rung(["  a"], [" b"]) == []


def test_folding_keeps_offsets() -> None:
    text = "‘a’ “b” — c\u00a0…"
    assert len(fold(text)) == len(text)
    assert fold(text) == "'a' \"b\" - c …"


def test_a_block_that_overlaps_itself_everywhere_is_refused_quickly() -> None:
    with pytest.raises(ForModel, match="repeat too often"):
        Haystack(["x"] * 400_000).first_rung(["x"] * 100_000)
    with pytest.raises(ForModel, match="repeat too often"):
        Haystack([" x"] * 100_000).first_rung(["x"] * 1_000)
