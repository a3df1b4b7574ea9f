"""The bodies of Chat Completions: a request as JSON, and a reply gathered from a stream's chunks. Pure.

A request is a function of its messages alone, so that every request extends the last one byte for byte.
Chunks are read as untrusted data: compatible servers leave fields out, repeat indices and invent ids.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain import limits
from bot.errors import RetryLater
from bot.llm.contract import (
    AssistantMessage,
    FinishReason,
    Message,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Usage,
    UserMessage,
)
from bot.llm.features import Features
from bot.llm.sanitise import clean_text

JsonObject = dict[str, Any]

OPTIONAL_FIELDS = ("stream_options", "parallel_tool_calls", "prompt_cache_key")
"""May be left out for a server whose 400 names them."""


def render_request(
    model: str, request: ModelRequest, features: Features, without: frozenset[str]
) -> JsonObject:
    """The body of one streamed request. `without`: optional fields that this server refused before."""
    role = "system" if "developer" in without else features.system_role
    body: JsonObject = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [_render_tool(tool) for tool in request.tools],
    }
    if features.parallel_calls:
        body["parallel_tool_calls"] = True
    if features.cache_key:
        body["prompt_cache_key"] = request.cache_key
    # Last: so the whole body but its closing brackets is a prefix of the next one's.
    body["messages"] = [_render_message(message, role) for message in request.messages]
    return {name: value for name, value in body.items() if name not in without and value != []}


def _render_tool(tool: ToolSpec) -> JsonObject:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _render_message(message: Message, system_role: str) -> JsonObject:
    match message:
        case SystemMessage(text):
            return {"role": system_role, "content": clean_text(text)}
        case UserMessage(text):
            return {"role": "user", "content": clean_text(text)}
        case ToolOutput(call_id, text):
            return {"role": "tool", "tool_call_id": call_id, "content": clean_text(text)}
        case AssistantMessage(text, ()):
            return {"role": "assistant", "content": clean_text(text)}
        case AssistantMessage(text, calls):
            return {
                "role": "assistant",
                "content": clean_text(text) or None,
                "tool_calls": [_render_call(call) for call in calls],
            }


def _render_call(call: ToolCall) -> JsonObject:
    function = {"name": clean_text(call.name), "arguments": _sendable_arguments(clean_text(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}


def _sendable_arguments(arguments: str) -> str:
    """Servers with chat templates parse the arguments of earlier calls and fail on malformed ones."""
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except ValueError:
        pass
    return json.dumps({"malformed": arguments}, ensure_ascii=False)


@dataclass
class _CallDraft:
    id: str
    name: str
    pieces: list[str] = field(default_factory=list)


@dataclass
class ReplyDraft:
    """Gathers chunks. `finish` stays None until the server says why it stopped: then the stream was whole."""

    taken_ids: set[str]
    on_text: Callable[[str], None] | None = None
    model: str = ""
    finish: str | None = None
    refusal: bool = False
    usage: Usage | None = None
    size: int = 0
    _text: list[str] = field(default_factory=list)
    _calls: list[_CallDraft] = field(default_factory=list)
    _open: dict[object, _CallDraft] = field(default_factory=dict)

    @property
    def overlong(self) -> bool:
        return self.size > limits.MODEL_REPLY_BYTES

    def add(self, chunk: object) -> None:
        """Take one chunk. Raises RetryLater for what is no chunk at all."""
        if not isinstance(chunk, dict):
            raise RetryLater("the model's server sent a malformed chunk", 0.0)
        self.model = _string(chunk.get("model")) or self.model
        if isinstance(usage := chunk.get("usage"), dict):
            self.usage = parse_usage(usage)
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return
        delta = choices[0].get("delta")
        if isinstance(delta, dict):
            self._add_delta(delta)
        self.finish = _string(choices[0].get("finish_reason")) or self.finish

    def _add_delta(self, delta: JsonObject) -> None:
        self._add_text(_string(delta.get("content")))
        if refused := _string(delta.get("refusal")):
            self.refusal = True
            self._add_text(refused)
        calls = delta.get("tool_calls")
        for piece in calls if isinstance(calls, list) else []:
            if isinstance(piece, dict):
                self._add_call(piece)

    def _add_text(self, text: str) -> None:
        if text:
            self._text.append(text)
            self.size += len(text)
            if self.on_text:
                self.on_text(text)

    def _add_call(self, piece: JsonObject) -> None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        key, call_id, name = piece.get("index"), _string(piece.get("id")), _string(function.get("name"))
        draft = self._open.get(key)
        # Some servers send every call with index 0 (or none): a new id with a name opens a new call.
        if draft is None or (call_id and name and call_id != draft.id):
            draft = _CallDraft(call_id, name)
            self._open[key] = draft
            self._calls.append(draft)
        else:
            draft.name = draft.name or name
        arguments = function.get("arguments")
        # Some servers send the arguments as an object instead of its text.
        text = json.dumps(arguments) if isinstance(arguments, dict) else _string(arguments)
        draft.pieces.append(text)
        self.size += len(text)

    def message(self) -> AssistantMessage:
        """The message, with ids that are unique in the conversation, and text that can be stored and sent."""
        calls = []
        for draft in self._calls:
            call_id = clean_text(draft.id)
            if not call_id or call_id in self.taken_ids:
                call_id = _fresh_id(self.taken_ids)
            self.taken_ids.add(call_id)
            calls.append(ToolCall(call_id, clean_text(draft.name), clean_text("".join(draft.pieces))))
        return AssistantMessage(clean_text("".join(self._text)), tuple(calls))

    def finish_reason(self) -> FinishReason:
        if self.overlong or self.finish == "length":
            return FinishReason.LENGTH
        if self.refusal or self.finish == "content_filter":
            return FinishReason.REFUSAL
        return FinishReason.CALLS if self._calls else FinishReason.STOP


def parse_usage(usage: JsonObject) -> Usage:
    """Tokens as the server reports them; what it leaves out counts as nothing."""
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        input_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(cached),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def estimate_usage(body_bytes: int, reply_bytes: int) -> Usage:
    """For servers that report no usage: four bytes a token, as for everything else that is estimated."""
    return Usage(input_tokens=body_bytes // 4, output_tokens=reply_bytes // 4)


def used_call_ids(messages: tuple[Message, ...]) -> set[str]:
    return {
        call.id for message in messages if isinstance(message, AssistantMessage) for call in message.calls
    }


def _fresh_id(taken: set[str]) -> str:
    number = len(taken) + 1
    while f"call_{number}" in taken:
        number += 1
    return f"call_{number}"


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
