"""Chat Completions over HTTP: for every compatible server. The only module that imports openai.

The import costs 0.9 s and 60 MB, so it happens in the factory. The library's own retries are off; `retry.py`
owns repeating. A reply is one whole stream: a stream that breaks, falls silent for `limits.MODEL_IDLE_S` or
ends without saying why counts as a failed request and is sent again from the same messages.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.chat_wire import OPTIONAL_FIELDS, ReplyDraft, estimate_usage, render_request, used_call_ids
from bot.llm.contract import ModelReply, ModelRequest, Usage
from bot.llm.faults import Failure, decide_fault, parse_retry_after
from bot.llm.features import Features, cost_of, features_for
from bot.llm.retry import RetryPolicy, retry_passing

if TYPE_CHECKING:
    import openai

DEFAULT_BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class ChatServer:
    """Where the model is. `api_key` may be empty: local servers often have none."""

    model: str
    api_key: str
    base_url: str = DEFAULT_BASE_URL
    idle_s: float = limits.MODEL_IDLE_S
    reply_s: float = limits.MODEL_REPLY_S


@asynccontextmanager
async def open_chat_model(
    server: ChatServer, policy: RetryPolicy, now: Callable[[], float]
) -> AsyncIterator["ChatModel"]:
    """A client for one server, closed at the end. `now` is the time of day, for dates in Retry-After."""
    import httpx2
    import openai

    timeout = httpx2.Timeout(limits.MODEL_CONNECT_S, read=server.idle_s, write=server.idle_s)
    async with openai.AsyncOpenAI(
        api_key=server.api_key or "none", base_url=server.base_url, max_retries=0, timeout=timeout
    ) as client:
        yield ChatModel(server, features_for(server.model), client, policy, now)


@dataclass
class ChatModel:
    """A `Model`. May be used by several tasks at once: it keeps nothing but what the server refused."""

    _server: ChatServer
    _features: Features
    _client: "openai.AsyncOpenAI"
    _policy: RetryPolicy
    _now: Callable[[], float]
    _without: frozenset[str] = field(default=frozenset())

    @property
    def name(self) -> str:
        return self._server.model

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One reply. Raises ModelFault (final), RetryLater (not within our patience), ContextOverflow."""
        tries = 0

        async def attempt() -> ModelReply:
            nonlocal tries
            tries += 1
            return await self._send(request, on_text)

        reply = await retry_passing(self._policy, attempt)
        return replace(reply, usage=replace(reply.usage, requests=tries))

    async def _send(self, request: ModelRequest, on_text: Callable[[str], None] | None) -> ModelReply:
        """One request; once more for each optional field that the server's 400 names."""
        while True:
            body = render_request(self.name, request, self._features, self._without)
            draft = ReplyDraft(used_call_ids(request.messages), on_text)
            try:
                async with asyncio.timeout(self._server.reply_s):
                    await self._translated(self._stream(body, draft))
            except TimeoutError as error:
                raise RetryLater(f"the model's reply took over {self._server.reply_s:g} s", 0.0) from error
            except ModelFault as fault:
                refused = _refused_field(fault.message, body)
                if refused is None or refused in self._without:
                    raise
                self._without |= {refused}
                continue
            return self._finished(body, draft)

    async def _stream(self, body: dict[str, Any], draft: ReplyDraft) -> None:
        import openai

        stream = await self._client.post(
            "/chat/completions",
            cast_to=object,
            body=body,
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        async with stream:
            async for chunk in stream:
                draft.add(chunk)
                if draft.overlong:
                    return
        if draft.finish is None:
            raise RetryLater("the model's stream ended before the reply was whole", 0.0)

    async def _translated(self, work: Awaitable[None]) -> None:
        """Await `work`; the library's exceptions become ours. TimeoutError of our own bound goes through."""
        import openai

        try:
            await work
        except openai.APIStatusError as error:
            after = parse_retry_after(dict(error.response.headers), self._now())
            raise decide_fault(Failure(error.status_code, error.code or "", _said(error), after)) from error
        except openai.APITimeoutError as error:
            raise RetryLater(f"the model's server was silent for {self._server.idle_s:g} s", 0.0) from error
        except openai.APIConnectionError as error:
            raise RetryLater(
                f"the connection to the model's server failed: {error.__cause__}", 0.0
            ) from error
        except openai.APIError as error:
            raise decide_fault(Failure(None, error.code or "", _said(error))) from error
        except ValueError as error:  # the library parses each chunk as JSON, and bytes as UTF-8
            raise RetryLater(f"the model's server sent a malformed chunk: {error}", 0.0) from error

    def _finished(self, body: dict[str, Any], draft: ReplyDraft) -> ModelReply:
        usage = draft.usage or estimate_usage(len(json.dumps(body)), draft.size)
        usage = Usage(
            usage.input_tokens,
            usage.cached_tokens,
            usage.output_tokens,
            cost_usd=cost_of(self._features.price, usage),
        )
        return ModelReply(draft.message(), draft.finish_reason(), usage, draft.model or self.name)


def _said(error: "openai.APIError") -> str:
    """The server's own sentence without the library's wrapping."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return error.message


def _refused_field(message: str, body: dict[str, Any]) -> str | None:
    """The optional field (or the role `developer`) that a refusal names and that we did send."""
    for name in OPTIONAL_FIELDS:
        if name in body and name in message:
            return name
    if "developer" in message and any(entry["role"] == "developer" for entry in body["messages"]):
        return "developer"
    return None
