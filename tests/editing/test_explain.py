"""Texts that converge: the nearest region, what differs, names that may have been meant."""

import pytest

from bot.editing.explain import list_lines, near_miss, number_lines, similar_names


def test_differences_show_tabs_and_blanks() -> None:
    text = near_miss(["def f():", "\treturn 1  ", "end"], ["def f():", "        return 1", "end "])
    assert text.splitlines() == [
        "Closest: lines 1-3 of 3; 1 of 3 lines the same.",
        "- line 2 begins with 1 tab where you sent 8 spaces",
        "- line 3 ends in other blanks: `end` vs yours `end·`",
        "They read:",
        "     1| def f():",
        "     2| \treturn 1  ",
        "     3| end",
    ]


def test_rare_lines_outweigh_common_ones() -> None:
    bodies = ["if a:", "}"] * 30 + ["special case here", "}"] + ["if a:", "}"] * 30
    assert near_miss(bodies, ["if b:", "special case here", "}"]).startswith("Closest: lines 60-62 ")


def test_a_single_line_is_found_by_its_words() -> None:
    bodies = ["import os", "total = compute_total(items, tax)", "print(total)"]
    text = near_miss(bodies, ["total = compute_total(items)"])
    assert text.startswith("Closest: line 2 of 3")
    assert "is `total = compute_total(items, tax)` where you sent `total = compute_total(items)`" in text


def test_nothing_alike_shows_the_beginning() -> None:
    assert near_miss(["a", "b"], ["zebra crossing"]).endswith("The file begins:\n     1| a\n     2| b")


def test_a_block_that_hangs_over_the_end_is_said_so() -> None:
    assert "the file ends at line 2; you sent `gamma`" in near_miss(
        ["alpha", "beta"], ["alpha", "beta", "gamma"]
    )


def test_texts_are_bounded() -> None:
    bodies = [f"{'x' * 5_000} {n}" for n in range(3_000)]
    text = near_miss(bodies, [body + "!" for body in bodies])
    assert len(text) < 12_000
    assert len(number_lines(bodies, 0, 3_000).splitlines()) <= 21


@pytest.mark.parametrize(
    ("starts", "total", "text"),
    [
        ([4], None, "line 5"),
        ([13, 87, 202], None, "lines 14, 88 and 203"),
        (list(range(12)), 40, "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 30 more"),
    ],
)
def test_lists_of_lines(starts: list[int], total: int | None, text: str) -> None:
    assert list_lines(starts, total) == text


def test_similar_names() -> None:
    names = ["src/util.py", "src/utils/__init__.py", "docs/Util.md", "lib/deep/parser.py"]
    assert similar_names("src/utl.py", names) == ["src/util.py"]
    assert similar_names("parser.py", names) == ["lib/deep/parser.py"]
    assert similar_names("nothing_like_it.rs", names) == []
