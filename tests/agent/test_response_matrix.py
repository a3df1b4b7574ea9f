"""The bad-response matrix: for each symptom the stated answer and the stated limit. A test for each line.

Lines of the wire (rate limits, quota, 4xx, 5xx, broken and silent streams, fields that a server lacks) are tested
in `tests/llm`; a call that a crash left open is `test_resume.py`; a compacted conversation `test_compaction.py`.
"""

import pytest

from bot.agent.contract import EventKind, Exhausted, Finished
from bot.agent.decide import ASK_AGAIN, CONTINUE, CUT, EMPTY
from bot.domain import limits
from bot.domain.outcomes import Outcome
from bot.llm.contract import ContextOverflow, FinishReason
from bot.sandbox.contract import CommandResult, EndedBy
from tests.agent.scripted import ScriptedModel, call, calls, raw_call, says, submits
from tests.agent.world import World, result

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


# -- arguments ------------------------------------------------------------------------------------------------


async def test_malformed_json_is_answered_with_the_place_an_example_and_that_nothing_ran() -> None:
    world, _ = await go(calls(raw_call("shell", '{"command": ls}')), GIVE_UP)
    (output, _) = world.outputs()
    assert output.startswith("Nothing ran.")
    assert "line 1 column 13" in output
    assert 'Example: {"command"' in output


async def test_arguments_that_can_be_mended_are_run_and_each_mend_stands_in_the_log() -> None:
    world, end = await go(calls(raw_call("Bash", '{"cmd": "ls",}')), GIVE_UP)
    (output,) = world.log.bodies(EventKind.OUTPUTS)[0]["outputs"]
    assert output["fault"] is None
    assert output["repairs"] == ["tool Bash -> shell", "trailing comma", "cmd -> command"]
    assert isinstance(end, Finished)


async def test_a_wrong_name_is_answered_with_the_names_that_there_are() -> None:
    world, _ = await go(calls(call("teleport")), GIVE_UP)
    assert "Tools: shell, read_file, edit" in world.outputs()[0]


async def test_a_missing_and_a_surplus_argument_are_named() -> None:
    world, _ = await go(calls(call("edit", path="app.py", old="a", newest="b")), GIVE_UP)
    assert "`new_string` is missing" in world.outputs()[0]
    assert "no argument `newest`" in world.outputs()[0]


async def test_a_cut_call_three_times_is_the_end() -> None:
    cut = calls(raw_call("shell", '{"command": "cat <<E'), finish=FinishReason.LENGTH)
    _, end = await go(cut, cut, cut)
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.MODEL_MISBEHAVED


async def test_every_call_of_a_reply_is_answered_in_order_even_those_that_do_not_run() -> None:
    many = [call("read_file", path="app.py", offset=1 + number % 2) for number in range(40)]
    world, _ = await go(calls(*many), GIVE_UP)
    assert len(world.outputs()) == 41
    assert [text.startswith("Not run:") for text in world.outputs()[:40]] == [False] * 32 + [True] * 8


# -- replies without a call -----------------------------------------------------------------------------------


async def test_an_empty_reply_is_first_asked_for_again_unchanged() -> None:
    world = World()
    model = ScriptedModel(says(""), GIVE_UP)
    await world.go(model)
    assert model.requests[0] == model.requests[1]


async def test_a_refusal_then_work_is_no_end() -> None:
    _, end = await go(says("I can't.", FinishReason.REFUSAL), LOOK, GIVE_UP)
    assert isinstance(end, Finished)


async def test_a_reply_without_a_call_is_never_success() -> None:
    for bad in (says("Done, all tests pass."), says(""), says("No.", FinishReason.REFUSAL)):
        world = World()
        end = await world.go(ScriptedModel(*[bad] * 5))
        assert isinstance(end, Exhausted)
        assert end.outcome in (Outcome.BLOCKED, Outcome.MODEL_MISBEHAVED, Outcome.DECLINED)


@pytest.mark.parametrize(
    "bad",
    [
        calls(raw_call("shell", "{oops")),
        calls(call("teleport")),
        says(""),
        says("I am done."),
        says("No.", FinishReason.REFUSAL),
        says("It beg", FinishReason.LENGTH),
        ContextOverflow("too long"),
        LOOK,
    ],
)
async def test_the_same_bad_reply_for_ever_ends_within_five_requests(bad: object) -> None:
    model = ScriptedModel(*[bad] * 5)  # type: ignore[list-item]
    end = await World().go(model)
    assert isinstance(end, Exhausted)
    assert len(model.requests) <= 5


# -- circles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [1, 2, 3])
async def test_a_circle_of_up_to_three_calls_is_told_at_its_third_round_and_ended_at_its_fourth(
    period: int,
) -> None:
    ring = [calls(call("shell", command=f"look {number}")) for number in range(period)]
    world, end = await go(*(ring * 4)[: 4 * period])
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.MODEL_MISBEHAVED
    told = [number for number, text in enumerate(world.outputs(), start=1) if "[notice]" in text]
    assert told[0] == 3 * period


async def test_four_equal_calls_in_one_reply_are_not_a_circle_yet() -> None:
    _, end = await go(calls(*[call("shell", command="ls")] * 4), GIVE_UP)
    assert isinstance(end, Finished)


async def test_a_result_that_differs_in_times_only_is_the_same_result() -> None:
    world = World()
    counter = iter(range(100))
    world.scripts["pytest"] = lambda _, __: result(
        f"3 passed in 0.{next(counter)}s", seconds=next(counter) / 7
    )
    end = await world.go(ScriptedModel(*[calls(call("shell", command="pytest"))] * 4))
    assert isinstance(end, Exhausted)


async def test_fifteen_replies_without_change_or_newly_read_file_are_told() -> None:
    looks = [calls(call("shell", command=f"look {number}")) for number in range(limits.STILL_TURNS)]
    world, _ = await go(calls(call("read_file", path="app.py")), *looks, GIVE_UP)
    told = ["without a change" in text for text in world.outputs()]
    assert told == [False] * limits.STILL_TURNS + [True, False]


async def test_a_command_that_waits_for_input_is_told_that_there_is_none() -> None:
    world = World()
    world.scripts["read x"] = lambda _, __: CommandResult(None, EndedBy.TIMEOUT, 120.0, b"Name? ")
    await world.go(ScriptedModel(calls(call("shell", command="read x")), GIVE_UP))
    assert "stdin is closed" in world.outputs()[0]
    assert "flag" in world.outputs()[0]


async def test_nul_and_half_characters_in_output_do_not_reach_the_next_request() -> None:
    world = World()
    world.scripts["cat x"] = lambda _, __: result(b"a\x00b\xff\xed\xa0\x80c")
    world.test_answer = "lone \ud800 and \x00"
    model = ScriptedModel(calls(call("shell", command="cat x"), call("run_tests")), GIVE_UP)
    await world.go(model)  # the scripted model refuses what can't be sent
    assert "a\ufffdb" in world.outputs()[0]
