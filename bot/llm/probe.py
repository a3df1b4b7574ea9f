"""What a model's server can do, found out by asking: for `pullwright doctor --model`.

Two requests of about six thousand tokens, the second extending the first as in a real run. Looks only; what the
findings mean for people is said in `cli/doctor_model.py`.
"""

import json
from dataclasses import dataclass
from typing import Final

from bot.errors import ForPerson, RetryLater
from bot.llm.client import ModelClient
from bot.llm.contract import (
    AssistantMessage,
    ContextOverflow,
    FinishReason,
    Message,
    ModelReply,
    ModelRequest,
    SystemMessage,
    ToolCall,
    ToolOutput,
    ToolSpec,
    Trouble,
    Usage,
    UserMessage,
)
from bot.llm.draft import count, is_object
from bot.llm.features import Wire

WORD: Final = "heron"
_RULES: Final = 220  # lines of the long prompt: over the 4,096 tokens at which some servers cut
PROMPT_TOKENS: Final = 6_000  # of that prompt, roughly
_NOTE = ToolSpec(
    "note",
    "Write down a text.",
    {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    },
)
_PATCH = ToolSpec(
    "apply_patch",
    "Change files by one patch: *** Begin Patch, *** Add File: path, lines with a leading +, *** End Patch.",
    {
        "type": "object",
        "properties": {"patch": {"type": "string"}},
        "required": ["patch"],
        "additionalProperties": False,
    },
)
_FIRST = (
    "Call the tool `note` twice in this one reply: once with the text `ready`, once with the word that the first "
    "line of your rules gives. Write nothing else."
)
_SECOND = (
    "Now add the file `ready.txt` with the one line `ready`, by the tool `apply_patch`. Write nothing else."
)


@dataclass(frozen=True)
class ProbeFacts:
    """What was seen. `window` in tokens, None: not told. `free_patch` None: the family is not offered it."""

    model: str
    wire: Wire
    left_out: frozenset[str]
    streamed: bool
    calls: int  # well-formed calls in the first reply, of the two that were asked for
    malformed: int  # other calls in it: of no such tool, or with arguments that are none
    refused: bool  # the first request, by the model or by a filter
    knows_first_line: bool
    goes_on: str  # empty: the second request was answered; else why not
    patched: bool
    free_patch: bool | None
    usage_reported: bool
    cached_tokens: int
    window: int | None
    too_long: str  # empty: the long prompt was taken; else what became of it
    paid: Usage
    priced: bool
    troubles: tuple[Trouble, ...] = ()


async def probe_model(client: ModelClient) -> ProbeFacts:
    """Ask twice. Raises ModelFault or RetryLater when there is no first answer at all."""
    window = find_window(await _models(client), client.name)
    start: tuple[Message, ...] = (SystemMessage(_long_rules()), UserMessage(_FIRST))
    too_long = ""
    try:
        first = await client.reply(_request(start))
    except ContextOverflow as overflow:
        too_long = str(overflow)
        start = (SystemMessage(_long_rules(10)), UserMessage(_FIRST))
        first = await client.reply(_request(start))
    second, why_not = await _go_on(client, start, first)
    called = [_text_of(call) for call in first.message.calls if call.name == _NOTE.name]
    well_formed = sum(text is not None for text in called)
    replies = [reply for reply in (first, second) if reply is not None]
    troubles = tuple(trouble for reply in replies for trouble in reply.troubles)
    paid = sum((reply.usage for reply in replies), Usage(cost_usd=0.0, requests=0))
    patches = [call for reply in replies for call in reply.message.calls if call.name == _PATCH.name]
    offered = client.features.freeform and client.wire is Wire.RESPONSES
    return ProbeFacts(
        model=first.model,
        wire=client.wire,
        left_out=client.without,
        streamed=Trouble.NOT_STREAMED not in troubles,
        calls=well_formed,
        malformed=len(first.message.calls) - well_formed,
        refused=first.finish is FinishReason.REFUSAL,
        knows_first_line=any(WORD in (text or "") for text in (*called, first.message.text)),
        goes_on=why_not,
        patched=any("ready" in call.arguments for call in patches),
        free_patch="custom" not in client.without if offered else None,
        usage_reported=Trouble.NO_USAGE not in troubles,
        cached_tokens=second.usage.cached_tokens if second else 0,
        window=window,
        too_long=too_long,
        paid=paid,
        priced=client.features.price is not None,
        troubles=troubles,
    )


async def _models(client: ModelClient) -> tuple[dict[str, object], ...]:
    try:
        return await client.list_models()
    except (ForPerson, RetryLater):
        return ()  # many servers have no such list: then the window is not told


async def _go_on(
    client: ModelClient, start: tuple[Message, ...], first: ModelReply
) -> tuple[ModelReply | None, str]:
    """The second request: it extends the first, answers its calls, and asks for a patch."""
    kept: tuple[Message, ...] = (first.message,) if _says_something(first.message) else ()
    outputs = tuple(ToolOutput(call.id, "Noted.") for call in first.message.calls)
    try:
        return await client.reply(_request((*start, *kept, *outputs, UserMessage(_SECOND)))), ""
    except (ForPerson, RetryLater, ContextOverflow) as fault:
        return None, str(fault)


def _request(messages: tuple[Message, ...]) -> ModelRequest:
    return ModelRequest(messages, (_NOTE, _PATCH), "doctor")


def _says_something(message: AssistantMessage) -> bool:
    return bool(message.calls or message.text.strip())


def _text_of(call: ToolCall) -> str | None:
    """The `text` of a well-formed call."""
    if not is_object(call.arguments):
        return None
    text = json.loads(call.arguments).get("text")
    return text if isinstance(text, str) else None


def _long_rules(lines: int = _RULES) -> str:
    """A prompt of about 25 tokens a line; what matters stands in the first."""
    rule = "Rule {}: whatever lies in a drawer is written down before it is moved, and nothing is moved twice in a day."
    return "\n".join(
        [f"The word of the day is `{WORD}`.", *(rule.format(number) for number in range(1, lines + 1))]
    )


def find_window(models: tuple[dict[str, object], ...], name: str) -> int | None:
    """The context window that a server tells in its list of models, in whatever words; None if it does not."""
    for entry in models:
        if entry.get("id") == name or len(models) == 1:
            meta = entry.get("meta")
            told = {**entry, **(meta if isinstance(meta, dict) else {})}
            for word in ("max_model_len", "n_ctx", "context_length", "context_window", "max_context_length"):
                if size := count(told.get(word)):
                    return size
    return None
