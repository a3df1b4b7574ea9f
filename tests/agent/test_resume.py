"""A run may die before or after any row: the next one goes on, and the conversation is the same."""

import pytest

from bot.agent.contract import Finished
from bot.llm.serialise import render_canonical, render_message
from tests.agent.scripted import ScriptedModel, call, calls, submits
from tests.agent.world import Died, World

STEPS = (
    calls(call("read_file", path="app.py")),
    calls(
        call("edit", path="app.py", old_string="a - b", new_string="a + b"),
        call("shell", command="write tests/new.py"),
    ),
    calls(call("run_tests")),
    submits(),
)
ROWS = 1 + 2 * len(STEPS)


def conversation(model: ScriptedModel) -> str:
    return render_canonical([render_message(message) for message in model.requests[-1].messages])


async def undisturbed() -> tuple[World, str]:
    world, model = World(), ScriptedModel(*STEPS)
    assert isinstance(await world.go(model), Finished)
    return world, conversation(model)


@pytest.mark.parametrize("row", range(ROWS))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_death_at_any_row_changes_nothing_and_pays_no_recorded_reply_twice(row: int, when: str) -> None:
    expected, said = await undisturbed()
    world = World()
    setattr(world.log, f"die_{when}", row)
    first = ScriptedModel(*STEPS)
    with pytest.raises(Died):
        await world.go(first)
    world.log.die_before = world.log.die_after = None
    recorded = sum(kind.value == "reply" for kind in world.log.kinds())
    second = ScriptedModel(*STEPS[recorded:])
    end = await world.go(second)
    assert isinstance(end, Finished)
    assert world.snapshots.trees[end.tree] == expected.snapshots.trees[end.tree]
    assert world.log.rows == expected.log.rows
    assert len(first.requests) + len(second.requests) <= len(STEPS) + 1
    if second.requests:
        assert conversation(second) == said


async def test_what_no_snapshot_holds_is_gone_before_the_calls_run_again() -> None:
    world = World()
    world.log.die_before = 2  # the first batch ran, its row was never written
    write = calls(call("shell", command="write a.txt"))
    with pytest.raises(Died):
        await world.go(ScriptedModel(write))
    world.log.die_before = None
    end = await world.go(ScriptedModel(submits("blocked")))
    assert isinstance(end, Finished)
    assert world.snapshots.trees[end.tree]["a.txt"] == b"written\n"  # once, not twice
