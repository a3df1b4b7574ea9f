"""The server judges what it gets, and misbehaves as it was told to."""

import json
from typing import Any

import httpx2
import pytest

from tests.model_server.script import Call, Fault, Reply, Say, seeded_faults
from tests.model_server.seen import Seen, extends, find_faults
from tests.model_server.server import ModelServer

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
USER = {"role": "user", "content": "task"}
LS = Call("shell", {"command": "ls"})


def chat(*messages: dict[str, Any]) -> Seen:
    body = {"model": "m", "messages": list(messages)}
    return Seen(CHAT, json.dumps(body).encode(), body)


def responses(*items: dict[str, Any]) -> Seen:
    body = {"model": "m", "input": list(items)}
    return Seen(RESPONSES, json.dumps(body).encode(), body)


def asks(identity: str, name: str = "shell", arguments: str = "{}") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": identity, "type": "function", "function": function}],
    }


def answers(identity: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identity, "content": "done"}


def calls(identity: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": identity, "name": "shell", "arguments": "{}"}


def gives(identity: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": identity, "output": "done"}


@pytest.mark.parametrize(
    "seen",
    [
        chat(USER),
        chat(USER, asks("a"), answers("a")),
        responses(USER),
        responses(USER, {"type": "reasoning"}, calls("a"), calls("b"), gives("a"), gives("b")),
    ],
)
def test_a_valid_request_passes(seen: Seen) -> None:
    assert find_faults(seen) == []


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (chat(), "no messages"),
        (chat(USER, {"role": "assistant", "content": "x"}), "nothing new"),
        (chat(USER, asks("a"), USER), "no output"),
        (chat(USER, answers("a")), "has no call"),
        (chat(USER, asks("a"), answers("a"), asks("a"), answers("a")), "used twice"),
        (chat(USER, asks("a"), answers("a"), answers("a")), "has no call"),
        (chat(USER, asks("a", arguments="{oops"), answers("a")), "no JSON"),
        (chat(USER, asks("a", name="browse the web!"), answers("a")), "no name"),
        (chat(USER, asks("a" * 80), answers("a" * 80)), "80 characters"),
        (chat({"role": "user", "content": "\ud83d"}), "surrogate"),
        (chat({"role": "user", "content": "\0"}), "NUL"),
        (responses(USER, calls("a"), calls("b"), gives("b"), gives("a")), "out of order"),
        (responses(USER, calls("a")), "no output"),
        (responses(USER, gives("a")), "has no call"),
    ],
)
def test_an_invalid_request_is_named(seen: Seen, fault: str) -> None:
    assert any(fault in one for one in find_faults(seen))


def test_a_later_request_has_to_begin_with_the_earlier() -> None:
    first = chat(USER)
    assert extends(first, chat(USER, asks("a"), answers("a")))
    assert not extends(first, chat({"role": "user", "content": "another"}, asks("a"), answers("a")))


def ask(server: ModelServer, seen: Seen) -> httpx2.Response:
    return httpx2.post(server.url + seen.path.removeprefix("/v1"), content=seen.raw)


def test_the_turn_is_in_the_request() -> None:
    with ModelServer([LS, Say("done")]) as server:
        assert '"shell"' in ask(server, chat(USER)).text
        assert '"content": "done"' in ask(server, chat(USER, asks("a"), answers("a"))).text
        assert '"delta": "done"' in ask(server, responses(USER, calls("a"), gives("a"))).text
        server.check()


def test_what_is_wrong_fails_the_check() -> None:
    with ModelServer([LS]) as server:
        ask(server, chat(USER, answers("a")))
        with pytest.raises(AssertionError, match="has no call"):
            server.check()
    with ModelServer([LS]) as server:
        ask(server, chat(USER))
        ask(server, chat({"role": "user", "content": "other"}, asks("a"), answers("a")))
        with pytest.raises(AssertionError, match="announced"):
            server.check()
        server.check(compactions=1)


def test_a_fault_is_met_once_and_then_the_turn_goes_out() -> None:
    with ModelServer([Reply("Look.", (LS,))], {0: [Fault.UNAVAILABLE, Fault.CUT_STREAM]}) as server:
        assert ask(server, chat(USER)).status_code == 503
        with pytest.raises(httpx2.RemoteProtocolError):
            ask(server, chat(USER))
        assert "[DONE]" in ask(server, chat(USER)).text
        assert server.served == [Fault.UNAVAILABLE, Fault.CUT_STREAM, None]


@pytest.mark.chaos  # the bad days that the chaos suite has in store
@pytest.mark.parametrize("wire", [chat, responses])
@pytest.mark.parametrize("fault", [f for f in Fault if f not in (Fault.IDLE_STREAM, Fault.PINGS_ONLY)])
def test_every_fault_is_another_answer_than_the_turn(fault: Fault, wire: Any) -> None:
    turn = Reply("Look.", (LS, Call("shell", {"command": "pwd"})))
    with ModelServer([turn], {0: [fault]}) as server:
        try:
            met: object = ask(server, wire(USER)).content
        except httpx2.RemoteProtocolError:
            met = "no answer"
        assert met != ask(server, wire(USER)).content


def test_a_seed_gives_the_same_plan_again() -> None:
    assert seeded_faults(7, 20, 0.5) == seeded_faults(7, 20, 0.5) != seeded_faults(8, 20, 0.5)
    assert seeded_faults(7, 20, 0.0) == {}
