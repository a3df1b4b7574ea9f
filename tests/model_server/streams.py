"""A reply as the chunks of Chat Completions and as the events of Responses. Pure.

`Shape` is a reply with everything that can be odd about it already decided; the two renderers only spell it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.model_server.script import Call, Fault, Reply
from tests.model_server.seen import Seen

JsonObject = dict[str, Any]

OVERLONG_BYTES = 3 * 1024 * 1024
PIECE = 64  # characters of one delta


@dataclass(frozen=True)
class Shape:
    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning: str = ""  # encrypted on Responses, plain in Chat Completions
    finish: str = ""  # empty: by what it holds; else "length", "filter" or an unknown word
    refused: bool = False  # the text is a refusal
    usage: tuple[int, int, int] | None = (0, 0, 0)  # input, cached, output


def shape_of(reply: Reply, seen: Seen, fault: Fault | None, cached: int) -> Shape:
    """What goes out for `reply`. `cached`: bytes of the prompt that the previous request had as well."""
    calls = tuple(
        replace(call, id=call.id or f"call_{seen.turn + 1}_{index + 1}")
        for index, call in enumerate(reply.calls)
    )
    shape = Shape(reply.text, calls, usage=(len(seen.raw) // 4, cached // 4, 50))
    if seen.responses and "reasoning.encrypted_content" in seen.body.get("include", ()):
        shape = replace(shape, reasoning=f"thought-{seen.turn + 1}")
    return _distort(shape, seen, fault) if fault else shape


def _distort(shape: Shape, seen: Seen, fault: Fault) -> Shape:
    last, usage = shape.calls[-1:], shape.usage or (0, 0, 0)
    ids = seen.call_ids
    renamed = {Fault.SAME_IDS: ids[0] if ids else "same", Fault.NO_IDS: "", Fault.ODD_IDS: "an odd id " * 20}
    changed = {
        Fault.EMPTY: Shape(usage=usage),
        Fault.REASONING_ONLY: Shape(reasoning="thought", usage=usage),
        Fault.REFUSAL: Shape("I can't help with that.", refused=True, usage=usage),
        Fault.FILTERED: Shape(finish="filter", usage=usage),
        Fault.CUT_BY_LENGTH: Shape(
            shape.text[: len(shape.text) // 2],
            tuple(replace(call, arguments=_text(call)[: len(_text(call)) // 2]) for call in last),
            finish="length",
            usage=usage,
        ),
        Fault.OVERLONG: Shape("x" * OVERLONG_BYTES, usage=usage),
        Fault.TEXT_ONLY: Shape("I would look at the file first.", usage=usage),
        Fault.UNKNOWN_TOOL: replace(
            shape, calls=(Call("functions.browse the web!", {"url": "x"}, "call_web"),)
        ),
        Fault.BAD_ARGUMENTS: replace(shape, calls=(Call("shell", '{"command": "ls', "call_bad"),)),
        Fault.UNKNOWN_FINISH: replace(shape, finish="eos_token"),
        Fault.NO_USAGE: replace(shape, usage=None),
        Fault.SHORT_USAGE: replace(shape, usage=(usage[0] // 10, 0, 50)),
        Fault.SURROGATES: replace(shape, text=f"{shape.text} \ud83d \x00"),
    }
    if fault in renamed:
        return replace(shape, calls=tuple(replace(call, id=renamed[fault]) for call in shape.calls))
    return changed.get(fault, shape)


def _text(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def _pieces(text: str) -> Iterator[str]:
    size = max(PIECE, len(text) // 16)
    return (text[start : start + size] for start in range(0, len(text), size))


# -- Chat Completions ---------------------------------------------------------------------------------------


def chat_chunks(shape: Shape) -> Iterator[JsonObject]:
    if shape.reasoning:
        yield _chunk({"role": "assistant", "reasoning_content": shape.reasoning})
    for piece in _pieces(shape.text):
        yield _chunk({"refusal" if shape.refused else "content": piece})
    for index, call in enumerate(shape.calls):
        head = {"index": index, "type": "function", **({"id": call.id} if call.id else {})}
        yield _chunk({"tool_calls": [{**head, "function": {"name": call.name, "arguments": ""}}]})
        for piece in _pieces(_text(call)):
            yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    words = {"": "tool_calls" if shape.calls else "stop", "filter": "content_filter"}
    yield _chunk({}, words.get(shape.finish, shape.finish))
    if shape.usage is not None:
        read, cached, written = shape.usage
        details = {"cached_tokens": cached}
        yield {
            "model": "model-1",
            "choices": [],
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "prompt_tokens_details": details,
            },
        }


def _chunk(delta: JsonObject, finish: str | None = None) -> JsonObject:
    return {"model": "model-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


# -- Responses ----------------------------------------------------------------------------------------------


def response_events(shape: Shape, seen: Seen) -> Iterator[JsonObject]:
    yield _event("created", response=_response("in_progress", [], shape))
    items = list(_items(shape, seen))
    for index, item in enumerate(items):
        kind = item["type"]
        if kind == "message":
            part = item["content"][0]
            word = part["type"].removeprefix("output_")
            yield _event("output_item.added", output_index=index, item={**item, "content": []})
            for piece in _pieces(part.get("text", part.get("refusal"))):
                name = "refusal.delta" if word == "refusal" else "output_text.delta"
                yield _event(name, output_index=index, content_index=0, delta=piece)
        elif kind in ("function_call", "custom_tool_call"):
            field = "arguments" if kind == "function_call" else "input"
            yield _event("output_item.added", output_index=index, item={**item, field: ""})
            name = "function_call_arguments" if kind == "function_call" else "custom_tool_call_input"
            for piece in _pieces(item[field]):
                yield _event(f"{name}.delta", output_index=index, delta=piece)
            yield _event(f"{name}.done", output_index=index, **{field: item[field]})
        yield _event("output_item.done", output_index=index, item=item)
    reasons = {"length": "max_output_tokens", "filter": "content_filter"}
    reason = reasons.get(shape.finish, shape.finish)
    if reason:
        ended = {**_response("incomplete", items, shape), "incomplete_details": {"reason": reason}}
        yield _event("incomplete", response=ended)
    else:
        yield _event("completed", response=_response("completed", items, shape))


def _items(shape: Shape, seen: Seen) -> Iterator[JsonObject]:
    turn = seen.turn + 1
    if shape.reasoning:
        yield {
            "type": "reasoning",
            "id": f"rs_{turn}",
            "summary": [],
            "encrypted_content": shape.reasoning,
        }
    if shape.text:
        part: JsonObject = {"type": "output_text", "text": shape.text, "annotations": []}
        if shape.refused:
            part = {"type": "refusal", "refusal": shape.text}
        yield {
            "type": "message",
            "id": f"msg_{turn}",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    for index, call in enumerate(shape.calls):
        head = {"id": f"fc_{turn}_{index}", "call_id": call.id, "name": call.name, "status": "completed"}
        if seen.custom_tool(call.name):
            yield {"type": "custom_tool_call", **head, "input": _free_text(call)}
        else:
            yield {"type": "function_call", **head, "arguments": _text(call)}


def _free_text(call: Call) -> str:
    """The only argument's value, as a model that was given the tool as plain text writes it."""
    return (
        str(next(iter(call.arguments.values()), "")) if isinstance(call.arguments, dict) else call.arguments
    )


def _response(status: str, items: list[JsonObject], shape: Shape) -> JsonObject:
    body: JsonObject = {"id": "resp_1", "status": status, "model": "model-1", "output": items, "error": None}
    if status != "in_progress" and shape.usage is not None:
        read, cached, written = shape.usage
        body["usage"] = {
            "input_tokens": read,
            "output_tokens": written,
            "total_tokens": read + written,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
    return body


def _event(name: str, **fields: Any) -> JsonObject:
    return {"type": f"response.{name}", **fields}
