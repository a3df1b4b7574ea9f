"""From the raw text of a call to checked arguments; from a model class to the schema on the wire. Pure.

Models know other harnesses' argument names and make a few harmless mistakes in JSON. Those are mended and
noted; everything else is answered with what is wrong and an example, and nothing runs.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError

from bot.agent.tools.contract import Arguments, Tool
from bot.agent.tools.json_repair import parse_arguments
from bot.llm.contract import ToolCall, ToolSpec


class CallFault(StrEnum):
    """Why a call was not run."""

    UNKNOWN_TOOL = "unknown_tool"
    MALFORMED = "malformed"
    CUT = "cut"
    BAD_ARGUMENT = "bad_argument"
    NOT_RUN = "not_run"  # behind an accepted submission, over the number of calls, out of time


@dataclass(frozen=True)
class Prepared:
    tool: Tool
    arguments: Arguments
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    fault: CallFault
    text: str


# Left out of a schema on its way to the server: a reader learns nothing from the first two, and the others are
# checked here, with an answer that names the fault. Every word of a schema is part of every request (decision 63).
_CHECKED_HERE = (
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "additionalProperties",
)
_DROPPED = ("title", "default", *_CHECKED_HERE)

_TOOL_ALIASES: Mapping[str, str] = {
    "bash": "shell",
    "exec": "shell",
    "exec_command": "shell",
    "run_command": "shell",
    "terminal": "shell",
    "read": "read_file",
    "view": "read_file",
    "str_replace": "edit",
    "edit_file": "edit",
    "create_file": "write_file",
    "write": "write_file",
    "patch": "apply_patch",
    "todo_write": "update_plan",
    "finish": "submit",
}


def prepare_call(call: ToolCall, tools: tuple[Tool, ...], cut: bool = False) -> Prepared | Refused:
    """Find the tool and check the arguments. `cut`: the reply ended at the output limit."""
    tool = _find_tool(call.name, tools)
    if tool is None:
        names = ", ".join(tool.name for tool in tools)
        return Refused(
            CallFault.UNKNOWN_TOOL, f"Nothing ran. There is no tool `{call.name}`. Tools: {names}."
        )
    try:
        body, repairs = parse_arguments(call.arguments)
    except ValueError as error:
        if cut:
            text = (
                "Nothing ran: your reply was cut at the output limit, in the middle of this call. "
                "Send a smaller one (several small edits instead of a large one)."
            )
            return Refused(CallFault.CUT, text)
        return Refused(
            CallFault.MALFORMED,
            f"Nothing ran. The arguments of `{tool.name}` are not a JSON object: {error}. "
            f"Example: {tool.example}",
        )
    body, renamed = _rename(body, tool)
    body, unwrapped = _unwrap(body, tool)
    try:
        arguments = tool.arguments.model_validate(body)
    except ValidationError as error:
        faults = "; ".join(_render_fault(fault) for fault in error.errors(include_url=False)[:5])
        return Refused(
            CallFault.BAD_ARGUMENT, f"Nothing ran. `{tool.name}`: {faults}. Example: {tool.example}"
        )
    named = () if call.name == tool.name else (f"tool {call.name[:40]} -> {tool.name}",)
    return Prepared(tool, arguments, (*named, *repairs, *renamed, *unwrapped))


def render_spec(tool: Tool) -> ToolSpec:
    """The tool as a server gets it: flat, required arguments first, nothing that is only for us to check."""
    return ToolSpec(tool.name, tool.description, _parameters(tool.arguments))


@cache
def _parameters(arguments: type[Arguments]) -> dict[str, Any]:
    """Once for each class: working it out is a twelfth of what a short task costs its worker."""
    schema = arguments.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    ordered = [*required, *(name for name in properties if name not in required)]
    return {
        "type": "object",
        "properties": {name: _flatten(properties[name], definitions) for name in ordered},
        **({"required": required} if required else {}),
    }


def _find_tool(name: str, tools: tuple[Tool, ...]) -> Tool | None:
    wanted = name.strip().strip("<>/").removeprefix("functions.").lower().replace("-", "_")
    wanted = wanted if any(tool.name == wanted for tool in tools) else _TOOL_ALIASES.get(wanted, wanted)
    return next((tool for tool in tools if tool.name == wanted), None)


def _rename(body: dict[str, Any], tool: Tool) -> tuple[dict[str, Any], tuple[str, ...]]:
    known = tool.arguments.model_fields
    renamed = {
        name: alias
        for name, alias in tool.aliases.items()
        if name in body and name not in known and alias not in body
    }
    return (
        {renamed.get(name, name): value for name, value in body.items()},
        tuple(f"{name} -> {alias}" for name, alias in renamed.items()),
    )


def _unwrap(body: dict[str, Any], tool: Tool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Lists sent as JSON text or as one item, text sent as a list of words, and null for 'not given'."""
    result: dict[str, Any] = {}
    repairs: list[str] = []
    for name, value in body.items():
        field = tool.arguments.model_fields.get(name)
        wanted = field.annotation if field is not None else None
        if value is None and field is not None and not field.is_required():
            repairs.append(f"{name}: null")
            continue
        made = value
        if wanted is str and isinstance(value, list):
            made = _join_words(value)
        elif get_origin(wanted) is list and isinstance(value, str):
            made = _split_text(value, get_args(wanted)[0])
        if made is not value:
            repairs.append(f"{name}: {type(value).__name__} -> {type(made).__name__}")
        result[name] = made
    return result, tuple(repairs)


def _join_words(value: list[Any]) -> Any:
    """`["bash", "-lc", "ls | wc"]` is the script; another list of words is one quoted command."""
    if not all(isinstance(word, str) for word in value):
        return value
    if len(value) == 3 and value[0].rsplit("/", 1)[-1] in ("bash", "sh") and value[1] in ("-c", "-lc"):
        return value[2]
    return shlex.join(value)


def _split_text(value: str, item: Any) -> Any:
    """A list in JSON, or a single item where a list of texts is wanted."""
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    single = get_args(item)[0] if get_origin(item) is Annotated else item
    return [value] if single is str and value.strip() else value


def _render_fault(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    match fault["type"]:
        case "missing":
            return f"the argument `{name}` is missing"
        case "extra_forbidden":
            return f"there is no argument `{name}`"
        case _:
            said = str(fault["msg"]).removeprefix("Value error, ")
            return f"`{name}`: {said}" if name else said


def _flatten(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Without titles, bounds, references and `null` alternatives: what every server's validator accepts."""
    if isinstance(schema, list):
        return [_flatten(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:  # its description is our own docstring, not a word for the model
        meant = dict(definitions[schema["$ref"].rsplit("/", 1)[-1]])
        meant.pop("description", None)
        return _flatten(
            {**meant, **{name: value for name, value in schema.items() if name != "$ref"}}, definitions
        )
    if "anyOf" in schema:
        kept = [option for option in schema["anyOf"] if option != {"type": "null"}]
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return _flatten({**kept[0], **rest}, definitions)
    dropped = _DROPPED if "properties" not in schema else (*_DROPPED, "description")
    return {
        name: {key: _flatten(value, definitions) for key, value in entry.items()}
        if name == "properties"
        else _flatten(entry, definitions)
        for name, entry in schema.items()
        if name not in dropped
    }
