"""A log can be played again: the same decisions at every row, or the first one that differs."""

import json
from dataclasses import replace

import pytest

from bot.agent.contract import Event, EventKind
from bot.agent.replay import replay
from tests.agent.chaos import run_session
from tests.agent.scripted import ScriptedModel, call, calls, raw_call, says, submits
from tests.agent.world import World


async def recorded() -> tuple[Event, ...]:
    world = World()
    fix = calls(call("edit", path="app.py", old="a - b", new="a + b"), raw_call("shell", "{oops"))
    await world.go(ScriptedModel(says("Hm."), fix, submits()))
    return await world.log.load()


def changed(events: tuple[Event, ...], row: int, old: str, new: str) -> tuple[Event, ...]:
    event = events[row - 1]
    body = json.loads(json.dumps(event.body).replace(old, new))
    assert body != event.body
    return (*events[: row - 1], Event(event.kind, body), *events[row:])


async def test_the_same_version_decides_the_same() -> None:
    replayed = replay(await recorded())
    assert replayed.divergence is None
    assert replayed.end == "end: submitted"
    assert replayed.state.records.repairs == ("old -> old_string", "new -> new_string")


@pytest.mark.parametrize("seed", range(6))
async def test_random_sessions_replay_without_a_difference(seed: int) -> None:
    session = await run_session(seed)
    assert replay(await session.world.log.load()).divergence is None


async def test_other_words_to_the_model_are_a_difference() -> None:
    found = replay(changed(await recorded(), 3, "Continue with a tool", "Go on")).divergence
    assert found is not None
    assert found.row == 3
    assert "Go on" in found.recorded
    assert "Continue with a tool" in found.now


async def test_a_call_that_is_refused_now_and_was_not_then_is_a_difference() -> None:
    found = replay(changed(await recorded(), 5, '"malformed"', "null")).divergence
    assert found is not None
    assert (found.recorded, found.now) == ("shell: run", "shell: malformed")


async def test_a_run_that_would_have_ended_earlier_is_a_difference() -> None:
    events = await recorded()
    bounds = {**events[0].body["bounds"], "turns": 1}
    shorter = (replace(events[0], body={**events[0].body, "bounds": bounds}), *events[1:])
    found = replay(shorter).divergence
    assert found is not None
    assert found.now.startswith("end: out_of_turns")


async def test_what_is_no_log_is_a_difference_and_no_crash() -> None:
    for body in ({}, {"messages": 3}, {"bounds": {"window": 1, "odd": 2}}):
        assert replay((Event(EventKind.STARTED, body),)).divergence is not None
    assert replay((Event(EventKind.OUTPUTS, {"outputs": []}),)).divergence is not None
    assert replay(()).end == "nothing"
