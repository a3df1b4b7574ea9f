import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.base_choice import BaseWish, find_base_line, list_wishes
from bot.domain.flags import is_branch_name
from bot.domain.repo_sections import BaseConfig


@pytest.mark.parametrize(
    ("text", "branch"),
    [
        ("It fails.\n\nBase: dev\n", "dev"),
        ("base branch: `release/1.2`", "release/1.2"),
        ("- **Target branch:** next\r\nMore", "next"),
        ("**Base**: next", "next"),
        ("### Base branch\n\nrelease/1.2\n\n### What\n", "release/1.2"),
        ("The base: it is wrong", ""),
        ("Base: the one with the bug", ""),
        ("database: dev", ""),
        ("Base: --upload-pack=x", ""),
        ("Base: a..b", ""),
        ("Base:", ""),
        ("", ""),
    ],
)
def test_a_line_of_the_issue_names_the_base(text: str, branch: str) -> None:
    assert find_base_line(text, "MEMBER") == branch


@pytest.mark.parametrize("association", ["NONE", "CONTRIBUTOR", "FIRST_TIMER", ""])
def test_the_words_of_a_stranger_choose_nothing(association: str) -> None:
    assert find_base_line("Base: dev", association) == ""


@given(st.text(max_size=300))
def test_whatever_is_found_is_a_branch_that_git_could_have(text: str) -> None:
    found = find_base_line(f"Base: {text}", "OWNER")
    assert found == "" or is_branch_name(found)


def test_text_goes_before_milestone_goes_before_file() -> None:
    config = BaseConfig(branch="develop", milestone="release/*")
    assert list_wishes("dev", "1.2", config) == (
        BaseWish("dev", "the issue's text"),
        BaseWish("release/1.2", "the milestone `1.2`", must=False),
        BaseWish("develop", "`base` in `.github/pullwright.yml`"),
    )


def test_a_milestone_whose_title_is_no_branch_asks_for_none() -> None:
    assert list_wishes("", "Version 2: the rest", BaseConfig()) == ()
    assert list_wishes("", "", BaseConfig(milestone="release")) == ()
