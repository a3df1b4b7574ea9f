"""What the agent says to a model and hears from it, independent of the wire.

A conversation is a tuple that only ever grows at its end (law 10). Everything here is plain data that
serialises to JSON and back without loss, because the event log keeps it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True)
class SystemMessage:
    text: str


@dataclass(frozen=True)
class UserMessage:
    text: str


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is the raw text as the model wrote it: it may be malformed JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class AssistantMessage:
    text: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class ToolOutput:
    call_id: str
    text: str


Message = SystemMessage | UserMessage | AssistantMessage | ToolOutput


@dataclass(frozen=True)
class ToolSpec:
    name: str
    description: str
    parameters: dict[str, Any]  # JSON Schema, flat, additionalProperties false


class FinishReason(StrEnum):
    STOP = "stop"
    CALLS = "calls"
    LENGTH = "length"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class Usage:
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None  # None: no price is known for this model
    requests: int = 1  # failed tries included


@dataclass(frozen=True)
class ModelRequest:
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    cache_key: str


@dataclass(frozen=True)
class ModelReply:
    message: AssistantMessage
    finish: FinishReason
    usage: Usage
    model: str


class ContextOverflow(Exception):
    """The prompt is longer than the model takes. Not an error of ours: the agent compacts or salvages."""


class Model(Protocol):
    @property
    def name(self) -> str: ...

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One answer, streamed; repeats passing faults. Raises ModelFault, RetryLater, ContextOverflow."""
        ...
