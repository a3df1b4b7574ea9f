"""A review has findings in place of edits; they are rows of the log and come back with the end."""

from dataclasses import replace

from bot.agent.contract import Exhausted, Finished, Mode
from bot.domain.findings import Finding, Priority
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
    description="a - b",
)
EXPECTED = Finding("app.py", 2, 2, Priority.P1, "Wrong sign", "a - b")


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


async def test_lines_that_do_not_exist_are_refused() -> None:
    world = review()
    beyond = call(
        "report_finding", path="app.py", start_line=9, end_line=9, priority="P1", title="t", body="b"
    )
    turned = call(
        "report_finding", path="app.py", start_line=2, end_line=1, priority="P1", title="t", body="b"
    )
    await world.go(ScriptedModel(calls(beyond, turned), submits("no_change_needed")))
    assert "`app.py` has 2 lines" in world.outputs()[0]
    assert "before `start_line`" in world.outputs()[1]
