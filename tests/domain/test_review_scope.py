"""Only what is new is looked at where it is certain what the last review saw; else all of it."""

import pytest

from bot.domain.ids import CommitSha
from bot.domain.review_scope import Scope, Seen, decide_scope, has_focus

OLD, NEW = CommitSha("a" * 40), CommitSha("b" * 40)
BASE, OTHER = CommitSha("c" * 40), CommitSha("d" * 40)
LAST, NOW = Seen(OLD, BASE), Seen(NEW, BASE)


@pytest.mark.parametrize(
    "text", ["", "review", "Review this", "review this please.", "please review the PR", "review it!"]
)
def test_asking_for_a_review_is_no_focus(text: str) -> None:
    assert not has_focus(text)


@pytest.mark.parametrize("text", ["review again", "review mind the division", "review everything", "the SQL"])
def test_asking_for_more_is_one(text: str) -> None:
    assert has_focus(text)


def test_a_head_built_upon_the_last_one_is_looked_at_from_there() -> None:
    assert decide_scope(LAST, NOW, "review", grown=True) == Scope(OLD)


@pytest.mark.parametrize(
    ("last", "now", "instruction", "grown", "said"),
    [
        (None, NOW, "", True, ""),
        (LAST, NOW, "review mind the division", True, ""),
        (LAST, LAST, "", False, ""),
        (LAST, Seen(NEW, OTHER), "", True, "the base has moved"),
        (LAST, NOW, "", False, "history was rewritten"),
    ],
)
def test_else_all_of_it_is_looked_at_and_the_reason_is_said(
    last: Seen | None, now: Seen, instruction: str, grown: bool, said: str
) -> None:
    scope = decide_scope(last, now, instruction, grown=grown)
    assert scope.since == ""
    assert said in scope.why
    assert bool(said) == bool(scope.why)
