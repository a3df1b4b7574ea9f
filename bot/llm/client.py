"""A model behind HTTP: Responses, and Chat Completions for every compatible server. The only importer of openai.

The import takes its time, so it happens in the factory, as `library.py` does it. The library's own retries are off;
`retry.py` owns repeating. A reply is one whole stream: a stream that breaks, falls silent or ends without saying why
counts as a failed request and is sent again from the same messages. Every request that brought anything is paid for,
and counted.

Which wire: the operator's setting, else the family's row, else what the server has. What a server refused is
remembered as long as the client lives, so a conversation changes its spelling at most once for each such part.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NoReturn, assert_never

from bot.domain import limits
from bot.errors import Bug, ModelFault, RetryLater
from bot.llm.chat_wire import ChatDraft, render_chat
from bot.llm.contract import (
    AssistantMessage,
    ContextOverflow,
    FinishReason,
    ModelReply,
    ModelRequest,
    Trouble,
    Usage,
    note_paid,
)
from bot.llm.draft import (
    BYTES_PER_TOKEN,
    Draft,
    Gathered,
    JsonObject,
    estimate_prompt,
    shorten,
    used_call_ids,
)
from bot.llm.exchange import Exchange
from bot.llm.faults import Failure, decide_fault, is_filtered, trouble_of
from bot.llm.features import Features, Wire, features_for
from bot.llm.library import load_library
from bot.llm.prices import PriceList, cost_of, price_for
from bot.llm.refused import decide_left_out, decide_other_wire
from bot.llm.responses_wire import ResponsesDraft, freeform_arguments, render_responses
from bot.llm.retry import RetryPolicy, retry_passing

if TYPE_CHECKING:
    import openai

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Server:
    """Where the model is and what the operator says about it. `api_key` may be empty: local servers often have
    none. `effort` empty: as the family's row says."""

    model: str
    api_key: str
    base_url: str = DEFAULT_BASE_URL
    wire: Wire = Wire.AUTO
    effort: str = ""
    prices: PriceList = ()
    idle_s: float = limits.MODEL_IDLE_S
    reply_s: float = limits.MODEL_REPLY_S

    @property
    def features(self) -> Features:
        known = features_for(self.model)
        return replace(
            known,
            price=price_for(self.model, self.prices, known.price),
            wire=known.wire if self.wire is Wire.AUTO else self.wire,
            effort=self.effort or known.effort,
        )


@asynccontextmanager
async def open_client(
    server: Server, policy: RetryPolicy, now: Callable[[], float]
) -> AsyncIterator["ModelClient"]:
    """A client for one server, closed at the end. `now` is the time of day, for dates in Retry-After."""
    async with await asyncio.to_thread(_build, server) as client:
        yield ModelClient(server, client, policy, now)


def _build(server: Server) -> "openai.AsyncOpenAI":
    """In a thread: reading the host's certificates alone takes 60 ms."""
    load_library()
    import httpx2
    import openai

    timeout = httpx2.Timeout(limits.MODEL_CONNECT_S, read=server.idle_s, write=server.idle_s)
    return openai.AsyncOpenAI(
        api_key=server.api_key or "none", base_url=server.base_url, max_retries=0, timeout=timeout
    )


@dataclass
class _Course:
    """What happened on the way to one reply."""

    paid: Usage
    troubles: list[Trouble] = field(default_factory=list)


@dataclass
class ModelClient:
    """A `Model`. May be used by several tasks at once: it keeps nothing of them, only what the server refused
    and how often something went wrong (`tally`)."""

    server: Server
    _client: "openai.AsyncOpenAI"
    _policy: RetryPolicy
    _now: Callable[[], float]
    tally: Counter[Trouble] = field(default_factory=Counter, init=False)
    without: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        self.features = self.server.features
        self.wire = self.features.wire

    @property
    def name(self) -> str:
        return self.server.model

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One reply. Raises ModelFault (final), RetryLater (not within our patience), ContextOverflow."""
        course = _Course(Usage(cost_usd=None if self.features.price is None else 0.0, requests=0))

        async def attempt() -> ModelReply:
            return await self._attempt(request, on_text, course)

        try:
            reply = await retry_passing(self._policy, attempt)
        except (ModelFault, RetryLater, ContextOverflow) as error:
            note_paid(error, course.paid)
            raise
        finally:
            self.tally.update(course.troubles)
        return replace(reply, usage=course.paid, troubles=tuple(course.troubles))

    async def list_models(self) -> tuple[JsonObject, ...]:
        """What the server says of its models, for the doctor. Raises ModelFault, RetryLater."""
        outcome = await self._exchange().fetch("/models")
        if isinstance(outcome, Failure):
            _fail(outcome)
        return tuple(outcome)

    async def _attempt(
        self, request: ModelRequest, on_text: Callable[[str], None] | None, course: _Course
    ) -> ModelReply:
        """One request; once more for the other wire, and for each part that the server refuses by name."""
        while True:
            wire = self.wire
            body, draft = self._prepare(request, on_text, wire)
            path = "/responses" if wire is Wire.RESPONSES else "/chat/completions"
            failure = await self._exchange().send(path, body, draft)
            usage = self._bill(request, draft)
            course.paid += usage
            if failure is None:
                return self._finished(request, draft, usage, course)
            course.troubles += draft.so_far.troubles
            if is_filtered(failure):
                return ModelReply(AssistantMessage(""), FinishReason.REFUSAL, usage, self.name)
            if not self._adapt(failure, body, wire, course):
                course.troubles.append(trouble_of(failure))
                if (overflow := find_mute_overflow(request, course.troubles)) is not None:
                    raise overflow from failure.cause
                _fail(failure)

    def _prepare(
        self, request: ModelRequest, on_text: Callable[[str], None] | None, wire: Wire
    ) -> tuple[JsonObject, Draft]:
        so_far = Gathered(used_call_ids(request.messages), on_text)
        match wire:
            case Wire.RESPONSES:
                free = freeform_arguments(request, self.features, self.without)
                body = render_responses(self.name, request, self.features, self.without)
                return body, ResponsesDraft(so_far, free)
            case Wire.CHAT:
                body = render_chat(self.name, request, self.features, self.without)
                return body, ChatDraft(so_far, self.features.keeps_reasoning)
            case Wire.AUTO:
                raise Bug("the wire is decided when the client is built")
            case _:
                assert_never(wire)

    def _exchange(self) -> Exchange:
        return Exchange(self._client, self.server.idle_s, self.server.reply_s, self._now)

    def _adapt(self, failure: Failure, body: JsonObject, wire: Wire, course: _Course) -> bool:
        """True when the same request is worth sending in another spelling. Bounded: each part is left out once."""
        if decide_other_wire(failure, wire, self.server.wire):
            self.wire = Wire.CHAT
            course.troubles.append(Trouble.WRONG_WIRE)
            return True
        refused = decide_left_out(failure, body)
        if refused is None:
            return False
        # Another task may have learnt it meanwhile: then this body is old, and the next one is without.
        self.without |= {refused}
        course.troubles.append(Trouble.REFUSED_FIELD)
        return True

    def _bill(self, request: ModelRequest, draft: Draft) -> Usage:
        """What this request costs: as reported, else estimated; nothing when nothing came."""
        usage = draft.so_far.usage or Usage()
        expected = estimate_prompt(request)
        if draft.so_far.begun and usage.input_tokens < expected * limits.USAGE_NONSENSE_SHARE:
            usage = Usage(input_tokens=expected, output_tokens=draft.so_far.size // BYTES_PER_TOKEN)
            if draft.so_far.finish is not None:
                draft.so_far.note(Trouble.NO_USAGE)
        return replace(usage, cost_usd=cost_of(self.features.price, usage))

    def _finished(self, request: ModelRequest, draft: Draft, usage: Usage, course: _Course) -> ModelReply:
        message = draft.message()
        if draft.so_far.overlong:
            draft.so_far.note(Trouble.OVERLONG)
            message = shorten(message)
        course.troubles += draft.so_far.troubles
        if (cut := find_silent_cut(request, usage)) is not None:
            course.troubles.append(Trouble.SILENT_CUT)
            raise cut
        return ModelReply(
            message,
            draft.finish_reason(),
            usage,
            draft.so_far.model or self.name,
            prompt_tokens=usage.input_tokens,
        )


def _fail(failure: Failure) -> NoReturn:
    raise decide_fault(failure) from failure.cause


def find_mute_overflow(request: ModelRequest, troubles: list[Trouble]) -> ContextOverflow | None:
    """Some servers (llama-cpp-python) answer 200 to a prompt that is too long, and end the stream without a word.
    Once may be an accident; twice, with a prompt that may be too long, is taken for that."""
    mute = troubles.count(Trouble.EMPTY_STREAM)
    if (
        troubles[-1] is not Trouble.EMPTY_STREAM
        or mute < 2
        or estimate_prompt(request) < limits.SILENT_CUT_TOKENS
    ):
        return None
    return ContextOverflow(
        f"the model's server ended the stream {mute} times without a word, as some do when the prompt is too long"
    )


def find_silent_cut(request: ModelRequest, usage: Usage) -> ContextOverflow | None:
    """Some servers cut a prompt that is too long and say nothing: the model has lost its instructions. Seen by far
    fewer tokens being counted than the text can have."""
    expected = estimate_prompt(request)
    if expected < limits.SILENT_CUT_TOKENS or usage.input_tokens >= expected * limits.SILENT_CUT_SHARE:
        return None
    return ContextOverflow(
        f"the model's server counted {usage.input_tokens:,} tokens of a prompt of about {expected:,}: it cuts "
        "long prompts in silence (Ollama: raise OLLAMA_CONTEXT_LENGTH)"
    )
