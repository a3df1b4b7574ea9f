"""Server-sent events as chat servers send them."""

import json
from typing import Any

JsonObject = dict[str, Any]


def chunk(delta: JsonObject, finish: str | None = None, **more: Any) -> JsonObject:
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def text_chunk(text: str) -> JsonObject:
    return chunk({"content": text})


def call_chunk(index: int | None, arguments: str, id: str = "", name: str = "") -> JsonObject:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    piece = {"function": function, **({"index": index} if index is not None else {})}
    return chunk({"tool_calls": [{**piece, **({"id": id} if id else {})}]})


def usage_chunk(prompt: int, cached: int, completion: int) -> JsonObject:
    details = {"cached_tokens": cached}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}
    return {"model": "m-1", "choices": [], "usage": usage}


def end(reason: str = "stop") -> JsonObject:
    return chunk({}, reason)


def sse(*chunks: JsonObject, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(body)}\n\n" for body in chunks]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()
