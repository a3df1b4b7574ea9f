"""A reply while it is being gathered: what both wires share, and what they look like to the client. Pure.

Chunks are untrusted data: compatible servers leave fields out, repeat ids, send numbers for names. Whatever comes,
a draft ends as a message that can be stored, sent back, and answered call by call.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Protocol

from bot.domain import limits
from bot.llm.contract import (
    AssistantMessage,
    Carried,
    FinishReason,
    Message,
    ModelRequest,
    ToolCall,
    Trouble,
    Usage,
)
from bot.llm.sanitise import clean_text

JsonObject = dict[str, Any]

BYTES_PER_TOKEN: Final = 4

# Forty characters of this alphabet are taken by every server that was looked at.
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass
class CallDraft:
    id: str
    name: str
    pieces: list[str] = field(default_factory=list)


class StreamFailed(Exception):
    """A chunk that says the reply failed: `code` and `message` are the server's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Gathered:
    """What has come of a reply so far, kept alike on both wires. `finish` stays None until the server says why it
    stopped: then the stream was whole. `begun`: something came, so the request is paid for whatever becomes of it."""

    taken_ids: set[str]
    on_text: Callable[[str], None] | None = None
    model: str = ""
    finish: str | None = None
    refusal: bool = False
    begun: bool = False
    usage: Usage | None = None
    size: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def overlong(self) -> bool:
        return self.size > limits.MODEL_REPLY_BYTES

    def hear(self, text: str) -> None:
        """A piece of the text that people see."""
        if text:
            self.size += len(text)
            if self.on_text:
                self.on_text(text)

    def finished_calls(self, drafts: list[CallDraft]) -> tuple[ToolCall, ...]:
        """The calls, with ids that are unique in the conversation and taken by every server."""
        calls = []
        for draft in drafts:
            call_id = draft.id
            if not _CALL_ID.fullmatch(call_id) or call_id in self.taken_ids:
                self.note(Trouble.CALL_ID)
                call_id = fresh_call_id(self.taken_ids)
            self.taken_ids.add(call_id)
            name = clean_text(draft.name)
            if sendable_name(name) != name:
                self.note(Trouble.CALL_NAME)
            calls.append(ToolCall(call_id, name, clean_text("".join(draft.pieces))))
        return tuple(calls)

    def note(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)


class Draft(Protocol):
    """One reply while it comes in, on either wire."""

    so_far: Gathered

    def add(self, chunk: object) -> None:
        """Take one chunk. Raises RetryLater for what is none, StreamFailed when it says that the reply failed."""
        ...

    def add_whole(self, answer: JsonObject) -> None:
        """Take an answer that was not streamed."""
        ...

    def end(self) -> None:
        """The stream is over."""
        ...

    def message(self) -> AssistantMessage: ...

    def finish_reason(self) -> FinishReason: ...


def shorten(message: AssistantMessage) -> AssistantMessage:
    """An over-long reply as the conversation keeps it: it was broken off, and would fill the next prompts. What
    was whole in it, earlier calls, stays."""
    calls = message.calls
    if calls and not is_object(calls[-1].arguments):
        calls = (*calls[:-1], replace(calls[-1], arguments=_head(calls[-1].arguments)))
    return AssistantMessage(_head(message.text), calls)


def _head(text: str) -> str:
    if len(text) <= limits.MODEL_OVERLONG_KEPT:
        return text
    return f"{text[: limits.MODEL_OVERLONG_KEPT]}\n[broken off after {len(text):,} characters]"


def parse_usage(usage: JsonObject) -> Usage | None:
    """Tokens as the server reports them, in the words of either wire; None when it reports nothing of use."""
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    read = count(usage.get("prompt_tokens")) or count(usage.get("input_tokens"))
    written = count(usage.get("completion_tokens")) or count(usage.get("output_tokens"))
    if not read and not written:
        return None
    # Some servers count the cached tokens beside the input, not within it.
    return Usage(read if read >= cached else read + cached, cached, written)


def estimate_prompt(request: ModelRequest) -> int:
    """Tokens of a prompt, at four bytes each as for everything else that is estimated. The names of the fields
    around the texts are not counted: servers do not count them either."""
    said = sum(_bytes_of(text) for message in request.messages for text in _texts(message))
    tools = sum(len(tool.description) + len(json.dumps(tool.parameters)) for tool in request.tools)
    return (said + tools) // BYTES_PER_TOKEN


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _texts(message: Message) -> tuple[str, ...]:
    calls = message.calls if isinstance(message, AssistantMessage) else ()
    return (message.text, *(call.arguments for call in calls))


def used_call_ids(messages: tuple[Message, ...]) -> set[str]:
    return {
        call.id for message in messages if isinstance(message, AssistantMessage) for call in message.calls
    }


def fresh_call_id(taken: set[str]) -> str:
    """Nine letters and digits: the one form that every server takes (Mistral insists on exactly that)."""
    number = len(taken) + 1
    while f"call{number:05d}" in taken:
        number += 1
    return f"call{number:05d}"


@lru_cache(maxsize=256)  # each call of the history is sent with every request
def sendable_name(name: str) -> str:
    """A tool's name as servers accept it in the history: a made-up one must not poison all later requests."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "unnamed"


def sendable_arguments(arguments: str) -> str:
    """Servers with chat templates parse the arguments of earlier calls and fail on malformed ones."""
    return arguments if is_object(arguments) else json.dumps({"malformed": arguments}, ensure_ascii=False)


@lru_cache(maxsize=512)  # as above; a run of 200 turns has some 200 calls
def is_object(text: str) -> bool:
    """Whether `text` is a whole JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def sendable_text(text: str) -> str:
    """Some servers refuse a message without content."""
    return clean_text(text) or "(empty)"


def carry(before: int, item: JsonObject) -> Carried:
    """Keep `item` for the way back, as canonical JSON with text that can be stored."""
    text = json.dumps(_cleaned(item), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Carried(before, text)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(name)): _cleaned(part) for name, part in value.items()}
    return [_cleaned(part) for part in value] if isinstance(value, list) else value


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def objects(value: object) -> list[JsonObject]:
    """The objects of a list; nothing for anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
