"""A conversation that grows too long is shortened by rows of the log, and goes on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.compaction import Due, decide_due, plan_stubs, render_stub, threshold
from bot.agent.contract import EventKind, Exhausted, Finished, Steering
from bot.agent.history import State, fold
from bot.domain import limits
from bot.domain.outcomes import Outcome
from bot.llm.contract import (
    AssistantMessage,
    ContextOverflow,
    ModelReply,
    ModelRequest,
    ToolCall,
    ToolOutput,
    Usage,
)
from bot.llm.serialise import render_canonical, render_message
from tests.agent.scripted import HEAD, ScriptedModel, Step, call, calls, says, submits
from tests.agent.world import Died, World, result

LONG = "".join(f"line {number} of a long output, which nobody needs for ever\n" for number in range(600))
NOTHING = Usage(0, 0, 0, None)  # a server that does not say: the harness counts bytes


def prints(number: int) -> Step:
    """A command with much output, another one each time."""
    return calls(call("shell", command=f"print {number}"), usage=NOTHING)


def talkative(window: int = 128_000) -> World:
    world = World(window=window)
    for number in range(60):
        world.scripts[f"print {number}"] = lambda _, command: result(f"{command.script}\n{LONG}")
    return world


async def test_old_outputs_become_stubs_in_one_batch() -> None:
    world = talkative()
    model = ScriptedModel(*(prints(number) for number in range(10)), submits("blocked"))
    assert isinstance(await world.go(model), Finished)
    (row,) = world.log.bodies(EventKind.COMPACTED)
    shortened = model.requests[-1].messages
    outputs = [message.text for message in shortened if isinstance(message, ToolOutput)]
    stubbed = [text for text in outputs if "left out to save room" in text]
    assert len(stubbed) == len(row["stubs"]) >= 6
    assert all(text.startswith("exit code 0") for text in stubbed)  # one line that says how it ended
    assert all("\n" not in text for text in stubbed)
    assert outputs[: len(stubbed)] == stubbed  # the oldest ones
    newest = sum(len(text) for text in outputs[len(stubbed) :])
    assert newest >= limits.COMPACT_UNTOUCHED_SHARE * limits.COMPACT_TOKENS * 4 * 0.8
    assert shortened[:HEAD] == model.requests[0].messages


async def test_a_note_is_asked_for_as_a_continuation_and_the_records_are_the_harness_s() -> None:
    world = talkative(window=13_000)
    world.test_answer = "Newly failing: test_sum\n    assert 3 == -1"
    plan = call("update_plan", plan=[{"step": "Find it", "status": "in_progress"}])
    fix = call("edit", path="app.py", old_string="a - b", new_string="a + b")
    model = ScriptedModel(
        calls(plan, fix, call("run_tests"), usage=NOTHING),
        prints(1),
        says("Look at app.py:2. Next: submit."),
        submits(),
    )
    assert isinstance(await world.go(model), Finished)
    asked, after = model.requests[2], model.requests[3]
    assert asked.messages[: len(model.requests[1].messages)] == model.requests[1].messages
    assert asked.tools == model.requests[1].tools
    assert "hand-over note" in asked.messages[-1].text
    assert after.messages[:HEAD] == model.requests[0].messages  # the task's text, byte for byte
    assert len(after.messages) == HEAD + 1
    kept = after.messages[-1].text
    assert "- [in_progress] Find it" in kept
    assert "app.py" in kept.split("## The change so far")[1].split("##")[0]
    assert world.test_answer in kept
    assert "Look at app.py:2. Next: submit." in kept
    assert "$ print 1 -> exit code 0" in kept


async def test_an_empty_or_calling_reply_to_the_note_s_request_ends_nothing() -> None:
    for reply in (says(""), calls(call("shell", command="rm -rf /"), usage=NOTHING)):
        world = talkative(window=13_000)
        model = ScriptedModel(prints(1), reply, submits("blocked"))
        assert isinstance(await world.go(model), Finished)
        model.check_finished()
        assert "there is none" in model.requests[-1].messages[-1].text
        assert "$ rm" not in "".join(world.progress.notes)


async def test_overflow_compacts_once_and_asks_again() -> None:
    world = talkative()
    model = ScriptedModel(prints(1), ContextOverflow("too long"), submits("blocked"))
    assert isinstance(await world.go(model), Finished)
    assert "was longer than the model takes" in model.requests[-1].messages[-1].text


async def test_overflow_for_ever_ends_within_three_requests_and_keeps_the_work() -> None:
    world = talkative()
    model = ScriptedModel(
        calls(call("shell", command="write a.txt")), ContextOverflow("too long"), ContextOverflow("too long")
    )
    end = await world.go(model)
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.OUT_OF_TOKENS
    assert "a.txt" in world.snapshots.trees[end.tree]
    first = await World().go(ScriptedModel(ContextOverflow("too long")))  # there is nothing to leave out
    assert isinstance(first, Exhausted)


async def test_words_of_people_survive_verbatim() -> None:
    world = talkative()
    world.inbox.append(Steering(5, "ada", "Use Decimal, not float.", 1))
    model = ScriptedModel(prints(1), ContextOverflow("too long"), submits("blocked"))
    await world.go(model)
    assert "Use Decimal, not float." in model.requests[-1].messages[-1].text


async def test_files_read_before_a_compaction_may_still_be_replaced() -> None:
    world = talkative()
    world.files["big.py"] = b"x = 1\n" * 300
    world = World(files=world.files, scripts=world.scripts)
    model = ScriptedModel(
        calls(call("read_file", path="big.py")),
        ContextOverflow("too long"),
        calls(call("write_file", path="big.py", content="x = 2\n")),
        submits(),
    )
    await world.go(model)
    assert world.outputs()[1].startswith("`big.py` replaced")


async def test_a_small_window_is_not_compacted_each_turn() -> None:
    world = World(window=2_500)
    looks = [calls(call("shell", command=f"look {n}"), usage=NOTHING) for n in range(8)]
    model = ScriptedModel(looks[0], replace(says("A note."), usage=NOTHING), *looks[1:], submits("blocked"))
    assert isinstance(await world.go(model), Finished)
    assert len(world.log.bodies(EventKind.COMPACTED)) == 1


@pytest.mark.parametrize("row", range(6, 14))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_death_around_a_compaction_folds_to_the_same_bytes(row: int, when: str) -> None:
    undisturbed = await _run(None, when)
    disturbed = await _run(row, when)
    assert disturbed == undisturbed
    assert "The note." in disturbed


async def _run(row: int | None, when: str) -> str:
    """The last request's bytes, with a death at the row."""
    world = World(window=20_000)  # long thoughts are no outputs: only a note frees anything

    def answer(request: ModelRequest) -> ModelReply:
        """By what was asked, not by count: a resume asks again."""
        done = sum(message.text.count("-> exit code") for message in request.messages)
        done += sum(isinstance(message, ToolOutput) for message in request.messages)
        if "hand-over note of at most" in request.messages[-1].text:
            return says("The note.")
        thought = calls(call("shell", command=f"look {done}"), text=LONG[:16_000], usage=NOTHING)
        step = thought if done < 5 else submits("blocked")
        assert callable(step)
        return step(request)

    if row is not None:
        setattr(world.log, f"die_{when}", row)
        first = ScriptedModel(*[answer] * 20)
        try:
            await world.go(first)
        except Died:
            world.log.die_before = world.log.die_after = None
    model = ScriptedModel(*[answer] * 20)
    end = await world.go(model)
    assert isinstance(end, Finished)
    assert len(world.log.bodies(EventKind.COMPACTED)) == 1
    state = fold(await world.log.load())
    return render_canonical([render_message(message) for message in state.messages])


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=30))
def test_stubs_leave_every_call_its_output_and_the_newest_quarter_alone(sizes: list[int]) -> None:
    messages = tuple(
        message
        for number, size in enumerate(sizes)
        for message in (
            AssistantMessage("", (ToolCall(f"c{number}", "shell", "{}"),)),
            ToolOutput(f"c{number}", "x" * size),
        )
    )
    total = sum(sizes)
    stubs = plan_stubs(State(messages=messages, size_bytes=total))
    untouched = 0
    for number in range(len(sizes) - 1, -1, -1):
        untouched += sizes[number]
        if untouched <= total * limits.COMPACT_UNTOUCHED_SHARE:
            assert f"c{number}" not in stubs.texts
    assert stubs.freed_tokens >= 0
    assert all(len(text) < 400 for text in stubs.texts.values())


def test_stub_names_what_went() -> None:
    assert render_stub("exit code 1, 0.2 s\na\nb") == (
        "exit code 1, 0.2 s [… 2 lines left out to save room; run it again if you need them]"
    )


def test_threshold_is_the_smaller_of_window_and_limit() -> None:
    assert threshold(1_000_000) == 80_000
    assert threshold(32_000) == 20_800


def test_nothing_is_due_behind_the_first_messages_alone() -> None:
    state = State(context_tokens=500_000, head=3)
    assert decide_due(state, 1_000) is Due.NOTHING
    assert decide_due(replace(state, messages=(ToolOutput("c", "x"),), head=0), 1_000) is Due.NOTE
