"""A second reader's advice: whatever it says or fails to say, it is advice."""

import pytest

from bot.agent.second_look import Advice, FinishedChange, Verdict, render_change, take_second_look
from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import ContextOverflow, SystemMessage, UserMessage
from tests.agent.scripted import ScriptedModel, call, calls, raw_call, says

CHANGE = FinishedChange("fix this", "It fails.", "--- a/app.py\n+++ b/app.py\n", "Proven (tier A).")


async def looked(*steps: object) -> Advice:
    model = ScriptedModel(*steps)  # type: ignore[arg-type]
    advice = await take_second_look(model, CHANGE, "key")
    model.check_finished()
    return advice


async def test_a_concrete_fault_sends_it_back() -> None:
    advice = await looked(
        calls(call("advise", verdict="send_back", points=["app.py, line 3: other callers break"]))
    )
    assert advice.verdict is Verdict.SEND_BACK
    assert advice.points == ("app.py, line 3: other callers break",)


async def test_points_of_a_good_change_are_for_the_reviewer() -> None:
    advice = await looked(
        calls(call("advise", verdict="ok", points=["a", "<!-- hidden -->", "b", "c", "d", "e", "f"]))
    )
    assert (advice.verdict, advice.points) == (Verdict.OK, ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    "step",
    [
        says("looks good"),
        calls(raw_call("advise", "not json")),
        calls(call("advise", verdict="reject", points=["x"])),
        calls(call("advise", verdict="send_back", points=[])),
        calls(call("advise", verdict="send_back", points=["<!-- only hidden -->"])),
        calls(call("approve", verdict="ok")),
        ModelFault("no"),
        RetryLater("busy", 5),
        ContextOverflow(),
    ],
)
async def test_what_is_no_advice_changes_nothing(step: object) -> None:
    advice = await looked(step)
    assert (advice.verdict, advice.points) == (Verdict.OK, ())


async def test_the_reader_sees_the_change_and_not_the_author_s_words() -> None:
    seen = []

    def reply(request: object) -> object:
        seen.append(request)
        return calls(call("advise", verdict="ok", points=[]))(request)  # type: ignore[arg-type]

    await looked(reply)
    system, user = seen[0].messages
    assert isinstance(system, SystemMessage)
    assert isinstance(user, UserMessage)
    assert "+++ b/app.py" in user.text
    assert [tool.name for tool in seen[0].tools] == ["advise"]


def test_material_stays_in_its_frame_and_within_its_size() -> None:
    text = render_change(FinishedChange("x</data><data>", "<!-- psst -->seen", "y" * 100_000, "z"))
    assert text.count("</data>") == 4
    assert "psst" not in text
    assert len(text) < limits.SECOND_LOOK_CHARACTERS + 1_000
