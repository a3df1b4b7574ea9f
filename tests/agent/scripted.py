"""A model that follows a script, and refuses every request that a real server would refuse.

    model = ScriptedModel(calls(call("shell", command="ls")), RetryLater("busy", 5), says("done"))

Each request takes the next step. A step is a reply, an exception to raise, or a function of the request. A
request beyond the script fails at once; `check_finished` fails when steps are left over.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.llm.contract import (
    AssistantMessage,
    FinishReason,
    Message,
    ModelReply,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    Usage,
)
from bot.llm.serialise import render_canonical, render_message, render_tool

HEAD = 3
"""The first messages: rules, repository, task. No compaction touches them."""

Step = ModelReply | Exception | Callable[[ModelRequest], ModelReply]

USAGE = Usage(input_tokens=1_000, cached_tokens=800, output_tokens=50, cost_usd=0.01)


@dataclass(frozen=True)
class PlannedCall:
    name: str
    arguments: str
    id: str = ""


def call(name: str, **arguments: Any) -> PlannedCall:
    return PlannedCall(name, json.dumps(arguments))


def raw_call(name: str, arguments: str, id: str = "") -> PlannedCall:
    """A call whose arguments are sent as they stand."""
    return PlannedCall(name, arguments, id)


def calls(
    *planned: PlannedCall, text: str = "", finish: FinishReason = FinishReason.CALLS, usage: Usage = USAGE
) -> Callable[[ModelRequest], ModelReply]:
    """A reply with calls; ids are given by their place in the conversation, so a resume gives the same."""

    def reply(request: ModelRequest) -> ModelReply:
        number = itertools.count(1 + sum(isinstance(message, ToolOutput) for message in request.messages))
        made = tuple(
            ToolCall(plan.id or f"call_{next(number)}", plan.name, plan.arguments) for plan in planned
        )
        return ModelReply(AssistantMessage(text, made), finish, usage, "scripted")

    return reply


def says(text: str, finish: FinishReason = FinishReason.STOP) -> ModelReply:
    return ModelReply(AssistantMessage(text), finish, USAGE, "scripted")


def submits(outcome: str = "fixed", **arguments: Any) -> Callable[[ModelRequest], ModelReply]:
    return calls(call("submit", outcome=outcome, title="A title", summary="A summary", **arguments))


@dataclass
class ScriptedModel:
    steps: tuple[Step, ...]
    name: str = "scripted"
    requests: list[ModelRequest] = field(default_factory=list)

    def __init__(self, *steps: Step, name: str = "scripted") -> None:
        self.steps = steps
        self.name = name
        self.requests = []
        self.watch(lambda: 0)

    def watch(self, compactions: Callable[[], int]) -> None:
        """`compactions`: how many the log has announced so far; without a new one a request extends the last."""
        self._count, self._seen = compactions, compactions()

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        assert_valid_request(request)
        if self.requests:
            shortened, self._seen = self._count() > self._seen, self._count()
            assert_extends(self.requests[-1], request, head=HEAD if shortened else None)
        number = len(self.requests)
        self.requests.append(request)
        assert number < len(self.steps), (
            f"request {number + 1} is beyond the script of {len(self.steps)} steps"
        )
        step = self.steps[number]
        if isinstance(step, Exception):
            raise step
        reply = step(request) if callable(step) else step
        if on_text and reply.message.text:
            on_text(reply.message.text)
        return reply

    def check_finished(self) -> None:
        left = len(self.steps) - len(self.requests)
        assert left == 0, f"{left} steps of the script were not asked for"


def assert_valid_request(request: ModelRequest) -> None:
    """What servers insist on: a system message first, each call answered once, in order, at once."""
    assert request.messages, "no messages"
    assert isinstance(request.messages[0], SystemMessage)
    assert not any(isinstance(message, SystemMessage) for message in request.messages[1:])
    assert not isinstance(request.messages[-1], AssistantMessage), "nothing new to reply to"
    assert request.tools
    assert request.cache_key
    seen: set[str] = set()
    open_ids: list[str] = []
    for message in request.messages:
        if isinstance(message, ToolOutput):
            assert open_ids, f"output {message.call_id} has no call"
            assert message.call_id == open_ids.pop(0), "outputs are not in the order of their calls"
            continue
        assert not open_ids, f"calls {open_ids} have no output"
        if isinstance(message, AssistantMessage):
            assert message.text.strip() or message.calls, "an assistant message without content"
            open_ids = [call.id for call in message.calls]
            assert len(set(open_ids)) == len(open_ids)
            assert not seen & set(open_ids), "a call id is used again"
            seen |= set(open_ids)
    assert not open_ids, f"calls {open_ids} have no output"
    for message in request.messages:
        text = message.text.encode("utf-8")  # no lone surrogates
        assert b"\0" not in text


def assert_extends(before: ModelRequest, after: ModelRequest, head: int | None = None) -> None:
    """The later request begins with the earlier one, byte for byte; with its first `head` messages where a
    compaction was announced."""
    kept = before.messages[:head]
    assert [_bytes(message) for message in kept] == [
        _bytes(message) for message in after.messages[: len(kept)]
    ], "the conversation was changed"
    tools = [[render_canonical(render_tool(tool)) for tool in request.tools] for request in (before, after)]
    assert tools[0] == tools[1], "the tools were changed"
    assert before.cache_key == after.cache_key


def _bytes(message: Message) -> bytes:
    return render_canonical(render_message(message)).encode()
