"""What a server refuses although its family's row says that it takes it. Pure.

Compatible servers differ in the optional parts of a request. A refusal that names one is answered by leaving that
part out from then on. Only what stands here is ever left out: nothing without which the loop would break.
"""

import re
from typing import Final

from bot.llm.contract import ContextOverflow
from bot.llm.draft import JsonObject
from bot.llm.faults import Failure, decide_fault
from bot.llm.features import Wire

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    # The name in the request, and other words by which refusals name it.
    "stream_options": ("include_usage",),
    "parallel_tool_calls": ("parallel tool calls", "parallel function calling"),
    "prompt_cache_key": (),
    "reasoning_effort": ("reasoning effort",),
    "reasoning": ("reasoning.effort", "reasoning effort"),
    "include": ("encrypted_content", "encrypted content"),
    "store": (),
}
_REFUSING: Final = frozenset({400, 404, 415, 422, 501})
# llama-cpp-python says with 500 what its validation found.
_VALIDATION: Final = re.compile(r"literal_error|extra_forbidden|validation error", re.IGNORECASE)
_NO_SUCH_WIRE: Final = frozenset({404, 405, 501})


def decide_left_out(failure: Failure, body: JsonObject) -> str | None:
    """The part of `body` that the failure refuses and that may be left out; None: it is about something else.

    Beside fields: `developer` (the role), `strict`, `custom` (plain-text tools), `carried` (reasoning)."""
    validated = failure.status == 500 and _VALIDATION.search(failure.message)
    if failure.status not in _REFUSING and not validated:
        return None
    if isinstance(decide_fault(failure), ContextOverflow):
        return None
    items = body.get("messages") or body.get("input") or []
    if failure.code == "invalid_encrypted_content" and any(_carries(item) for item in items):
        return "carried"
    param = re.split(r"[.\[]", failure.param, maxsplit=1)[0]
    if param in _FIELDS and param in body:
        return param
    message = failure.message.lower()
    for name, words in _FIELDS.items():
        if name in body and (_names(message, name) or any(word in message for word in words)):
            return name
    return _decide_part(message, items, body.get("tools", []))


def _names(message: str, field: str) -> bool:
    """Names of one word are words of English too: those have to stand behind a colon or a quotation mark."""
    return field in message if "_" in field else bool(re.search(rf"[:'\"`]\s?{field}\b", message))


def _decide_part(message: str, items: list[JsonObject], tools: list[JsonObject]) -> str | None:
    """Parts that are not fields of the body itself."""
    if "developer" in message and any(item.get("role") == "developer" for item in items):
        return "developer"
    if "strict" in message and any("strict" in tool for tool in tools):
        return "strict"
    if any(word in message for word in ("custom", "grammar", "lark")) and any(
        tool.get("type") == "custom" for tool in tools
    ):
        return "custom"
    if "reasoning" in message and any(_carries(item) for item in items):
        return "carried"
    return None


def _carries(item: JsonObject) -> bool:
    return item.get("type") == "reasoning" or any(name.startswith("reasoning") for name in item)


def decide_other_wire(failure: Failure, wire: Wire, wanted: Wire) -> bool:
    """True when the server has no Responses (and the operator left the choice to us). A model that is unknown
    is unknown on either wire."""
    if wire is not Wire.RESPONSES or wanted is not Wire.AUTO or failure.status not in _NO_SUCH_WIRE:
        return False
    return "model" not in failure.code and not re.search(
        r"model\b.*(not|n't)", failure.message, re.IGNORECASE
    )
