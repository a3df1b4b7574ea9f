"""What the tests of the base say before a turn is paid for, and what the model is told."""

import pytest

from bot.agent.context import render_task
from bot.agent.contract import AgentTask, Mode, RepositoryFacts
from bot.agent.maintenance import render_instruction
from bot.agent.tools.ask_person import ASK_PERSON
from bot.agent.tools.registry import tools_for
from bot.domain.ids import CommitSha, TreeSha
from bot.domain.repo_sections import BuiltIn
from bot.domain.schedules import ScheduleResult
from bot.llm.features import EditStyle
from bot.tasks.maintenance.ground import decide_early_end
from bot.verify.baseline import Baseline

GREEN = Baseline(passing=frozenset("ab"))
MIXED = Baseline(passing=frozenset("a"), failing=frozenset("b"))
RED = Baseline(failing=frozenset("ab"))
FLAKY = Baseline(passing=frozenset("a"), flaky=frozenset("b"))
BROKEN = Baseline(problem="it does not start")


@pytest.mark.parametrize(
    ("uses", "baseline", "result"),
    [
        (BuiltIn.FAILING_TESTS, GREEN, ScheduleResult.NOTHING_TO_DO),
        (BuiltIn.FAILING_TESTS, MIXED, None),
        (BuiltIn.FAILING_TESTS, RED, None),
        (BuiltIn.FAILING_TESTS, FLAKY, None),
        (BuiltIn.FAILING_TESTS, BROKEN, None),
        (BuiltIn.DEPENDENCIES, GREEN, None),
        (BuiltIn.DEPENDENCIES, MIXED, None),
        (BuiltIn.DEPENDENCIES, BROKEN, None),
        (BuiltIn.DEPENDENCIES, RED, ScheduleResult.TESTS_RED_AT_BASE),
        (BuiltIn.SECURITY, RED, ScheduleResult.TESTS_RED_AT_BASE),
        (BuiltIn.DEBT, RED, ScheduleResult.TESTS_RED_AT_BASE),
    ],
)
def test_some_turns_are_over_before_a_model_is_asked(
    uses: BuiltIn, baseline: Baseline, result: ScheduleResult | None
) -> None:
    ended = decide_early_end(uses, baseline)
    assert (ended[0] if ended else None) is result


@pytest.mark.parametrize("uses", BuiltIn)
def test_every_built_in_has_its_instruction_and_takes_the_repositorys_own_words(uses: BuiltIn) -> None:
    alone = render_instruction(uses, " ")
    assert len(alone) > 200
    assert (
        render_instruction(uses, "Leave django.")
        == f"{alone}\n\nIn this repository, moreover:\n\nLeave django."
    )
    assert render_instruction(None, " Look.\n") == "Look."


def test_the_model_is_told_who_asks_and_that_nobody_answers() -> None:
    task = AgentTask(
        RepositoryFacts("octo/app", ("app.py",)),
        CommitSha("a" * 40),
        TreeSha("b" * 40),
        "Look whether sums are right.",
        "sums",
        mode=Mode.MAINTENANCE,
    )
    told = render_task(task)
    assert "The only instruction, from the repository's own file on its default branch:" in told
    assert "who has write access" not in told
    assert "nobody can answer questions" in told
    for style in EditStyle:
        tools = tools_for(style, Mode.MAINTENANCE)
        assert [one for one in tools_for(style) if one is not ASK_PERSON] == list(tools)
