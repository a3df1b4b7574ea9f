"""A recording answers only what it was recorded for."""

from pathlib import Path

import pytest

from bot.errors import RecordingMismatch
from bot.llm.contract import (
    AssistantMessage,
    FinishReason,
    Message,
    ModelReply,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Usage,
    UserMessage,
)
from bot.llm.recorded import RecordedModel, RecordingModel, parse_recording, render_recording

TOOL = ToolSpec("shell", "Run.", {"type": "object"})
FIRST = AssistantMessage("Look.", (ToolCall("c1", "shell", '{"command": "ls"}'),))
LAST = AssistantMessage("Done.")


def request(*more: Message, rules: str = "rules") -> ModelRequest:
    return ModelRequest((SystemMessage(rules), UserMessage("task"), *more), (TOOL,), "key")


class Scripted:
    name = "m-1"

    async def reply(self, request: ModelRequest, on_text: object = None) -> ModelReply:
        message = LAST if len(request.messages) > 2 else FIRST
        return ModelReply(message, FinishReason.STOP, Usage(10, 0, 5, cost_usd=0.25), "m-1")


@pytest.fixture
async def recorded(tmp_path: Path) -> RecordedModel:
    path = tmp_path / "recording.json"
    recording = RecordingModel(Scripted(), path)
    await recording.reply(request())
    await recording.reply(request(FIRST, ToolOutput("c1", "3 passed in 0.12s")))
    return RecordedModel(parse_recording(path.read_text()))


async def test_the_same_run_gets_the_same_replies_for_nothing(recorded: RecordedModel) -> None:
    heard: list[str] = []
    first = await recorded.reply(request(), heard.append)
    assert first.message == FIRST
    assert first.usage.cost_usd == 0.0
    assert heard == ["Look."]
    second = await recorded.reply(request(FIRST, ToolOutput("c1", "3 passed in 4.56s")))
    assert second.message == LAST
    recorded.check_finished()


async def test_a_run_that_goes_on_elsewhere_finds_its_place(recorded: RecordedModel) -> None:
    assert (await recorded.reply(request(FIRST, ToolOutput("c1", "3 passed in 1s")))).message == LAST


async def test_another_output_fails_loudly_and_shows_the_difference(recorded: RecordedModel) -> None:
    with pytest.raises(RecordingMismatch, match="Turn 2 of 2") as raised:
        await recorded.reply(request(FIRST, ToolOutput("c1", "2 passed, 1 failed in 1s")))
    assert "+2 passed, 1 failed" in str(raised.value)


async def test_other_rules_fail(recorded: RecordedModel) -> None:
    with pytest.raises(RecordingMismatch, match="system prompt or the tools"):
        await recorded.reply(request(rules="other rules"))


async def test_a_turn_too_many_and_a_turn_too_few_fail(recorded: RecordedModel) -> None:
    await recorded.reply(request())
    with pytest.raises(RecordingMismatch, match="ended after 1 of 2"):
        recorded.check_finished()
    with pytest.raises(RecordingMismatch, match="exhausted"):
        await recorded.reply(request(FIRST, ToolOutput("c1", "x"), LAST, UserMessage("more")))


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', '{"format": 1}', "{"])
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(RecordingMismatch):
        parse_recording(text)


async def test_it_is_written_as_it_is_read(recorded: RecordedModel) -> None:
    assert parse_recording(render_recording(recorded.recording)) == recorded.recording


async def test_recording_again_keeps_the_replies_and_notes_what_they_are_replies_to(
    recorded: RecordedModel, tmp_path: Path
) -> None:
    again = RecordingModel(RecordedModel(recorded.recording, strict=False), tmp_path / "again.json")
    assert (await again.reply(request(rules="other rules"))).message == FIRST
    renewed = parse_recording((tmp_path / "again.json").read_text())
    assert renewed.prefix_digest != recorded.recording.prefix_digest
    assert renewed.turns[0].reply.message == FIRST
