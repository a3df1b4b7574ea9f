"""Messages, tools and replies as plain JSON and back, without loss: what the event log and recordings keep.

Pure. An unknown shape is a Bug: only this module writes what it reads.
"""

import hashlib
import json
from typing import Any

from bot.errors import Bug
from bot.llm.contract import (
    AssistantMessage,
    Carried,
    FinishReason,
    Message,
    ModelReply,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Trouble,
    Usage,
    UserMessage,
)

JsonObject = dict[str, Any]


def render_message(message: Message) -> JsonObject:
    match message:
        case SystemMessage(text):
            return {"role": "system", "text": text}
        case UserMessage(text):
            return {"role": "user", "text": text}
        case AssistantMessage(text, calls, carried):
            body: JsonObject = {
                "role": "assistant",
                "text": text,
                "calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls],
            }
            if carried:
                body["carried"] = [[one.before, one.item] for one in carried]
            return body
        case ToolOutput(call_id, text):
            return {"role": "tool", "call_id": call_id, "text": text}


def parse_message(body: JsonObject) -> Message:
    """The inverse of `render_message`. Raises Bug for anything else."""
    try:
        match body["role"]:
            case "system":
                return SystemMessage(body["text"])
            case "user":
                return UserMessage(body["text"])
            case "assistant":
                calls = tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in body["calls"])
                carried = tuple(Carried(before, item) for before, item in body.get("carried", ()))
                return AssistantMessage(body["text"], calls, carried)
            case "tool":
                return ToolOutput(body["call_id"], body["text"])
    except (KeyError, TypeError, ValueError) as error:
        raise Bug(f"not a stored message: {error!r}") from error
    raise Bug(f"a stored message has the unknown role {body['role']!r}")


def render_tool(tool: ToolSpec) -> JsonObject:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def parse_tool(body: JsonObject) -> ToolSpec:
    return ToolSpec(body["name"], body["description"], body["parameters"])


def render_reply(reply: ModelReply) -> JsonObject:
    usage = reply.usage
    return {
        "message": render_message(reply.message),
        "finish": reply.finish.value,
        "model": reply.model,
        "prompt_tokens": reply.prompt_tokens,
        "troubles": [trouble.value for trouble in reply.troubles],
        "usage": {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": usage.cost_usd,
            "requests": usage.requests,
        },
    }


def parse_reply(body: JsonObject) -> ModelReply:
    message = parse_message(body["message"])
    if not isinstance(message, AssistantMessage):
        raise Bug("a stored reply is no assistant message")
    return ModelReply(
        message,
        FinishReason(body["finish"]),
        Usage(**body["usage"]),
        body["model"],
        body.get("prompt_tokens", 0),
        tuple(Trouble(trouble) for trouble in body.get("troubles", ())),
    )


def render_canonical(value: object) -> str:
    """JSON with sorted keys and no blanks: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_prefix(messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> str:
    """SHA-256 over the tools and the system messages: what must not change between recording and replay."""
    system = [message.text for message in messages if isinstance(message, SystemMessage)]
    content = render_canonical([[render_tool(tool) for tool in tools], system])
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
