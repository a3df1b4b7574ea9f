"""The bodies of the Responses API: a request as JSON, and a reply gathered from a stream's events. Pure.

Nothing is stored at the server (`store` false): the whole conversation goes with each request, and what the model
thought comes back encrypted and is carried along in its place. Items are sent without the server's ids, which
mean nothing to a server that stores nothing. The input stands last, so that the body but its closing brackets is
a prefix of the next one's.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
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
    StreamFailed,
    carry,
    objects,
    parse_usage,
    sendable_arguments,
    sendable_name,
    sendable_text,
    string,
)
from bot.llm.features import Features
from bot.llm.freeform import GRAMMARS, freeform_argument, to_arguments, to_text
from bot.llm.sanitise import clean_text

_ENCRYPTED: Final = "reasoning.encrypted_content"
_PARTS: Final = {"output_text": "text", "refusal": "refusal"}
_FIELDS: Final = {"function_call": "arguments", "custom_tool_call": "input"}


def render_responses(
    model: str, request: ModelRequest, features: Features, without: frozenset[str]
) -> JsonObject:
    """The body of one streamed request. `without`: what this server refused before."""
    role = "system" if "developer" in without else features.system_role
    free = freeform_arguments(request, features, without)
    body: JsonObject = {"model": model, "stream": True, "store": False}
    if features.reasoning:
        body["include"] = [_ENCRYPTED]
    if features.effort:
        body["reasoning"] = {"effort": features.effort}
    if request.tools:
        body["tools"] = [_render_tool(tool, free, "strict" not in without) for tool in request.tools]
        if features.parallel_calls:
            body["parallel_tool_calls"] = True
    if features.cache_key:
        body["prompt_cache_key"] = request.cache_key
    kept = {name: value for name, value in body.items() if name not in without}
    customs = _custom_calls(request.messages, free)
    items = (
        item
        for message in request.messages
        for item in _render_items(message, role, customs, "carried" not in without)
    )
    return {**kept, "input": list(items)}


def freeform_arguments(request: ModelRequest, features: Features, without: frozenset[str]) -> dict[str, str]:
    """By tool: the argument that plain text stands for. Empty where the family takes none."""
    if not features.freeform or "custom" in without:
        return {}
    found = {tool.name: freeform_argument(tool) for tool in request.tools}
    return {name: argument for name, argument in found.items() if argument}


def _render_tool(tool: ToolSpec, free: dict[str, str], strict: bool) -> JsonObject:
    head = {"name": tool.name, "description": tool.description}
    if tool.name in free:
        grammar = {"type": "grammar", "syntax": "lark", "definition": GRAMMARS[tool.name]}
        return {"type": "custom", **head, "format": grammar}
    # The server's own default is strict, which refuses optional arguments.
    return {
        "type": "function",
        **head,
        "parameters": tool.parameters,
        **({"strict": False} if strict else {}),
    }


def _custom_calls(messages: tuple[Message, ...], free: dict[str, str]) -> dict[str, str]:
    """By call id: the plain text of the calls that go as such."""
    if not free:
        return {}
    calls = (
        (call, to_text(free[call.name], call))
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.calls
        if call.name in free
    )
    return {call.id: text for call, text in calls if text is not None}


def _render_items(
    message: Message, role: str, customs: dict[str, str], keep_carried: bool
) -> Iterator[JsonObject]:
    match message:
        case SystemMessage(text):
            yield {"role": role, "content": sendable_text(text)}
        case UserMessage(text):
            yield {"role": "user", "content": sendable_text(text)}
        case ToolOutput(call_id, text):
            kind = "custom_tool_call_output" if call_id in customs else "function_call_output"
            yield {"type": kind, "call_id": call_id, "output": sendable_text(text)}
        case AssistantMessage(text, calls, carried):
            own = _own_items(carried)
            if not own and text.strip():
                yield {"role": "assistant", "content": clean_text(text)}
            for number in range(len(calls) + 1):
                yield from (
                    item
                    for before, item in own
                    if before == number and (keep_carried or item["type"] != "reasoning")
                )
                if number < len(calls):
                    yield _render_call(calls[number], customs)


def _own_items(carried: tuple[Carried, ...]) -> list[tuple[int, JsonObject]]:
    """What this wire has carried; the other wire's entries have no type."""
    items = [(one.before, _parse_item(one.item)) for one in carried]
    return [(before, item) for before, item in items if item.get("type") in ("reasoning", "message")]


@lru_cache(maxsize=512)
def _parse_item(item: str) -> JsonObject:
    """Kept, for each of the history goes with every request. Nobody changes what is sent."""
    found: JsonObject = json.loads(item)
    return found


def _render_call(call: ToolCall, customs: dict[str, str]) -> JsonObject:
    head = {"call_id": call.id, "name": sendable_name(call.name)}
    if call.id in customs:
        return {"type": "custom_tool_call", **head, "input": clean_text(customs[call.id])}
    return {"type": "function_call", **head, "arguments": sendable_arguments(clean_text(call.arguments))}


@dataclass
class ResponsesDraft:
    """A `Draft` that gathers the events of Responses. `free`: the arguments of tools that are written as plain text."""

    so_far: Gathered
    free: dict[str, str] = field(default_factory=dict)
    incomplete: str = ""
    _items: dict[object, JsonObject] = field(default_factory=dict)  # in the order of their coming
    _pieces: dict[object, list[str]] = field(
        default_factory=dict
    )  # of each item: what counts when it never comes whole

    def add(self, event: object) -> None:
        """Take one event. Raises RetryLater for what is no event, StreamFailed when it says so."""
        if not isinstance(event, dict):
            raise RetryLater("the model's server sent a malformed event", 0.0)
        self.so_far.begun = True
        kind, delta = string(event.get("type")), string(event.get("delta"))
        if kind.endswith(".delta"):
            self._add_delta(kind, event, delta)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            if isinstance(item := event.get("item"), dict):
                self._add_item(_key(event, item), item, whole=kind.endswith("done"))
        elif kind == "error":
            raise StreamFailed(string(event.get("code")), string(event.get("message")))
        elif isinstance(response := event.get("response"), dict):
            self._add_response(kind.removeprefix("response."), response)

    def _add_delta(self, kind: str, event: JsonObject, delta: str) -> None:
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            self._pieces.setdefault(_key(event, {}), []).append(delta)
            self.so_far.hear(delta)
            return
        self.so_far.size += len(delta)  # reasoning that is shown is counted and not kept
        if kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            self._pieces.setdefault(_key(event, {}), []).append(delta)

    def _add_item(self, key: object, item: JsonObject, whole: bool) -> None:
        self._items[key] = item
        if whole and key not in self._pieces:
            self.so_far.size += len(json.dumps(item))

    def _add_response(self, kind: str, response: JsonObject) -> None:
        self.so_far.model = string(response.get("model")) or self.so_far.model
        if isinstance(usage := response.get("usage"), dict):
            self.so_far.usage = parse_usage(usage)
        if kind == "failed":
            error = response.get("error")
            error = error if isinstance(error, dict) else {}
            raise StreamFailed(string(error.get("code")), string(error.get("message")) or "no reason given")
        if kind in ("completed", "incomplete"):
            details = response.get("incomplete_details")
            self.incomplete = string(details.get("reason")) if isinstance(details, dict) else ""
            self.so_far.finish = kind
            if not self._items:  # some servers send the items only here
                self._items = dict(enumerate(objects(response.get("output"))))

    def add_whole(self, answer: JsonObject) -> None:
        """It is what the last event would hold."""
        status = string(answer.get("status")) or "completed"
        self.add({"type": f"response.{status}", "response": answer})

    def end(self) -> None:
        """The stream is over."""
        if self.incomplete not in ("", "max_output_tokens", "content_filter"):
            self.so_far.note(Trouble.UNKNOWN_FINISH)
        parts = (part for item in self._items.values() for part in objects(item.get("content")))
        self.so_far.refusal = self.so_far.refusal or any(part.get("type") == "refusal" for part in parts)

    def message(self) -> AssistantMessage:
        texts: list[str] = []
        drafts: list[CallDraft] = []
        items: list[tuple[int, JsonObject]] = []  # all but the calls, each before which of them
        for key in dict.fromkeys((*self._items, *self._pieces)):
            item = self._items.get(key, {"type": "message"})
            kind = string(item.get("type"))
            if kind == "message":
                texts.append(text := self._text_of(key, item))
                if text.strip():
                    items.append((len(drafts), _message_item(item, text)))
            elif kind in _FIELDS:
                drafts.append(self._call_of(key, item))
            elif kind == "reasoning":
                if item.get("encrypted_content"):
                    kept = {name: item[name] for name in item if name not in ("id", "status")}
                    items.append((len(drafts), kept))
            else:
                self.so_far.note(Trouble.UNKNOWN_ITEM)
        return AssistantMessage(
            clean_text("".join(texts)), self.so_far.finished_calls(drafts), _to_carry(items, len(drafts))
        )

    def _text_of(self, key: object, item: JsonObject) -> str:
        parts = objects(item.get("content"))
        whole = "".join(string(part.get(_PARTS.get(string(part.get("type")), ""))) for part in parts)
        return whole or "".join(self._pieces.get(key, ()))

    def _call_of(self, key: object, item: JsonObject) -> CallDraft:
        name = string(item.get("name"))
        written = item.get(_FIELDS[string(item.get("type"))])
        if isinstance(written, dict):
            self.so_far.note(Trouble.ARGUMENTS_AS_OBJECT)
        text = json.dumps(written) if isinstance(written, dict) else string(written)
        text = text or "".join(self._pieces.get(key, ()))
        if item["type"] == "custom_tool_call":
            text = to_arguments(self.free.get(name, "input"), text)
        return CallDraft(string(item.get("call_id")), name, [text])

    def finish_reason(self) -> FinishReason:
        if self.incomplete == "content_filter" or self.so_far.refusal:
            return FinishReason.REFUSAL
        if self.so_far.overlong or self.so_far.finish == "incomplete":
            return FinishReason.LENGTH
        called = any(string(item.get("type")) in _FIELDS for item in self._items.values())
        return FinishReason.CALLS if called else FinishReason.STOP


def _key(event: JsonObject, item: JsonObject) -> object:
    """Which item an event is about: by its place, or by its id at servers that leave the place out."""
    place = event.get("output_index")
    if isinstance(place, int):
        return place
    return string(event.get("item_id")) or string(item.get("id")) or string(item.get("call_id"))


def _to_carry(items: list[tuple[int, JsonObject]], calls: int) -> tuple[Carried, ...]:
    """Nothing, when text and calls say it all: text first, without a phase, and no reasoning."""
    while items and items[-1][0] == calls and items[-1][1]["type"] == "reasoning":
        items.pop()  # a server refuses reasoning that nothing follows
    if all(before == 0 and item["type"] == "message" and "phase" not in item for before, item in items):
        return ()
    return tuple(carry(before, item) for before, item in items)


def _message_item(item: JsonObject, text: str) -> JsonObject:
    """A message as it goes back: with its phase, which the server wants to see again."""
    part = {"type": "output_text", "text": text, "annotations": []}
    kept: JsonObject = {"type": "message", "role": "assistant", "content": [part]}
    if phase := string(item.get("phase")):
        kept["phase"] = phase
    return kept
