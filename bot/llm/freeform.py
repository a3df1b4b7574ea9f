"""Tools that some families take as plain text instead of JSON. Pure.

A patch inside a JSON string costs escapes and mistakes; families that are trained on `apply_patch` may write it
as it is, held to a grammar. To the agent such a call looks like any other: its text becomes the one argument.
On wires and for families without such tools the same call goes as JSON, so a history is valid on both.
"""

import json
from typing import Final

from bot.llm.contract import ToolCall, ToolSpec

GRAMMARS: Final[dict[str, str]] = {
    "apply_patch": r"""start: "*** Begin Patch" LF file+ "*** End Patch" LF?
file: add | delete | update
add: "*** Add File: " REST LF ("+" REST? LF)*
delete: "*** Delete File: " REST LF
update: "*** Update File: " REST LF move? hunk*
move: "*** Move to: " REST LF
hunk: anchor* line+ last?
anchor: "@@" LF | "@@ " REST LF
line: ("+" | "-" | " ") REST? LF
last: "*** End of File" LF
REST: /[^\r\n]+/
%import common.LF
"""
}
"""Lark grammars by the name of the tool."""


def freeform_argument(tool: ToolSpec) -> str | None:
    """The argument that the plain text stands for; None when the tool takes JSON only."""
    required = tool.parameters.get("required") or list(tool.parameters.get("properties", {}))
    return str(required[0]) if tool.name in GRAMMARS and len(required) == 1 else None


def to_arguments(argument: str, text: str) -> str:
    """The arguments of a call that was written as plain text."""
    return json.dumps({argument: text}, ensure_ascii=False)


def to_text(argument: str, call: ToolCall) -> str | None:
    """The plain text of a call; None when its arguments are not exactly that one (it was written as JSON)."""
    try:
        body = json.loads(call.arguments)
    except ValueError:
        return None
    if not isinstance(body, dict) or list(body) != [argument] or not isinstance(body[argument], str):
        return None
    return str(body[argument])
