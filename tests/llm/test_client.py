"""The client against a server's answers: whole streams, broken ones, refusals, silence."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.errors import ModelFault, RetryLater
from bot.llm.client import ModelClient, Server, open_client
from bot.llm.contract import ContextOverflow, FinishReason, ModelRequest, SystemMessage, ToolSpec, UserMessage
from bot.llm.features import Wire
from bot.llm.retry import RetryPolicy
from tests.llm.streams import call_chunk, end, sse, text_chunk, usage_chunk

URL = "http://model.test/v1/chat/completions"
REQUEST = ModelRequest(
    (SystemMessage("rules"), UserMessage("task")),
    (ToolSpec("shell", "Run.", {"type": "object", "properties": {}}),),
    "key",
)
WHOLE = sse(
    text_chunk("Hello"), call_chunk(0, "{}", "c1", "shell"), end("tool_calls"), usage_chunk(1000, 800, 50)
)


class Waits(list[float]):
    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def model(waits: Waits) -> AsyncIterator[ModelClient]:
    server = Server("gpt-5", "sk-test", "http://model.test/v1", Wire.CHAT)
    policy = RetryPolicy(waits.sleep, lambda: 0.0, tries=3)
    async with open_client(server, policy, lambda: 1_790_000_000.0) as opened:
        yield opened


def stream(body: bytes) -> httpx.Response:
    return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})


def refusal(status: int, code: str, message: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": message}}, headers=headers)


async def test_a_reply_is_streamed_and_priced(model: ModelClient, httpx2_mock: Any) -> None:
    route = httpx2_mock.post(URL).mock(return_value=stream(WHOLE))
    heard: list[str] = []
    reply = await model.reply(REQUEST, heard.append)
    assert heard == ["Hello"]
    assert reply.finish is FinishReason.CALLS
    assert reply.usage.requests == 1
    assert reply.usage.cost_usd == pytest.approx((200 * 1.25 + 800 * 0.125 + 50 * 10) / 1e6)
    sent = json.loads(route.calls.last.request.content)
    assert (sent["model"], sent["stream"]) == ("gpt-5", True)
    assert route.calls.last.request.headers["authorization"] == "Bearer sk-test"


async def test_a_rate_limit_is_waited_for_as_asked(
    model: ModelClient, waits: Waits, httpx2_mock: Any
) -> None:
    limited = refusal(429, "rate_limit_exceeded", "slow down", **{"retry-after": "7"})
    httpx2_mock.post(URL).mock(side_effect=[limited, stream(WHOLE)])
    reply = await model.reply(REQUEST)
    assert waits == [7.0]
    assert reply.usage.requests == 2


async def test_a_used_up_quota_is_final(model: ModelClient, waits: Waits, httpx2_mock: Any) -> None:
    route = httpx2_mock.post(URL).mock(return_value=refusal(429, "insufficient_quota", "no credit"))
    with pytest.raises(ModelFault, match="quota"):
        await model.reply(REQUEST)
    assert route.call_count == 1
    assert waits == []


async def test_a_broken_stream_is_sent_again_and_its_text_begins_anew(
    model: ModelClient, waits: Waits, httpx2_mock: Any
) -> None:
    broken = stream(sse(text_chunk("Hel"), done=False))
    httpx2_mock.post(URL).mock(side_effect=[broken, httpx.ReadError("reset"), stream(WHOLE)])
    reply = await model.reply(REQUEST)
    assert reply.message.text == "Hello"
    assert len(waits) == 2


async def test_an_error_inside_the_stream_is_read(model: ModelClient, httpx2_mock: Any) -> None:
    inside = stream(b'data: {"error": {"code": "context_length_exceeded", "message": "too long"}}\n\n')
    httpx2_mock.post(URL).mock(return_value=inside)
    with pytest.raises(ContextOverflow):
        await model.reply(REQUEST)


async def test_garbage_is_a_passing_fault_and_bounded(
    model: ModelClient, waits: Waits, httpx2_mock: Any
) -> None:
    route = httpx2_mock.post(URL).mock(side_effect=lambda _request: stream(b"data: {oops\n\n"))
    with pytest.raises(RetryLater, match="malformed"):
        await model.reply(REQUEST)
    assert route.call_count == 3


async def test_an_optional_field_that_is_refused_is_left_out_from_then_on(
    model: ModelClient, httpx2_mock: Any
) -> None:
    unknown = refusal(400, "", "Unrecognized request argument supplied: prompt_cache_key")
    route = httpx2_mock.post(URL).mock(side_effect=[unknown, stream(WHOLE), stream(WHOLE)])
    await model.reply(REQUEST)
    await model.reply(REQUEST)
    sent = [json.loads(call.request.content) for call in route.calls]
    assert ["prompt_cache_key" in body for body in sent] == [True, False, False]


async def test_a_long_pause_frees_the_slot(model: ModelClient, waits: Waits, httpx2_mock: Any) -> None:
    httpx2_mock.post(URL).mock(return_value=refusal(503, "", "maintenance", **{"retry-after": "3600"}))
    with pytest.raises(RetryLater) as raised:
        await model.reply(REQUEST)
    assert raised.value.after_s == 3600
    assert waits == []


async def test_without_reported_usage_it_is_estimated(model: ModelClient, httpx2_mock: Any) -> None:
    httpx2_mock.post(URL).mock(return_value=stream(sse(text_chunk("x" * 400), end())))
    usage = (await model.reply(REQUEST)).usage
    assert usage.output_tokens == 100
    assert usage.input_tokens == 12
