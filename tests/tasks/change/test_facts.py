"""Facts survive the task's row unchanged."""

import json

from bot.domain.budget import Spent
from bot.domain.evidence import Evidence, RunPurpose, RunRecord, TestProof, Tier
from bot.domain.follow_up import Way
from bot.domain.ids import CommitSha, TaskId, TreeSha
from bot.tasks.change.facts import (
    ChangeFacts,
    CommandFacts,
    FollowFacts,
    SetupFacts,
    SubmissionFacts,
    TurnFacts,
    parse_facts,
    render_facts,
)

TREE = TreeSha("a" * 40)


def test_a_new_task_knows_nothing() -> None:
    assert parse_facts({}) == ChangeFacts()


def test_all_facts_come_back_from_json() -> None:
    run = RunRecord(RunPurpose.BASELINE, TREE, "pytest", 1, "exit", 2.5, 3, 1, 0, 0, "0" * 64)
    proof = TestProof("tests/test_a.py::test_b", 2, 2, 3, 3, "assert 1 == 2")
    facts = ChangeFacts(
        base_commit=CommitSha("c" * 40),
        base_tree=TREE,
        comment=5,
        setup=SetupFacts("pip install -e .", "pyproject.toml", failed="no network"),
        test=CommandFacts("pytest", "python -m pytest", "pyproject.toml"),
        submission=SubmissionFacts("fixed", "Title", "Why", regression_tests=("a", "b"), questions=("q",)),
        tree=TREE,
        spent=Spent(turns=3, cost_usd=0.5, priced=False),
        plan=(("look", "completed"),),
        round=1,
        evidence=Evidence(
            CommitSha("c" * 40), TREE, TREE, Tier.A, "why", "pytest", "pytest", "none",
            runs=(run,), proofs=(proof,), notes=("a note",),
        ),
        pull=7,
        follow=FollowFacts(
            Way.PUSH, "agent/1-x", "main", CommitSha("d" * 40), CommitSha("e" * 40), origin=TaskId("t-1")
        ),
        turn=TurnFacts("debt", "Look.", draft=True, pull=4, over="f" * 40, result="updated"),
        outcome="proven",
    )  # fmt: skip
    assert parse_facts(json.loads(json.dumps(render_facts(facts)))) == facts


def test_names_of_a_newer_version_are_dropped() -> None:
    assert parse_facts({"comment": 3, "invented_later": True}) == ChangeFacts(comment=3)
