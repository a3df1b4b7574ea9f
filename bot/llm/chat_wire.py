"""The bodies of Chat Completions: a request as JSON, and a reply gathered from a stream's chunks. Pure.

A request is a function of its messages alone, so that every request extends the last one byte for byte; the
messages stand last, so that the body but its closing brackets is a prefix of the next one's.
"""

import json
from dataclasses import dataclass, field
from typing import Final

from bot.errors import RetryLater
from bot.llm.contract import (
    AssistantMessage,
    Carried,
    FinishReason,
    Message,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Trouble,
    UserMessage,
)
from bot.llm.draft import (
    CallDraft,
    Gathered,
    JsonObject,
    carry,
    is_object,
    objects,
    parse_usage,
    sendable_arguments,
    sendable_name,
    sendable_text,
    string,
)
from bot.llm.features import Features
from bot.llm.sanitise import clean_text

REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_details")
"""Where servers put what the model thought. Kept and sent back only for families that need it."""

_ENDED: Final = frozenset({"stop", "tool_calls", "function_call", "length", "content_filter"})
# What servers say when their own back end gave up in the middle: the same request may pass.
_BROKEN: Final = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})


def render_chat(model: str, request: ModelRequest, features: Features, without: frozenset[str]) -> JsonObject:
    """The body of one streamed request. `without`: what this server refused before."""
    role = "system" if "developer" in without else features.system_role
    body: JsonObject = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    if features.effort:
        body["reasoning_effort"] = features.effort
    if request.tools:
        body["tools"] = [_render_tool(tool) for tool in request.tools]
        if features.parallel_calls:
            body["parallel_tool_calls"] = True
    if features.cache_key:
        body["prompt_cache_key"] = request.cache_key
    kept = {name: value for name, value in body.items() if name not in without}
    keep = features.keeps_reasoning and "carried" not in without
    return {**kept, "messages": [_render_message(message, role, keep) for message in request.messages]}


def _render_tool(tool: ToolSpec) -> JsonObject:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _render_message(message: Message, system_role: str, keep_reasoning: bool) -> JsonObject:
    match message:
        case SystemMessage(text):
            return {"role": system_role, "content": sendable_text(text)}
        case UserMessage(text):
            return {"role": "user", "content": sendable_text(text)}
        case ToolOutput(call_id, text):
            return {"role": "tool", "tool_call_id": call_id, "content": sendable_text(text)}
        case AssistantMessage(text, calls, carried):
            body: JsonObject = {"role": "assistant", "content": clean_text(text) or None}
            if keep_reasoning:
                body |= _kept_reasoning(carried)
            if calls:
                body["tool_calls"] = [_render_call(call) for call in calls]
            return body


def _kept_reasoning(carried: tuple[Carried, ...]) -> JsonObject:
    """The reasoning fields that this wire has carried; what the other wire has carried means nothing here."""
    fields: JsonObject = {}
    for one in carried:
        fields |= {name: value for name, value in json.loads(one.item).items() if name in REASONING_FIELDS}
    return fields


def _render_call(call: ToolCall) -> JsonObject:
    arguments = sendable_arguments(clean_text(call.arguments))
    function = {"name": sendable_name(call.name), "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


@dataclass
class ChatDraft:
    """A `Draft` that gathers the chunks of Chat Completions."""

    so_far: Gathered
    keeps_reasoning: bool = False
    _text: list[str] = field(default_factory=list)
    _calls: list[CallDraft] = field(default_factory=list)
    _open: dict[object, CallDraft] = field(default_factory=dict)
    _reasoning: dict[str, list[object]] = field(default_factory=dict)  # pieces of text, or entries

    def add(self, chunk: object) -> None:
        """Take one chunk. Raises RetryLater for what is no chunk at all, or says that the server broke."""
        if not isinstance(chunk, dict):
            raise RetryLater("the model's server sent a malformed chunk", 0.0)
        self.so_far.begun = True
        self.so_far.model = string(chunk.get("model")) or self.so_far.model
        if isinstance(usage := chunk.get("usage"), dict):
            self.so_far.usage = parse_usage(usage) or self.so_far.usage
        for choice in objects(chunk.get("choices"))[:1]:
            # A server that does not stream puts the same things into `message`.
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                self._add_delta(delta)
            self.so_far.finish = string(choice.get("finish_reason")) or self.so_far.finish
        if self.so_far.finish in _BROKEN:
            reason, self.so_far.finish = self.so_far.finish, None
            raise RetryLater(f"the model's server broke off: {reason}", 0.0)

    def add_whole(self, answer: JsonObject) -> None:
        """It has the shape of one chunk."""
        self.add(answer)

    def end(self) -> None:
        """The stream is over. Usage comes last: with it the reply is whole, though the server gave no reason."""
        if self.so_far.finish is None and self.so_far.usage is not None and (self._text or self._calls):
            self.so_far.finish = ""
        if self.so_far.finish is not None and self.so_far.finish not in _ENDED:
            self.so_far.note(Trouble.UNKNOWN_FINISH)

    def _add_delta(self, delta: JsonObject) -> None:
        if text := string(delta.get("content")):
            self._text.append(text)
            self.so_far.hear(text)
        if refused := string(delta.get("refusal")):
            self.so_far.refusal = True
            self._text.append(refused)
            self.so_far.hear(refused)
        for name in REASONING_FIELDS:
            self._add_reasoning(name, delta.get(name))
        for piece in objects(delta.get("tool_calls")):
            self._add_call(piece)

    def _add_reasoning(self, name: str, value: object) -> None:
        if isinstance(value, str) and value:
            self._reasoning.setdefault(name, []).append(value)
            self.so_far.size += len(value)
        elif isinstance(value, list) and value:
            self._reasoning.setdefault(name, []).extend(value)
            self.so_far.size += len(json.dumps(value))

    def _add_call(self, piece: JsonObject) -> None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call_id, name = string(piece.get("id")), string(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            self.so_far.note(Trouble.ARGUMENTS_AS_OBJECT)
        text = json.dumps(arguments) if isinstance(arguments, dict) else string(arguments)
        key = piece["index"] if isinstance(piece.get("index"), int) else None
        draft = self._open.get(key)
        if draft is None or _opens_another(draft, call_id, name, text):
            draft = CallDraft(call_id, name)
            self._open[key] = draft
            self._calls.append(draft)
        draft.name = draft.name or name
        draft.pieces.append(text)
        self.so_far.size += len(text)

    def message(self) -> AssistantMessage:
        carried: tuple[Carried, ...] = ()
        if self.keeps_reasoning and self._reasoning:
            carried = (carry(0, {name: _joined(pieces) for name, pieces in self._reasoning.items()}),)
        return AssistantMessage(
            clean_text("".join(self._text)), self.so_far.finished_calls(self._calls), carried
        )

    def finish_reason(self) -> FinishReason:
        if self.so_far.overlong or self.so_far.finish == "length":
            return FinishReason.LENGTH
        if self.so_far.refusal or self.so_far.finish == "content_filter":
            return FinishReason.REFUSAL
        return FinishReason.CALLS if self._calls else FinishReason.STOP


def _joined(pieces: list[object]) -> object:
    """A text that came in pieces; anything else is a list of entries."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    return "".join(texts) if len(texts) == len(pieces) else pieces


def _opens_another(draft: CallDraft, call_id: str, name: str, arguments: str) -> bool:
    """Some servers send every call with index 0 or none. Then another id with a name opens a new call; and, where
    there are no ids either, a name with arguments behind a call whose arguments are whole."""
    if not name:
        return False
    if call_id:
        return call_id != draft.id
    return bool(arguments) and draft.pieces != [] and is_object("".join(draft.pieces))
