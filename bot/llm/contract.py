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
class Carried:
    """Something of the server's that goes back to it as it came: encrypted reasoning, a message with its phase.

    `item` is its JSON text, opaque to everyone but the wire that made it; `before` is the number of the call
    that it stood before (the number of calls: behind the last). When a message carries anything, its text
    stands in these items, in its right place, and is not rendered a second time.
    """

    before: int
    item: str


@dataclass(frozen=True)
class AssistantMessage:
    text: str
    calls: tuple[ToolCall, ...] = ()
    carried: tuple[Carried, ...] = ()


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


class Trouble(StrEnum):
    """What went wrong on the way to a reply, or had to be mended in it: counted for each model."""

    # A request that failed and was sent again.
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    CONNECTION = "connection"
    SILENCE = "silence"
    SLOW = "slow"  # longer than one whole reply may take
    CUT_STREAM = "cut_stream"
    EMPTY_STREAM = "empty_stream"  # ended properly, without a word
    MALFORMED_CHUNK = "malformed_chunk"
    REFUSED_FIELD = "refused_field"
    WRONG_WIRE = "wrong_wire"  # the server has no Responses
    # A request that would fail again.
    REFUSED_REQUEST = "refused_request"
    OVERFLOW = "overflow"
    SILENT_CUT = "silent_cut"  # the server cut the prompt and said nothing
    # A reply that was mended.
    CALL_ID = "call_id"  # missing, used before, or of a form that other servers refuse
    CALL_NAME = "call_name"  # sent back with other characters
    ARGUMENTS_AS_OBJECT = "arguments_as_object"
    UNKNOWN_FINISH = "unknown_finish"
    UNKNOWN_ITEM = "unknown_item"
    NO_USAGE = "no_usage"  # estimated
    NOT_STREAMED = "not_streamed"
    OVERLONG = "overlong"


@dataclass(frozen=True)
class Usage:
    """Tokens and money of one request, or of several together: `requests` says of how many."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None  # None: no price is known for this model
    requests: int = 1  # failed tries included

    def __add__(self, other: "Usage") -> "Usage":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
            self.requests + other.requests,
        )


@dataclass(frozen=True)
class ModelRequest:
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    cache_key: str


@dataclass(frozen=True)
class ModelReply:
    """`usage` is all that was paid for it, tries that failed half-way included; `prompt_tokens` is how long this
    prompt was (0: not told by an old log): the measure for compaction."""

    message: AssistantMessage
    finish: FinishReason
    usage: Usage
    model: str
    prompt_tokens: int = 0
    troubles: tuple[Trouble, ...] = ()


class ContextOverflow(Exception):
    """The prompt is longer than the model takes. Not an error of ours: the agent compacts or salvages."""


_PAID = "_pullwright_paid"


def note_paid(error: Exception, usage: Usage) -> None:
    """Write on an exception of `Model.reply` what the failed requests before it cost."""
    setattr(error, _PAID, usage)


def paid_for(error: Exception) -> Usage:
    """What was paid although no reply came of it; nothing for an exception that says nothing."""
    usage = getattr(error, _PAID, None)
    return usage if isinstance(usage, Usage) else Usage(cost_usd=0.0, requests=0)


class Model(Protocol):
    @property
    def name(self) -> str: ...

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One answer, streamed; repeats passing faults. Raises ModelFault, RetryLater, ContextOverflow; ask
        `paid_for` what they cost."""
        ...
