"""Whether a fresh attempt is worth it, what it is told, and which of several is the best."""

from dataclasses import replace

import pytest

from bot.domain.budget import Budget, Spent, add_spent, remaining
from bot.domain.evidence import Evidence, TestProof, Tier
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.outcomes import Outcome
from bot.tasks.change.attempts import (
    Candidate,
    choose_best,
    decide_fresh,
    find_tied,
    render_choice,
    render_earlier,
)

TREE = TreeSha("a" * 40)
RED = Evidence(CommitSha("c" * 40), TREE, TREE, Tier.D, "2 tests broke.", "pytest", "pytest", "none")
BUDGET = Budget(turns=100, tokens=1_000_000, money_usd=10.0, minutes=60)


def candidate(
    number: int, tier: Tier | None, broken: int = 0, size: int = 10, failed_others: int = 0
) -> Candidate:
    evidence = replace(RED, tier=tier, regressions=tuple("abcdefgh"[:broken])) if tier else None
    return Candidate(number, Outcome.UNVERIFIED, TREE, evidence, size, failed_others)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (candidate(1, Tier.D), candidate(2, Tier.B)),
        (candidate(1, Tier.B), candidate(2, Tier.A)),
        (candidate(1, None), candidate(2, Tier.D, broken=5)),
        (candidate(1, Tier.D, broken=3), candidate(2, Tier.D, broken=1, size=900)),
        (candidate(1, Tier.A, failed_others=1), candidate(2, Tier.A, size=900)),
        (candidate(1, Tier.A, size=50), candidate(2, Tier.A, size=4)),
        (candidate(2, Tier.A), candidate(1, Tier.A)),
    ],
)
def test_what_was_measured_decides_and_then_the_smaller_change(worse: Candidate, better: Candidate) -> None:
    assert choose_best((worse, better)) is better
    assert choose_best((better, worse)) is better


def test_tests_of_others_are_asked_only_where_they_decide() -> None:
    first, second = candidate(1, Tier.A), replace(candidate(2, Tier.A), tree=TreeSha("b" * 40))
    assert find_tied((first, second, candidate(3, Tier.B))) == (first, second)
    assert find_tied((first, candidate(2, Tier.B), candidate(3, None))) == (), "one is ahead"
    assert find_tied((first, candidate(2, Tier.A))) == (), "the same change twice"
    assert find_tied((candidate(1, None), candidate(2, None))) == ()
    chosen = replace(second, failed_others=1)
    said = "Chosen among 3 attempts; 2 of 3 regression tests of the others pass with its code."
    assert render_choice(chosen, 3, 3) == said


def test_a_red_end_gets_one_fresh_attempt_while_enough_is_left() -> None:
    spent = Spent(turns=50, input_tokens=500_000, cost_usd=5.0, seconds=1800)
    assert decide_fresh(RED, 1, spent, BUDGET)
    assert not decide_fresh(RED, 2, spent, BUDGET), "one, not more"
    assert not decide_fresh(replace(RED, tier=Tier.B), 1, spent, BUDGET), "nothing broke"
    for bound in ({"turns": 61}, {"cost_usd": 6.1}, {"seconds": 2200.0}, {"input_tokens": 610_000}):
        assert not decide_fresh(RED, 1, replace(spent, **bound), BUDGET), bound


def test_two_attempts_never_cost_more_than_one_task_may() -> None:
    spent = Spent(turns=50, input_tokens=500_000, cost_usd=5.0, seconds=1800, priced=False)
    assert remaining(BUDGET, spent) == Budget(turns=50, tokens=500_000, money_usd=5.0, minutes=30)
    assert remaining(BUDGET, replace(spent, turns=100, cost_usd=11.0)).turns == 1
    both = add_spent(spent, Spent(turns=2, output_tokens=7, cost_usd=0.5))
    assert (both.turns, both.tokens, both.cost_usd, both.priced) == (52, 500_007, 5.5, False)


def test_the_note_is_short_and_says_what_was_measured_before_what_was_said() -> None:
    evidence = replace(
        RED, regressions=tuple(f"tests/test_{n}.py::test" for n in range(9)), missing=("gone",)
    )
    lines = render_earlier(evidence, "I changed\nthe parser. @ada").splitlines()
    assert len(lines) <= 10
    assert lines[1] == "Verification ended it: 2 tests broke."
    assert "tests/test_4.py::test and 4 more" in lines[2]
    assert lines[4].startswith("None of its tests")
    assert lines[5].startswith("What it said of itself: I changed the parser.")
    assert "@ada" not in lines[5]
    proof = TestProof("t", 2, 2, 3, 3, "")
    assert "None of its tests" not in render_earlier(replace(evidence, proofs=(proof,)), "")
