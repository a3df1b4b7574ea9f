"""The probe asks a real server on loopback; what it saw becomes findings with remedies."""

from typing import Any

import pytest

from bot.cli.doctor_findings import Finding, Health
from bot.cli.doctor_model import judge_model, judge_silence
from bot.llm.client import Server, open_client
from bot.llm.features import Wire
from bot.llm.prices import parse_prices
from bot.llm.probe import ProbeFacts, find_window, probe_model
from bot.llm.retry import RetryPolicy
from tests.model_server.script import Call, Fault, Reply, Say, Turn
from tests.model_server.seen import Seen
from tests.model_server.server import ModelServer

READY, HERON = Call("note", {"text": "ready"}), Call("note", {"text": "heron"})
PATCH = Call("apply_patch", {"patch": "*** Begin Patch\n*** Add File: ready.txt\n+ready\n*** End Patch\n"})
GOOD: tuple[Turn, ...] = (Reply("", (READY, HERON)), PATCH)


async def probe(script: Any, model: str = "gpt-5", **more: Any) -> tuple[ProbeFacts, dict[str, Finding]]:
    async def sleep(_seconds: float) -> None:
        """No waiting."""

    prices = more.pop("prices", ())
    with ModelServer(script, **more) as server:
        settings = Server(model, "sk-test", server.url, prices=prices)
        async with open_client(settings, RetryPolicy(sleep, lambda: 0.0, 2), lambda: 0.0) as client:
            facts = await probe_model(client)
            found = judge_model(facts, client.features)
        server.check(compactions=int(bool(facts.too_long)))
    return facts, {finding.subject: finding for finding in found}


def health(found: dict[str, Finding]) -> dict[str, Health]:
    return {subject: finding.health for subject, finding in found.items()}


async def test_a_server_that_can_do_everything_has_no_remedies() -> None:
    facts, found = await probe(GOOD, models=({"id": "gpt-5", "context_window": 400_000},))
    assert facts.wire is Wire.RESPONSES
    assert facts.paid.requests == 2
    assert set(health(found).values()) == {Health.GOOD}
    assert "400,000" in found["long prompts"].said
    assert "plain text" in found["patches"].said


async def test_a_compatible_server_with_little_is_told_what_it_lacks() -> None:
    refused = frozenset({"stream_options"})
    facts, found = await probe(
        (READY, PATCH),
        model="my-own-model",
        faults={0: [Fault.NO_USAGE], 1: [Fault.NO_USAGE]},
        refused_fields=refused,
        wires=frozenset({"/v1/chat/completions"}),
    )
    assert facts.wire is Wire.CHAT
    assert found["tool calls"].said == "one call at a time"
    assert found["tokens"].health is Health.WARNING
    assert found["prompt cache"].health is Health.WARNING
    assert found["long prompts"].health is Health.WARNING  # it did not say the word
    assert "`stream_options`" in found["request"].said
    assert Health.BAD not in health(found).values()


async def test_a_price_of_the_operator_is_a_price() -> None:
    prices = parse_prices('{"my-own-model": {"input": 0, "output": 0}}')
    _, found = await probe(GOOD, model="my-own-model", prices=prices)
    assert found["tokens"].health is Health.GOOD


async def test_a_model_that_calls_no_tool_is_no_use() -> None:
    _, found = await probe((Say("heron"), Say("I would need a tool.")))
    assert found["tool calls"].health is Health.BAD
    assert "--jinja" in found["tool calls"].remedy
    assert found["patches"].health is Health.WARNING


async def test_a_server_that_cuts_prompts_is_found() -> None:
    _, found = await probe(GOOD, faults={0: [Fault.SHORT_USAGE]})
    assert found["long prompts"].health is Health.BAD
    assert "in silence" in found["long prompts"].said
    assert "OLLAMA_CONTEXT_LENGTH" in found["long prompts"].remedy


async def test_a_server_that_refuses_a_long_prompt_is_not_said_to_cut_it() -> None:
    facts, found = await probe(GOOD, faults={0: [Fault.OVERFLOW]})
    assert facts.too_long
    assert found["long prompts"].health is Health.BAD
    assert "in silence" not in found["long prompts"].said


async def test_a_model_that_calls_what_is_not_there_is_told_apart_from_one_that_does_not_call() -> None:
    for fault in (Fault.UNKNOWN_TOOL, Fault.BAD_ARGUMENTS):
        _, found = await probe((READY, PATCH), faults={0: [fault]})
        assert found["tool calls"].health is Health.BAD
        assert "name no tool" in found["tool calls"].said


async def test_what_was_not_tried_is_not_called_good() -> None:
    _, found = await probe((Say("heron"), Say("I would need a tool.")))
    assert found["conversation"].health is Health.WARNING


async def test_a_refusal_is_called_one() -> None:
    _, found = await probe(GOOD, faults={0: [Fault.REFUSAL]})
    assert "refused" in found["tool calls"].said


def test_a_server_without_an_answer_is_named() -> None:
    assert (
        "http://10.0.0.7:8000/v1" in judge_silence("the connection failed", "http://10.0.0.7:8000/v1").remedy
    )
    assert "not set" in judge_silence("the connection failed", "").remedy


async def test_a_server_that_takes_no_answers_to_calls_is_found() -> None:
    _, found = await probe(GOOD, faults={1: [Fault.BAD_REQUEST]})
    assert found["conversation"].health is Health.BAD


async def test_the_second_request_is_the_first_one_and_more() -> None:
    seen: list[Seen] = []

    def script(one: Seen) -> Turn:
        seen.append(one)
        return GOOD[one.turn]

    facts, _ = await probe(script)
    assert len(seen) == 2
    assert facts.cached_tokens > 4_096


@pytest.mark.parametrize(
    ("entry", "window"),
    [
        ({"id": "m", "max_model_len": 32_768}, 32_768),  # vLLM
        ({"id": "m", "meta": {"n_ctx": 8_192}}, 8_192),  # llama.cpp
        ({"id": "m", "context_length": 262_144}, 262_144),  # OpenRouter
        ({"id": "m"}, None),
        ({"id": "m", "max_model_len": "many"}, None),
    ],
)
def test_a_window_is_read_in_the_words_of_each_server(entry: dict[str, object], window: int | None) -> None:
    assert find_window((entry, {"id": "other", "n_ctx": 1}), "m") == window
