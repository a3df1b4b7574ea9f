"""The bad-response matrix, as far as it is the model room's: a real server on loopback misbehaves, on both wires.

What the agent makes of empty replies, refusals and malformed calls is tested there; here such a reply has to
arrive whole, named, and in a form that every server takes back.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.client import ModelClient, Server, open_client
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
    UserMessage,
    paid_for,
)
from bot.llm.draft import shorten
from bot.llm.features import Wire
from bot.llm.prices import Price
from bot.llm.retry import RetryPolicy
from tests.model_server.script import Call, Fault, Reply, Say, Turn
from tests.model_server.server import ModelServer

LS = Call("shell", {"command": "ls -la src tests docs"})
LOOK = Reply("I look at the files first.", (LS,))
TOOLS = (
    ToolSpec("shell", "Run.", {"type": "object", "properties": {"command": {"type": "string"}}}),
    ToolSpec(
        "apply_patch", "Change.", {"type": "object", "properties": {"patch": {}}, "required": ["patch"]}
    ),
)
START: tuple[Message, ...] = (SystemMessage("The rules of the house. " * 40), UserMessage("Do the task."))
BOTH = pytest.mark.parametrize("wire", [Wire.RESPONSES, Wire.CHAT])


def request(*more: Message) -> ModelRequest:
    return ModelRequest((*START, *more), TOOLS, "key")


class Talk:
    """A client and what it waited."""

    def __init__(self, client: ModelClient, waits: list[float]) -> None:
        self.client, self.waits = client, waits

    async def ask(self, *more: Message) -> ModelReply:
        return await self.client.reply(request(*more))


@asynccontextmanager
async def talk(server: ModelServer, wire: Wire = Wire.AUTO, **more: Any) -> AsyncIterator[Talk]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    settings = Server("gpt-5", "sk-test", server.url, wire, idle_s=60, reply_s=60)
    async with open_client(replace(settings, **more), RetryPolicy(sleep, lambda: 0.0), lambda: 0.0) as client:
        yield Talk(client, waits)


def answered(reply: ModelReply) -> tuple[Message, ...]:
    """The reply and an output for each of its calls: how the conversation goes on."""
    return (reply.message, *(ToolOutput(call.id, "done") for call in reply.message.calls))


# -- what passes: sent again, in one layer ------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        pytest.param(Fault.RATE_LIMIT, Trouble.RATE_LIMIT, id="429 with Retry-After"),
        pytest.param(Fault.RATE_LIMIT_BARE, Trouble.RATE_LIMIT, id="429 without Retry-After"),
        pytest.param(Fault.SERVER_ERROR, Trouble.SERVER, id="500"),
        pytest.param(Fault.BAD_GATEWAY, Trouble.SERVER, id="502 with an HTML page"),
        pytest.param(Fault.UNAVAILABLE, Trouble.SERVER, id="503"),
        pytest.param(Fault.OVERLOADED, Trouble.SERVER, id="529"),
        pytest.param(Fault.DROPPED, Trouble.CONNECTION, id="connection dropped before an answer"),
        pytest.param(Fault.CUT_STREAM, Trouble.CUT_STREAM, id="stream cut"),
        pytest.param(Fault.EMPTY_STREAM, Trouble.EMPTY_STREAM, id="stream without a word"),
        pytest.param(Fault.BAD_CHUNK, Trouble.MALFORMED_CHUNK, id="chunk that is no JSON"),
        pytest.param(Fault.BAD_BYTES, Trouble.MALFORMED_CHUNK, id="chunk that is no UTF-8"),
        pytest.param(Fault.FAILED_IN_STREAM, Trouble.SERVER, id="server_error inside the stream"),
    ],
)
async def test_a_passing_fault_is_sent_again_once(wire: Wire, fault: Fault, trouble: Trouble) -> None:
    with ModelServer([LOOK], {0: [fault]}) as server:
        async with talk(server, wire) as model:
            reply = await model.ask()
        server.check()
    assert reply.message.text == LOOK.text
    assert reply.finish is FinishReason.CALLS
    assert reply.troubles == (trouble,)
    assert reply.usage.requests == len(server.seen) == 2
    assert model.waits == [1.0]
    assert model.client.tally == {trouble: 1}


@pytest.mark.parametrize(
    ("fault", "trouble", "patience"),
    [
        pytest.param(Fault.IDLE_STREAM, Trouble.SILENCE, {"idle_s": 1.0}, id="stream idle"),
        pytest.param(Fault.PINGS_ONLY, Trouble.SLOW, {"reply_s": 1.0}, id="stream of pings only"),
    ],
)
async def test_patience_ends(fault: Fault, trouble: Trouble, patience: dict[str, float]) -> None:
    with ModelServer([LOOK], {0: [fault]}) as server:
        async with talk(server, **patience) as model:
            reply = await model.ask()
        server.check()
    assert reply.message.text == LOOK.text
    assert trouble in reply.troubles


@BOTH
@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT_BARE, Fault.SERVER_ERROR, Fault.CUT_STREAM])
async def test_for_ever_is_eight_tries_and_a_stated_total(wire: Wire, fault: Fault) -> None:
    with ModelServer([LOOK], {0: [fault] * 100}) as server:
        async with talk(server, wire) as model:
            with pytest.raises(RetryLater, match="tried 8 times"):
                await model.ask()
    assert len(server.seen) == limits.MODEL_TRIES
    assert sum(model.waits) == 1 + 2 + 4 + 8 + 16 + 32 + 60


# -- what does not pass: told at once -----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(Fault.QUOTA, "quota is used up", id="429 insufficient_quota"),
        pytest.param(Fault.UNAUTHORISED, "OPENAI_API_KEY", id="401"),
        pytest.param(Fault.NOT_FOUND, "PULLWRIGHT_MODEL", id="404"),
        pytest.param(Fault.BAD_REQUEST, "doctor", id="400 of another kind"),
    ],
)
async def test_a_final_fault_is_not_sent_again(wire: Wire, fault: Fault, said: str) -> None:
    with ModelServer([LOOK], {0: [fault]}) as server:
        async with talk(server, wire) as model:
            with pytest.raises(ModelFault, match=said):
                await model.ask()
    assert len(server.seen) == 1
    assert model.waits == []
    assert model.client.tally == {Trouble.REFUSED_REQUEST: 1}


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.OVERFLOW, id="context overflow by error"),
        pytest.param(Fault.OVERFLOW_IN_STREAM, id="context overflow by stream event"),
        pytest.param(Fault.SHORT_USAGE, id="context overflow by silence"),
    ],
)
async def test_an_overflow_goes_up_for_compaction(wire: Wire, fault: Fault) -> None:
    long = UserMessage("words of the thread, and more of them " * 800)
    with ModelServer([LOOK], {0: [fault]}) as server:
        async with talk(server, wire) as model:
            with pytest.raises(ContextOverflow):
                await model.ask(long)
            assert (await model.ask(UserMessage("short"))).message.text == LOOK.text
    assert len(server.seen) == 2


@BOTH
async def test_a_long_prompt_that_is_answered_without_a_word_twice_is_too_long(wire: Wire) -> None:
    long = UserMessage("words of the thread, and more of them " * 800)
    with ModelServer([LOOK], {0: [Fault.EMPTY_STREAM] * 3}) as server:
        async with talk(server, wire) as model:
            with pytest.raises(ContextOverflow, match="without a word"):
                await model.ask(long)
            assert (await model.ask(UserMessage("short"))).message.text == LOOK.text
    assert len(server.seen) == 4


@BOTH
async def test_a_short_prompt_is_never_taken_for_a_cut_one(wire: Wire) -> None:
    with ModelServer([LOOK], {0: [Fault.SHORT_USAGE]}) as server:
        async with talk(server, wire) as model:
            assert (await model.ask()).message.calls


# -- whole replies of the wrong kind: named for the agent ---------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("fault", "finish"),
    [
        pytest.param(Fault.EMPTY, FinishReason.STOP, id="empty reply"),
        pytest.param(Fault.REASONING_ONLY, FinishReason.STOP, id="reasoning only"),
        pytest.param(Fault.REFUSAL, FinishReason.REFUSAL, id="refusal"),
        pytest.param(Fault.FILTERED, FinishReason.REFUSAL, id="stopped by a content filter"),
        pytest.param(Fault.CUT_BY_LENGTH, FinishReason.LENGTH, id="cut at the output limit"),
        pytest.param(Fault.OVERLONG, FinishReason.LENGTH, id="over-long reply"),
        pytest.param(Fault.TEXT_ONLY, FinishReason.STOP, id="text without a call"),
        pytest.param(Fault.UNKNOWN_TOOL, FinishReason.CALLS, id="unknown tool"),
        pytest.param(Fault.BAD_ARGUMENTS, FinishReason.CALLS, id="arguments that are no JSON"),
    ],
)
async def test_a_whole_reply_is_never_sent_again_and_can_be_gone_on_from(
    wire: Wire, fault: Fault, finish: FinishReason
) -> None:
    with ModelServer([LOOK, Say("done")], {0: [fault]}) as server:
        async with talk(server, wire) as model:
            reply = await model.ask()
            assert reply.finish is finish
            assert len(server.seen) == 1
            assert len(reply.message.text) < 2 * limits.MODEL_OVERLONG_KEPT
            kept = answered(reply) if reply.message.text.strip() or reply.message.calls else ()
            await model.ask(*kept, UserMessage("Go on."))
        server.check()


def test_of_an_overlong_reply_only_what_was_broken_off_is_shortened() -> None:
    whole, broken = ToolCall("a", "shell", json.dumps({"command": "x" * 9_000})), "{" + "x" * 9_000
    kept = shorten(AssistantMessage("y" * 9_000, (whole, ToolCall("b", "shell", broken))))
    assert kept.calls[0] == whole
    assert len(kept.calls[1].arguments) < 5_000 > len(kept.text)
    assert "broken off after 9,000" in kept.text
    assert shorten(AssistantMessage("short")) == AssistantMessage("short")


# -- replies that are oddly wrapped: mended and counted -----------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        pytest.param(Fault.SAME_IDS, Trouble.CALL_ID, id="duplicate call ids"),
        pytest.param(Fault.NO_IDS, Trouble.CALL_ID, id="call without id"),
        pytest.param(Fault.ODD_IDS, Trouble.CALL_ID, id="call ids of an odd form"),
        pytest.param(Fault.UNKNOWN_TOOL, Trouble.CALL_NAME, id="tool name that no server takes back"),
        pytest.param(Fault.UNKNOWN_FINISH, Trouble.UNKNOWN_FINISH, id="unknown finish reason"),
        pytest.param(Fault.NO_USAGE, Trouble.NO_USAGE, id="usage missing"),
        pytest.param(Fault.SURROGATES, None, id="lone surrogates and NUL"),
    ],
)
async def test_an_odd_reply_is_mended_and_counted(wire: Wire, fault: Fault, trouble: Trouble | None) -> None:
    two = Reply("Look.", (LS, Call("shell", {"command": "pwd"})))
    with ModelServer([LOOK, two, Say("done")], {1: [fault]}) as server:
        async with talk(server, wire) as model:
            first = answered(await model.ask())
            reply = await model.ask(*first)
            await model.ask(*first, *answered(reply))
        server.check()
    assert trouble is None or trouble in reply.troubles
    assert reply.usage.input_tokens > 0
    assert len({call.id for call in reply.message.calls}) == len(reply.message.calls) > 0


# -- a server that lacks something --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field", ["prompt_cache_key", "parallel_tool_calls", "stream_options", "reasoning_effort"]
)
async def test_chat_leaves_out_what_is_refused_by_name_and_remembers(field: str) -> None:
    with ModelServer([LOOK, Say("done")], refused_fields=frozenset({field})) as server:
        async with talk(server, Wire.CHAT) as model:
            reply = await model.ask()
            assert reply.troubles == (Trouble.REFUSED_FIELD,)
            assert reply.usage.requests == 2
            await model.ask(*answered(reply))
        server.check()
    assert len(server.seen) == 2
    assert all(field not in seen.body for seen in server.seen)


@pytest.mark.parametrize(
    "field", ["prompt_cache_key", "parallel_tool_calls", "include", "reasoning", "store"]
)
async def test_responses_leaves_out_what_is_refused_by_name_and_remembers(field: str) -> None:
    with ModelServer([LOOK, Say("done")], refused_fields=frozenset({field})) as server:
        async with talk(server, Wire.RESPONSES) as model:
            await model.ask(*answered(await model.ask()))
        server.check()
    assert all(field not in seen.body for seen in server.seen)


async def test_a_server_without_responses_is_asked_through_chat_from_then_on() -> None:
    with ModelServer([LOOK, Say("done")], wires=frozenset({"/v1/chat/completions"})) as server:
        async with talk(server) as model:
            reply = await model.ask()
            assert reply.troubles == (Trouble.WRONG_WIRE,)
            assert (await model.ask(*answered(reply))).troubles == ()
        server.check()
    assert [seen.path for seen in server.seen] == ["/v1/chat/completions"] * 2


async def test_a_wire_that_the_operator_chose_is_not_left() -> None:
    with ModelServer([LOOK], wires=frozenset({"/v1/chat/completions"})) as server:
        async with talk(server, Wire.RESPONSES) as model:
            with pytest.raises(ModelFault, match="404"):
                await model.ask()


# -- the conversation ---------------------------------------------------------------------------------------


@BOTH
async def test_thirty_turns_are_one_growing_request(wire: Wire) -> None:
    patch = Call("apply_patch", {"patch": "*** Begin Patch\n*** Delete File: a\n*** End Patch\n"})
    turns: Sequence[Turn] = [(LOOK, patch, Reply("", (LS, patch)))[number % 3] for number in range(30)]
    with ModelServer(turns) as server:
        async with talk(server, wire) as model:
            history: tuple[Message, ...] = ()
            for _ in range(30):
                history += answered(await model.ask(*history))
        server.check()
    assert len(server.seen) == 30
    if wire is Wire.RESPONSES:
        kinds = {item.get("type") for item in server.seen[-1].items}
        assert {"reasoning", "custom_tool_call", "custom_tool_call_output", "function_call"} <= kinds


# -- money --------------------------------------------------------------------------------------------------


@BOTH
async def test_a_stream_that_was_cut_is_paid_for(wire: Wire) -> None:
    dear = (("gpt-5", Price(1_000_000.0, 1_000_000.0, 0.0)),)  # a dollar a token
    with ModelServer([LOOK], {0: [Fault.CUT_STREAM, Fault.SERVER_ERROR]}) as server:
        async with talk(server, wire, prices=dear) as model:
            reply = await model.ask()
    prompt = len(server.seen[0].raw) // 4
    assert reply.usage.requests == 3
    assert reply.prompt_tokens == prompt
    assert 1.5 * prompt < reply.usage.input_tokens <= 2 * prompt
    assert reply.usage.cost_usd == pytest.approx(reply.usage.input_tokens)


@BOTH
async def test_what_was_paid_for_nothing_is_told_too(wire: Wire) -> None:
    with ModelServer([LOOK], {0: [Fault.BAD_CHUNK, Fault.QUOTA]}) as server:
        async with talk(server, wire) as model:
            with pytest.raises(ModelFault) as raised:
                await model.ask()
    paid = paid_for(raised.value)
    assert paid.requests == 2
    assert paid.input_tokens > 0
    assert (paid.cost_usd or 0) > 0


async def test_an_unknown_price_is_an_unknown_cost() -> None:
    with ModelServer([LOOK]) as server:
        async with talk(server, Wire.CHAT, model="my-own-model") as model:
            assert (await model.ask()).usage.cost_usd is None


# -- servers that answer otherwise than asked ---------------------------------------------------------------


CHAT_URL = "http://model.test/v1/chat/completions"


@asynccontextmanager
async def mocked(wire: Wire = Wire.CHAT) -> AsyncIterator[ModelClient]:
    async def sleep(_seconds: float) -> None:
        """No waiting."""

    server = Server("gpt-5", "sk-test", "http://model.test/v1", wire)
    async with open_client(server, RetryPolicy(sleep, lambda: 0.0, tries=2), lambda: 0.0) as client:
        yield client


async def test_an_answer_that_is_not_streamed_is_taken(httpx2_mock: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "shell", "arguments": {"command": "ls"}}}
    whole = {
        "model": "m",
        "choices": [{"message": {"content": "Look.", "tool_calls": [call]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 5},
    }
    httpx2_mock.post(CHAT_URL).respond(200, json=whole)
    async with mocked() as model:
        reply = await model.reply(request())
    assert (reply.message.text, reply.message.calls[0].arguments) == ("Look.", '{"command": "ls"}')
    assert set(reply.troubles) == {Trouble.NOT_STREAMED, Trouble.ARGUMENTS_AS_OBJECT}


async def test_a_whole_response_is_taken_too(httpx2_mock: Any) -> None:
    item = {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": "{}"}
    whole = {"status": "completed", "model": "m", "output": [item], "usage": {"input_tokens": 900}}
    httpx2_mock.post("http://model.test/v1/responses").respond(200, json=whole)
    async with mocked(Wire.RESPONSES) as model:
        assert (await model.reply(request())).message.calls[0].id == "c1"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 502, "message": "upstream"}}, RetryLater),
        ({"error": {"code": 402, "message": "no credit"}}, ModelFault),
        ({"error": {"code": "invalid_prompt", "message": "no"}}, ModelFault),
        ([], RetryLater),
    ],
)
async def test_an_error_with_status_200_is_an_error(
    body: object, kind: type[Exception], httpx2_mock: Any
) -> None:
    httpx2_mock.post(CHAT_URL).respond(200, json=body)
    async with mocked() as model:
        with pytest.raises(kind):
            await model.reply(request())


async def test_a_content_filter_that_refuses_the_request_is_a_refusal(httpx2_mock: Any) -> None:
    error = {"error": {"code": "content_filter", "message": "filtered"}}
    httpx2_mock.post(CHAT_URL).respond(400, json=error)
    async with mocked() as model:
        reply = await model.reply(request())
    assert (reply.finish, reply.message) == (FinishReason.REFUSAL, AssistantMessage(""))


async def test_a_model_without_tools_is_told_with_the_remedy(httpx2_mock: Any) -> None:
    error = {"error": "registry/tiny:1b does not support tools"}
    httpx2_mock.post(CHAT_URL).respond(400, json=error)
    async with mocked() as model:
        with pytest.raises(ModelFault, match="--jinja"):
            await model.reply(request())


@pytest.mark.parametrize("reason", ["error", "network_error"])
async def test_a_back_end_that_gave_up_in_the_middle_is_asked_again(reason: str, httpx2_mock: Any) -> None:
    chunk = {"choices": [{"delta": {"content": "Hel"}, "finish_reason": reason}]}
    content = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
    head = {"content-type": "text/event-stream"}
    route = httpx2_mock.post(CHAT_URL).respond(200, content=content, headers=head)
    async with mocked() as model:
        with pytest.raises(RetryLater, match=reason):
            await model.reply(request())
    assert route.call_count == 2


async def test_reasoning_that_cannot_be_read_any_more_is_left_out(httpx2_mock: Any) -> None:
    thought = {"type": "reasoning", "encrypted_content": "gAAA", "summary": []}
    said = {"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}
    whole = {"status": "completed", "output": [thought, said], "usage": {"input_tokens": 900}}
    unreadable = {"error": {"code": "invalid_encrypted_content", "message": "could not be decrypted"}}
    url = "http://model.test/v1/responses"
    async with mocked(Wire.RESPONSES) as model:
        httpx2_mock.post(url).respond(200, json=whole)
        reply = await model.reply(request())
        route = httpx2_mock.post(url)
        route.mock(side_effect=[httpx.Response(400, json=unreadable), httpx.Response(200, json=whole)])
        await model.reply(request(reply.message, UserMessage("Go on.")))
        sent = [json.loads(call.request.content) for call in route.calls[-2:]]
    assert ["gAAA" in json.dumps(body) for body in sent] == [True, False]
    assert all("Hi." in json.dumps(body) for body in sent)
