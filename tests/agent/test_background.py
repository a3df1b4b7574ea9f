"""Background processes: a handle to look at, to signal, to run beside; all ended with the run."""

from bot.agent.contract import Exhausted, Finished
from bot.errors import ModelFault
from tests.agent.scripted import ScriptedModel, call, calls, submits
from tests.agent.world import World

START = calls(call("shell", command="serve", background=True))
GIVE_UP = submits("blocked")


async def test_a_process_is_started_read_talked_to_and_ended() -> None:
    world = World()
    end = await world.go(
        ScriptedModel(
            START,
            calls(call("shell", handle="bg1")),
            calls(call("shell", handle="bg1", command="write b.txt")),
            calls(call("shell", handle="bg1", signal="TERM")),
            GIVE_UP,
        )
    )
    started, polled, beside, signalled, _ = world.outputs()
    assert started.startswith("started as bg1.")
    assert started.endswith("(still running)\nup")
    assert polled == "bg1 (still running)\n(no new output)"
    assert beside == "beside bg1 (exit code 0)\nwrote b.txt"
    assert signalled.startswith("TERM sent to bg1 (exit code -15)")
    assert isinstance(end, Finished)
    assert "b.txt" not in world.snapshots.trees[end.tree]  # a copy: no part of the change
    assert [fork.closed for fork in world.snapshots.forks] == [True]
    assert "> bg1 $ write b.txt" in world.progress.notes


async def test_they_are_bounded_and_a_killed_one_makes_room() -> None:
    world = World()
    kill = calls(call("shell", handle="bg1", signal="KILL"))
    await world.go(ScriptedModel(START, START, START, kill, START, GIVE_UP))
    texts = world.outputs()
    assert "bg1, bg2 are open, at most 2 may be" in texts[2]
    assert texts[4].startswith("started as bg3.")


async def test_they_end_with_every_end_and_a_resume_is_told_that_they_are_gone() -> None:
    world = World()
    assert isinstance(await world.go(ScriptedModel(START, ModelFault("no quota"))), Exhausted)
    assert world.snapshots.forks[0].closed
    await world.go(ScriptedModel(calls(call("shell", handle="bg1")), GIVE_UP))
    assert "There is no background process bg1. None is open." in world.outputs()[1]
    assert "whenever the work is interrupted" in world.outputs()[1]


async def test_a_call_without_a_command_or_a_handle_is_refused() -> None:
    world = World()
    await world.go(ScriptedModel(calls(call("shell", background=True)), GIVE_UP))
    assert world.outputs()[0].startswith("Nothing ran. `shell`: the argument `command` is missing.")
