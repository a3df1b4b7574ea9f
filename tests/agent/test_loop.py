"""The loop from the first message to its ends, with a scripted model and a work tree in memory."""

import json

import pytest

from bot.agent.contract import (
    Deferred,
    EventKind,
    Exhausted,
    Feedback,
    Finished,
    Steering,
    SubmitOutcome,
    Waiting,
)
from bot.domain.budget import Budget
from bot.domain.outcomes import Outcome
from bot.errors import Bug, ModelFault, RetryLater, Superseded
from bot.llm.contract import ContextOverflow, ToolOutput, Usage, UserMessage
from tests.agent.scripted import ScriptedModel, call, calls, says, submits
from tests.agent.world import Died, MemoryLog, SteppingClock, World

FIX = calls(call("edit", path="app.py", old_string="a - b", new_string="a + b"))


async def test_fix_and_submit() -> None:
    world = World()
    model = ScriptedModel(calls(call("read_file", path="app.py"), text="Look first."), FIX, submits())
    end = await world.go(model)
    model.check_finished()
    assert isinstance(end, Finished)
    assert end.submission.outcome is SubmitOutcome.FIXED
    assert world.snapshots.trees[end.tree]["app.py"] == b"def add(a, b):\n    return a + b\n"
    assert end.spent.turns == 3
    assert end.spent.cost_usd == pytest.approx(0.03)


async def test_one_row_for_each_reply_and_each_batch() -> None:
    world = World()
    await world.go(
        ScriptedModel(calls(call("shell", command="a"), call("shell", command="b")), FIX, submits())
    )
    assert world.log.kinds() == [EventKind.STARTED, *[EventKind.REPLY, EventKind.OUTPUTS] * 3]
    assert len(world.log.bodies(EventKind.OUTPUTS)[0]["outputs"]) == 2


async def test_snapshot_only_after_calls_that_may_change_files() -> None:
    world = World()
    await world.go(
        ScriptedModel(calls(call("read_file", path="app.py")), calls(call("run_tests")), submits("blocked"))
    )
    assert world.snapshots.taken == 1  # the one of submit


async def test_the_next_command_is_prepared_while_the_model_thinks() -> None:
    world = World()
    model = ScriptedModel(calls(call("shell", command="a"), call("shell", command="b")), FIX, submits())
    await world.go(model)
    assert world.snapshots.workspace is not None
    assert world.snapshots.workspace.prepared == [0, 2, 2], (
        "before each request, after its predecessor's commands"
    )


async def test_progress_is_told() -> None:
    world = World()
    plan = [{"step": "Look", "status": "in_progress"}]
    await world.go(
        ScriptedModel(
            calls(call("update_plan", plan=plan), call("shell", command="true\nfalse"), text="Hm."),
            submits("blocked"),
        )
    )
    assert world.progress.notes == [
        "says Hm.",
        "turn 1",
        "> plan of 1 steps",
        "plan Look: in_progress",
        "ok plan of 1 steps",
        "> $ true …",
        "failed $ true …",
        "turn 2",
        "> submit: blocked",
        "ok submit: blocked",
    ]


async def test_tests_answer_with_the_difference() -> None:
    world = World()
    await world.go(
        ScriptedModel(calls(call("run_tests", selection=["tests/test_app.py"])), submits("no_change_needed"))
    )
    assert world.test_selections == [("tests/test_app.py",)]
    assert world.outputs()[0] == "1 newly passing."


async def test_fixed_without_a_change_is_an_error_for_the_model() -> None:
    world = World()
    end = await world.go(ScriptedModel(submits(), FIX, submits()))
    assert isinstance(end, Finished)
    assert "no file of the repository differs" in world.outputs()[0]
    assert len(world.checked) == 1


async def test_gate_sends_faults_back_until_clean() -> None:
    world = World(gate_answers=[("Remove the scratch file `x.log`.",), ()])
    end = await world.go(ScriptedModel(FIX, submits(), submits()))
    assert isinstance(end, Finished)
    assert "- Remove the scratch file `x.log`." in world.outputs()[1]
    assert [tree for _, tree in world.checked] == [end.tree, end.tree]


async def test_questions_are_needed_to_ask_for_clarification() -> None:
    world = World()
    end = await world.go(
        ScriptedModel(
            submits("needs_clarification"), submits("needs_clarification", questions=["Which one?"])
        )
    )
    assert isinstance(end, Finished)
    assert end.submission.questions == ("Which one?",)


async def test_calls_behind_a_submission_are_not_run() -> None:
    world = World()
    both = calls(
        call("submit", outcome="blocked", title="t", summary="s"), call("shell", command="write late.txt")
    )
    end = await world.go(ScriptedModel(both))
    assert isinstance(end, Finished)
    assert world.outputs()[1] == "Not run: you have submitted."
    assert "late.txt" not in world.snapshots.trees[end.tree]


async def test_verification_feedback_goes_on_in_the_same_conversation() -> None:
    world = World()
    model = ScriptedModel(
        FIX, submits(), calls(call("shell", command="write more.py")), submits(root_cause="both")
    )
    first = await world.go(model)
    second = await world.go(model, Feedback(1, "The test passes on the old code."))
    model.check_finished()
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert "more.py" in world.snapshots.trees[second.tree]
    assert model.requests[2].messages[-1] == UserMessage("The test passes on the old code.")


async def test_feedback_is_appended_once_however_often_it_is_handed_in() -> None:
    world = World()
    await world.go(ScriptedModel(FIX, submits()))
    feedback = Feedback(1, "Red.")
    world.log.die_after = len(world.log.rows)
    with pytest.raises(Died):
        await world.go(ScriptedModel(), feedback)
    await world.go(ScriptedModel(submits()), feedback)
    end = await world.go(ScriptedModel(), feedback)
    assert isinstance(end, Finished)
    assert world.said() == ["Red."]


async def test_a_person_steers_between_two_turns() -> None:
    world = World()

    def letter(request: object) -> object:
        world.inbox.append(Steering(41, "ada", "Use integers.<!-- hidden -->", 1))
        return calls(call("shell", command="ls"))(request)  # type: ignore[arg-type]

    model = ScriptedModel(letter, calls(call("shell", command="pwd")), submits("blocked"))  # type: ignore[arg-type]
    await world.go(model)
    (said,) = world.said()
    assert said.startswith("Message from ada")
    assert said.endswith("Use integers.")
    assert isinstance(model.requests[1].messages[-2], ToolOutput)
    assert model.requests[1].messages[-1] == UserMessage(said)


async def test_words_that_come_behind_those_of_a_later_comment_are_heard_too() -> None:
    world = World(inbox=[Steering(21, "ada", "Use integers.", 4)])

    def earlier(request: object) -> object:
        world.inbox.append(Steering(20, "ada", "Handle zero.", 9))
        return calls(call("shell", command="ls"))(request)  # type: ignore[arg-type]

    model = ScriptedModel(earlier, calls(call("shell", command="pwd")), submits("blocked"))  # type: ignore[arg-type]
    await world.go(model)
    assert [text.rpartition("\n")[2] for text in world.said()] == ["Use integers.", "Handle zero."]


async def test_what_an_older_version_heard_is_not_heard_again_and_what_it_passed_over_is() -> None:
    """Its rows know the comment, not its number in the task."""
    world = World(inbox=[Steering(21, "ada", "Use integers.", 9)])
    world.log.die_after = 3
    with pytest.raises(Died):
        await world.go(ScriptedModel(calls(call("shell", command="ls")), submits("blocked")))
    (said,) = world.log.bodies(EventKind.MESSAGE)
    del said["seq"]
    world.log.rows[1] = (EventKind.MESSAGE, json.dumps(said))
    world.inbox.insert(0, Steering(20, "ada", "Handle zero.", 4))
    await world.go(ScriptedModel(submits("blocked")))
    assert [text.rpartition("\n")[2] for text in world.said()] == ["Use integers.", "Handle zero."]


# -- ends that are no submission ----------------------------------------------------------------------------


async def test_every_end_hands_over_the_work_so_far() -> None:
    for last in (ContextOverflow("too long"), ModelFault("no quota"), says("I stop.")):
        world = World()
        again = [] if isinstance(last, ModelFault) else [last]
        end = await world.go(ScriptedModel(FIX, *again, last))
        assert isinstance(end, Exhausted)
        assert b"a + b" in world.snapshots.trees[end.tree]["app.py"]


async def test_overlong_conversation_ends_out_of_tokens() -> None:
    end = await World().go(ScriptedModel(ContextOverflow("200,001 tokens")))
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.OUT_OF_TOKENS


async def test_server_that_refuses_for_good() -> None:
    end = await World().go(ScriptedModel(ModelFault("The key is wrong.", "Check it.")))
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.MODEL_UNAVAILABLE
    assert end.detail == "The key is wrong. Check it."


async def test_server_that_wants_a_long_pause_defers_and_goes_on_later() -> None:
    world = World()
    deferred = await world.go(ScriptedModel(FIX, RetryLater("busy", 900)))
    assert isinstance(deferred, Deferred)
    assert deferred.until == world.clock.time + 900
    assert isinstance(await world.go(ScriptedModel(submits())), Finished)


async def test_turns_run_out() -> None:
    world = World(budget=Budget(turns=2))
    end = await world.go(ScriptedModel(calls(call("shell", command="a")), calls(call("shell", command="b"))))
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.OUT_OF_TURNS


async def test_tokens_and_money_run_out() -> None:
    dear = Usage(input_tokens=900, output_tokens=100, cost_usd=2.0)
    for budget, outcome in (
        (Budget(tokens=1_000), Outcome.OUT_OF_TOKENS),
        (Budget(money_usd=2.0), Outcome.OUT_OF_MONEY),
    ):
        end = await World(budget=budget).go(ScriptedModel(calls(call("shell", command="a"), usage=dear)))
        assert isinstance(end, Exhausted)
        assert end.outcome is outcome


async def test_time_runs_out_even_within_a_batch() -> None:
    world = World(budget=Budget(minutes=1), clock=SteppingClock(step_s=25))
    many = calls(*(call("shell", command=f"write {n}") for n in range(9)))
    end = await world.go(ScriptedModel(many))
    assert isinstance(end, Exhausted)
    assert end.outcome is Outcome.OUT_OF_TIME
    assert world.outputs()[-1].startswith("Not run: the time is used up.")


async def test_a_submission_at_the_very_end_of_the_budget_counts() -> None:
    end = await World(budget=Budget(turns=1)).go(ScriptedModel(submits("blocked")))
    assert isinstance(end, Finished)


async def test_budget_notices_stand_at_the_end_of_outputs() -> None:
    world = World(budget=Budget(turns=4))
    await world.go(
        ScriptedModel(*(calls(call("shell", command=f"echo {n}")) for n in range(3)), submits("blocked"))
    )
    assert "[budget]" not in world.outputs()[0]
    assert world.outputs()[1].endswith(
        "[budget] 50% of the budget is used; 2 of 4 model replies left. Keep to what the task needs."
    )


async def test_too_many_calls_in_one_reply() -> None:
    world = World()
    await world.go(
        ScriptedModel(calls(*(call("shell", command=f"echo {n}") for n in range(40))), submits("blocked"))
    )
    assert sum(text.startswith("Not run: at most 32 calls") for text in world.outputs()) == 8


async def test_a_run_that_lost_its_task_stops_without_a_further_call() -> None:
    world = World(log=MemoryLog(superseded_at=2))
    model = ScriptedModel(calls(call("shell", command="write a")), submits("blocked"))
    with pytest.raises(Superseded):
        await world.go(model)
    assert len(model.requests) == 1


async def test_faults_of_the_machinery_go_up() -> None:
    def broken(workspace: object, command: object) -> object:
        raise Bug("the sandbox is gone")

    world = World(scripts={"boom": broken})  # type: ignore[dict-item]
    with pytest.raises(Bug):
        await world.go(ScriptedModel(calls(call("shell", command="boom"))))
    assert world.log.kinds()[-1] is EventKind.REPLY


# -- questions to people -------------------------------------------------------------------------------------

ASK = calls(call("ask_person", questions=["Zero or an error?"]))


async def test_questions_end_the_segment_and_the_reply_starts_the_next() -> None:
    world = World()
    end = await world.go(ScriptedModel(FIX, ASK))
    assert isinstance(end, Waiting)
    assert end.questions == ("Zero or an error?",)
    assert b"a + b" in world.snapshots.trees[end.tree]["app.py"]
    assert isinstance(await world.go(ScriptedModel()), Waiting)  # nobody answered yet: no request is sent
    world.inbox.append(Steering(12, "ada", "Zero.", 1))
    model = ScriptedModel(submits())
    assert isinstance(await world.go(model), Finished)
    assert model.requests[0].messages[-1].text.endswith("Zero.")


async def test_people_are_asked_three_times_at_most() -> None:
    world = World()
    for number in range(3):
        assert isinstance(await world.go(ScriptedModel(ASK)), Waiting)
        world.inbox.append(Steering(number + 1, "ada", f"Answer {number}.", number + 1))
    assert isinstance(await world.go(ScriptedModel(ASK, submits("blocked"))), Finished)
    assert "people were asked 3 times already" in world.outputs()[3]


async def test_a_submission_beside_a_question_wins() -> None:
    both = calls(
        call("ask_person", questions=["Which?"]), call("submit", outcome="blocked", title="t", summary="s")
    )
    assert isinstance(await World().go(ScriptedModel(both)), Finished)
