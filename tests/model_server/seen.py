"""A request as the server saw it, and whether a real server would have taken it. Pure.

`find_faults` judges one request alone, `extends` two in a row: the later must begin with the earlier, byte for
byte, tools and all, unless a compaction was announced.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

CALLS = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")


@dataclass(frozen=True)
class Seen:
    """`path`: `/v1/responses` or `/v1/chat/completions`."""

    path: str
    raw: bytes
    body: JsonObject

    @property
    def responses(self) -> bool:
        return self.path.endswith("/responses")

    @property
    def items(self) -> list[JsonObject]:
        """The conversation: messages, or the items of Responses."""
        return list(self.body["input" if self.responses else "messages"])

    @property
    def turn(self) -> int:
        """How many replies it holds: a function of the request alone, so that a resumed run gets the same."""
        if not self.responses:
            return sum(item["role"] == "assistant" for item in self.items)
        ours = [_is_ours(item) for item in self.items]
        return sum(now and not before for before, now in zip([False, *ours], ours, strict=False))

    @property
    def call_ids(self) -> list[str]:
        return [identity for kind, identity in _pairs(self) if kind == "call"]

    def custom_tool(self, name: str) -> bool:
        return any(t.get("type") == "custom" and t.get("name") == name for t in self.body.get("tools", ()))


def _is_ours(item: JsonObject) -> bool:
    """Said by the model."""
    return item.get("type") in (*CALLS, "reasoning") or item.get("role") == "assistant"


def find_faults(seen: Seen) -> list[str]:
    """What a strict server would refuse, as sentences; empty: valid."""
    found: list[str] = []
    try:
        text = seen.raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {error}"]
    if "\\u0000" in text or ("\\ud" in text.lower() and _has_surrogate(seen.body)):
        found.append("NUL or a lone surrogate")
    if not seen.items:
        return [*found, "no messages"]
    if _is_ours(seen.items[-1]):
        found.append("nothing new to reply to")
    names = [_tool_name(tool) for tool in seen.body.get("tools", [])]
    if len(set(names)) != len(names):
        found.append("a tool is offered twice")
    return [*found, *_find_pairing_faults(seen), *_find_shape_faults(seen)]


def _find_pairing_faults(seen: Seen) -> Iterator[str]:
    """Each call has exactly one output with its id, at once and in order; no output is an orphan."""
    used: set[str] = set()
    waiting: list[str] = []
    for kind, identity in _pairs(seen):
        if kind == "call":
            if identity in used:
                yield f"the call id {identity} is used twice"
            used.add(identity)
            waiting.append(identity)
        elif kind == "output":
            if not waiting:
                yield f"the output {identity} has no call"
            elif waiting.pop(0) != identity:
                yield f"the output {identity} is out of order"
        elif waiting:
            yield f"no output for {waiting}"
            waiting.clear()
    if waiting:
        yield f"no output for {waiting}"


def _find_shape_faults(seen: Seen) -> Iterator[str]:
    for item in seen.items:
        for call in _calls_of(item, seen.responses):
            identity, name, arguments = call
            if not 0 < len(identity) <= 64:
                yield f"a call id of {len(identity)} characters"
            if (
                not name
                or len(name) > 64
                or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
            ):
                yield f"no name for a tool: {name!r}"
            if arguments is not None:
                try:
                    if not isinstance(json.loads(arguments), dict):
                        yield "arguments that are no object"
                except ValueError:
                    yield "arguments that are no JSON"
        if item.get("role") == "assistant" and not item.get("content") and not item.get("tool_calls"):
            yield "an assistant message without content"


def _pairs(seen: Seen) -> Iterator[tuple[str, str]]:
    """("call" | "output" | "word", id) in order."""
    for item in seen.items:
        if seen.responses and item.get("type") in CALLS:
            yield "call", str(item.get("call_id"))
        elif seen.responses and item.get("type") in OUTPUTS:
            yield "output", str(item.get("call_id"))
        elif seen.responses and _is_ours(item):
            continue  # reasoning and text stand between the calls of one reply
        elif item.get("role") == "tool":
            yield "output", str(item.get("tool_call_id"))
        else:
            yield "word", ""
            for call in item.get("tool_calls") or ():
                yield "call", str(call.get("id"))


def _calls_of(item: JsonObject, responses: bool) -> Iterator[tuple[str, str, str | None]]:
    if responses and item.get("type") in CALLS:
        yield str(item.get("call_id") or ""), str(item.get("name") or ""), item.get("arguments")
    for call in item.get("tool_calls") or ():
        yield (
            str(call.get("id") or ""),
            str(call["function"].get("name") or ""),
            call["function"]["arguments"],
        )


def _tool_name(tool: JsonObject) -> str:
    return str(tool.get("name") or tool.get("function", {}).get("name"))


def _has_surrogate(value: object) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(_has_surrogate(part) for part in (*value.keys(), *value.values()))
    return isinstance(value, list) and any(_has_surrogate(part) for part in value)


def extends(before: Seen, after: Seen) -> bool:
    """The later request's bytes begin with the earlier one's. The conversation stands last in the body, so the
    earlier body less its closing `]}` is a prefix of the later."""
    return after.path == before.path and after.raw.startswith(before.raw.removesuffix(b"]}"))
