"""A review has findings in place of edits; they are rows of the log and come back with the end."""

from dataclasses import replace

import pytest

from bot.agent.contract import EarlierFinding, Exhausted, Finished, Mode, Settled
from bot.domain import limits
from bot.domain.findings import Finding, Priority, Shown
from bot.errors import ModelFault
from tests.agent.scripted import ScriptedModel, call, calls, submits
from tests.agent.world import World

FOUND = call(
    "report_finding",
    path="app.py",
    line=2,
    end_line=2,
    severity="P1",
    title="Wrong sign",
    code="return a - b",
    description="It subtracts:\n\nadd(1, 2)  is -1.",
)
EXPECTED = Finding(
    "app.py", 2, 2, Priority.P1, "Wrong sign", "It subtracts: add(1, 2) is -1.", snippet="return a - b"
)


def review() -> World:
    world = World()
    world.task = replace(world.task, mode=Mode.REVIEW)
    return world


async def test_findings_come_back_with_the_end_and_no_edit_is_offered() -> None:
    world = review()
    model = ScriptedModel(calls(FOUND), submits("no_change_needed"))
    end = await world.go(model)
    assert isinstance(end, Finished)
    assert end.findings == (EXPECTED,)
    assert {tool.name for tool in model.requests[0].tools}.isdisjoint({"edit", "write_file", "apply_patch"})


async def test_findings_survive_a_bad_end_and_a_resume() -> None:
    world = review()
    await world.go(ScriptedModel(calls(FOUND), ModelFault("gone")))
    end = await world.go(ScriptedModel(ModelFault("gone")))
    assert isinstance(end, Exhausted)
    assert end.findings == (EXPECTED,)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"start_line": 9, "end_line": 9}, "`app.py` has 2 lines"),
        ({"end_line": 1}, "`end_line` lies before `start_line`"),
        ({"start_line": 1, "end_line": 1}, "the snippet stands on line 2 of `app.py`"),
        ({"snippet": "return a * b"}, "not on these lines of `app.py`. Line 2 reads `return a - b`"),
        ({"body": "It is:\n```\nadd(1, 2)\n```"}, "`body` is one paragraph"),
        ({"suggestion": "    return a - b\n"}, "the suggestion changes nothing"),
        ({"suggestion": "```python\n    return a + b\n```"}, "begins with a fence"),
        ({"suggestion": "return a + b"}, "would not parse any more: line 2: expected an indented block"),
    ],
)
async def test_what_does_not_fit_the_file_is_refused_while_it_can_be_mended(
    more: dict[str, object], said: str
) -> None:
    world = review()
    body = {"path": "app.py", "start_line": 2, "end_line": 2, "snippet": "return  a - b", "priority": "P1"}
    wrong = call("report_finding", **{**body, "title": "t", "body": "b", **more})
    end = await world.go(ScriptedModel(calls(wrong), submits("no_change_needed")))
    assert said in world.outputs()[0]
    assert isinstance(end, Finished)
    assert end.findings == ()


async def test_a_suggestion_that_applies_is_kept_and_a_file_that_is_gone_is_for_the_diff_to_decide() -> None:
    world = review()
    body = {"end_line": 2, "priority": "P1", "title": "t", "body": "b", "snippet": "return", "start_line": 2}
    fits = call("report_finding", path="app.py", suggestion="    return a + b", **body)
    gone = call("report_finding", path="gone.py", **body)
    end = await world.go(ScriptedModel(calls(fits, gone), submits("no_change_needed")))
    assert isinstance(end, Finished)
    assert [(one.path, one.suggestion) for one in end.findings] == [
        ("app.py", "    return a + b"),
        ("gone.py", ""),
    ]


async def test_rules_for_reviews_stand_with_the_task_and_name_their_file() -> None:
    world = review()
    world.task = replace(world.task, rules=(("AGENTS.md", "Division by zero is P1."),))
    model = ScriptedModel(submits("no_change_needed"))
    await world.go(model)
    told = model.requests[0].messages[2].text
    assert "# Rules for reviews in this repository" in told
    assert "## AGENTS.md\n\n```\nDivision by zero is P1.\n```" in told
    assert "# The pull request and its thread" in told


SETTLED = call("settle_finding", number=1, fixed=True, reason="It\n adds.")


async def test_earlier_findings_are_settled_by_number_and_survive_a_resume() -> None:
    world = review()
    open_, waved = EarlierFinding(1, "app.py:2", "P1", "Wrong sign"), EarlierFinding(0, "b.py", "P2", "Slow")
    world.task = replace(world.task, earlier_findings=(open_, waved), since="a" * 40, news="+    x\n")
    unknown = call("settle_finding", number=2, mended=True, why="?")
    model = ScriptedModel(calls(SETTLED, unknown), ModelFault("gone"))
    await world.go(model)
    told = model.requests[0].messages[2].text
    assert "1. P1 app.py:2: Wrong sign" in told
    assert "Do not report these again, in whatever words.\n\n```\n- b.py: Slow" in told
    assert "A review has seen this pull request up to aaaaaaaaaaaa." in told
    assert "There are 1. New faults are for report_finding." in world.outputs()[1]
    end = await world.go(ScriptedModel(submits("no_change_needed")))
    assert isinstance(end, Finished)
    assert end.settled == (Settled(1, mended=True, why="It adds."),)


async def test_without_earlier_findings_there_is_nothing_to_settle() -> None:
    world = review()
    await world.go(ScriptedModel(calls(SETTLED), submits("no_change_needed")))
    assert "There are no earlier findings here" in world.outputs()[0]


async def test_a_long_diff_since_then_is_cut_in_the_middle() -> None:
    world = review()
    world.task = replace(world.task, since="a" * 40, news="+x\n" * limits.REVIEW_NEWS_BYTES)
    model = ScriptedModel(submits("no_change_needed"))
    await world.go(model)
    assert len(model.requests[0].messages[2].text) < limits.REVIEW_NEWS_BYTES + 4_000


REPRODUCED = call(
    "report_finding", path="app.py", start_line=2, end_line=2, snippet="return a - b", priority="P1",
    title="Wrong sign", body="add(1, 2) is -1.", reproduction="python -c 'assert add(1, 2) == 3'",
)  # fmt: skip


async def test_a_reproduction_is_run_by_the_harness_and_kept_with_what_it_saw() -> None:
    world = review()
    end = await world.go(ScriptedModel(calls(REPRODUCED), submits("no_change_needed")))
    assert world.tried == ["python -c 'assert add(1, 2) == 3'"]
    assert "exit 1 here, exit 0 on the base" in world.outputs()[0]
    assert isinstance(end, Finished)
    assert end.findings[0].shown == world.shown


@pytest.mark.parametrize(("ended", "said"), [("exit 0", "shows nothing"), ("exit 127", "can't be run")])
async def test_a_reproduction_that_shows_nothing_is_refused(ended: str, said: str) -> None:
    world = review()
    world.shown = Shown(ended, "exit 0", "bash: pyton: command not found")
    end = await world.go(ScriptedModel(calls(REPRODUCED), submits("no_change_needed")))
    assert said in world.outputs()[0]
    assert isinstance(end, Finished)
    assert end.findings == ()
