"""Replies that can't be acted on: each has a stated answer and a stated limit."""

import pytest

from bot.agent.contract import Exhausted, Finished
from bot.agent.decide import ASK_AGAIN, CONTINUE, CUT, EMPTY
from bot.domain import limits
from bot.domain.outcomes import Outcome
from bot.llm.contract import FinishReason
from tests.agent.scripted import ScriptedModel, call, calls, raw_call, says, submits
from tests.agent.world import World

LOOK = calls(call("shell", command="ls"))
GIVE_UP = submits("blocked")


async def go(*steps: object) -> tuple[World, Exhausted | Finished]:
    world = World()
    model = ScriptedModel(*steps)  # type: ignore[arg-type]
    end = await world.go(model)
    model.check_finished()
    assert isinstance(end, Exhausted | Finished)
    return world, end


async def test_text_without_a_call_is_answered_once() -> None:
    world, end = await go(says("I think so."), GIVE_UP)
    assert world.said() == [CONTINUE]
    assert isinstance(end, Finished)


async def test_text_twice_in_a_row_ends_blocked_with_the_last_words() -> None:
    _, end = await go(says("One."), says("It is all done now."))
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.BLOCKED
    assert "It is all done now." in end.detail


async def test_a_usable_reply_between_sets_the_count_back() -> None:
    world, end = await go(says("One."), LOOK, says("Two."), GIVE_UP)
    assert world.said() == [CONTINUE, CONTINUE]
    assert isinstance(end, Finished)


async def test_an_empty_reply_is_asked_for_again_then_told_then_the_end() -> None:
    world, end = await go(says(""), says(" "), says(""))
    assert world.said() == [EMPTY]
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.MODEL_MISBEHAVED


async def test_a_cut_reply_is_told_so() -> None:
    world, end = await go(says("It begins", FinishReason.LENGTH), GIVE_UP)
    assert world.said() == [CUT]
    assert isinstance(end, Finished)


async def test_a_refusal_is_asked_again_once() -> None:
    refusal = says("I can't help with that.", FinishReason.REFUSAL)
    world, end = await go(refusal, refusal)
    assert world.said() == [ASK_AGAIN]
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.DECLINED


@pytest.mark.parametrize(
    "bad",
    [
        raw_call("shell", "{oops"),
        raw_call("shell", '["a", "list"]'),
        call("teleport"),
        call("shell", wrong="name"),
        call("shell", command="ls", timeout_s="soon"),
    ],
)
async def test_calls_that_can_not_run_are_answered_and_bounded(bad: object) -> None:
    world, end = await go(*([calls(bad)] * limits.MALFORMED_LIMIT))  # type: ignore[arg-type]
    assert all(output.startswith("Nothing ran.") for output in world.outputs())
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.MODEL_MISBEHAVED


async def test_a_call_cut_in_the_middle_is_told_so() -> None:
    cut = calls(raw_call("shell", '{"command": "cat <<E'), finish=FinishReason.LENGTH)
    world, _ = await go(cut, GIVE_UP)
    assert "cut at the output limit" in world.outputs()[0]


async def test_good_calls_beside_a_bad_one_are_run() -> None:
    world, _ = await go(calls(call("teleport"), call("read_file", path="app.py")), GIVE_UP)
    assert "There is no tool `teleport`" in world.outputs()[0]
    assert "return a - b" in world.outputs()[1]


async def test_the_same_call_with_the_same_result_is_told_and_then_ended() -> None:
    world, end = await go(LOOK, LOOK, LOOK, LOOK)
    assert ["[notice]" in output for output in world.outputs()] == [False, False, True, False]
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.MODEL_MISBEHAVED


async def test_two_calls_in_turn_are_a_circle_too() -> None:
    read = calls(call("read_file", path="app.py"))
    world, end = await go(*([LOOK, read] * 4))
    assert isinstance(end, Exhausted)
    assert any("[notice]" in output for output in world.outputs())


async def test_the_same_call_with_another_result_is_no_circle() -> None:
    write = calls(call("shell", command="write a.txt"))
    read = calls(call("read_file", path="a.txt"))
    _, end = await go(*([write, read] * 5), GIVE_UP)
    assert isinstance(end, Finished)
