"""After a verification: publish, work again, or hand over."""

import pytest

from bot.domain import limits
from bot.domain.evidence import Evidence, RunPurpose, RunRecord, Tier
from bot.domain.ids import CommitSha, TreeSha
from bot.tasks.change.rounds import HandOver, Publish, WorkAgain, decide_round, render_feedback

TREE = TreeSha("a" * 40)


def measured(tier: Tier, **more: object) -> Evidence:
    return Evidence(CommitSha("c" * 40), TREE, TREE, tier, "the reason", "pytest", "pytest", "none", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("rounds", [0, 1, 2])
@pytest.mark.parametrize("tier", [Tier.A, Tier.C])
def test_proven_and_untestable_changes_are_published(tier: Tier, rounds: int) -> None:
    assert decide_round(measured(tier), rounds) == Publish()


def test_a_change_without_proof_goes_back_once() -> None:
    first = decide_round(measured(Tier.B), 0)
    assert isinstance(first, WorkAgain)
    assert "fail by its assertion" in first.feedback
    assert decide_round(measured(Tier.B), 1) == Publish()


def test_red_goes_back_twice_and_is_then_handed_over() -> None:
    answers = [decide_round(measured(Tier.D), rounds) for rounds in range(limits.VERIFY_ROUNDS + 1)]
    assert [type(answer) for answer in answers] == [WorkAgain, WorkAgain, HandOver]


def test_the_feedback_names_what_broke() -> None:
    run = RunRecord(RunPurpose.WHOLE_PATCH, TREE, "pytest -q", 1, "exit", 1.0, 3, 2, 0, 0, "0" * 64)
    ids = tuple(f"tests/test_a.py::test_{n}" for n in range(14))
    text = render_feedback(measured(Tier.D, regressions=ids, missing=("gone",), runs=(run,), notes=("N",)))
    assert text.splitlines()[0] == "[verification] Tier D: the reason"
    assert "test_9 and 4 more" in text
    assert "missing from the report: gone" in text
    assert "`pytest -q` ended with exit code 1, 2 failed" in text
    assert "Note: N" in text
