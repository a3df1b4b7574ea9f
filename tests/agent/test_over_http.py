"""The loop against a real server, on both wires: whole runs, runs that die, and runs on bad days."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.agent.contract import Deferred, End, EventKind, Exhausted, Finished
from bot.llm.client import ModelClient, Server, open_client
from bot.llm.features import Wire
from bot.llm.retry import RetryPolicy
from tests.agent.world import Died, World
from tests.model_server.script import Call, Fault, Reply, Turn, seeded_faults
from tests.model_server.server import ModelServer

PATCH = (
    "*** Begin Patch\n*** Update File: app.py\n@@ def add(a, b):\n-    return a - b\n+    return a + b\n"
    "*** End Patch\n"
)
SUBMIT = Call("submit", {"outcome": "fixed", "title": "Add, not subtract", "summary": "A wrong sign."})
TURNS: tuple[Turn, ...] = (
    Reply("Look first.", (Call("read_file", {"path": "app.py"}), Call("shell", {"command": "ls"}))),
    Call("apply_patch", {"patch": PATCH}),
    Call("run_tests", {}),
    SUBMIT,
)
BOTH = pytest.mark.parametrize("wire", [Wire.RESPONSES, Wire.CHAT])
# Silence and pings are waited for in real time: they are tried where the client is tested.
KINDS = tuple(fault for fault in Fault if fault not in (Fault.IDLE_STREAM, Fault.PINGS_ONLY))


@asynccontextmanager
async def client_of(server: ModelServer, wire: Wire) -> AsyncIterator[ModelClient]:
    async def sleep(_seconds: float) -> None:
        """No waiting."""

    settings = Server("gpt-5", "sk-test", server.url, wire)
    async with open_client(settings, RetryPolicy(sleep, lambda: 0.0), lambda: 0.0) as client:
        yield client


@BOTH
async def test_a_whole_run_is_one_growing_valid_request(wire: Wire) -> None:
    world = World()
    with ModelServer(TURNS) as server:
        async with client_of(server, wire) as client:
            end = await world.go(client)  # type: ignore[arg-type]
        server.check()
    assert isinstance(end, Finished)
    assert world.snapshots.trees[end.tree]["app.py"] == b"def add(a, b):\n    return a + b\n"
    assert len(server.seen) == len(TURNS)
    assert end.spent.priced
    assert end.spent.cost_usd > 0


@BOTH
@pytest.mark.parametrize("row", [2, 3, 5])
async def test_a_run_that_died_goes_on_with_the_same_bytes(wire: Wire, row: int) -> None:
    world = World()
    world.log.die_after = row
    with ModelServer(TURNS) as server:
        async with client_of(server, wire) as client:
            with pytest.raises(Died):
                await world.go(client)  # type: ignore[arg-type]
            end = await world.go(client)  # type: ignore[arg-type]
        server.check()
    assert isinstance(end, Finished)


@BOTH
async def test_what_failed_requests_cost_is_counted_and_may_use_up_the_budget(wire: Wire) -> None:
    world = World()
    with ModelServer(TURNS, {1: [Fault.CUT_STREAM, Fault.QUOTA]}) as server:
        async with client_of(server, wire) as client:
            end = await world.go(client)  # type: ignore[arg-type]
    assert isinstance(end, Exhausted)
    (paid,) = world.log.bodies(EventKind.PAID)
    replies = world.log.bodies(EventKind.REPLY)
    assert paid["usage"]["input_tokens"] > 0
    known = sum(body["reply"]["usage"]["input_tokens"] for body in replies)
    assert end.spent.input_tokens == known + paid["usage"]["input_tokens"]
    assert end.spent.turns == len(replies), "it was no turn"


@BOTH
@pytest.mark.parametrize("seed", range(8))
async def test_a_run_on_bad_days_ends_named_and_sends_nothing_invalid(wire: Wire, seed: int) -> None:
    world = World()
    ends: list[End] = []
    with ModelServer(TURNS, seeded_faults(seed, len(TURNS) + 8, 0.4, KINDS)) as server:
        async with client_of(server, wire) as client:
            while not ends or isinstance(ends[-1], Deferred):
                ends.append(await world.go(client))  # type: ignore[arg-type]
        assert server.complaints == []
        assert server.breaks == []
    assert isinstance(ends[-1], Finished | Exhausted)
    troubles = [
        trouble for body in world.log.bodies(EventKind.REPLY) for trouble in body["reply"]["troubles"]
    ]
    passing = {
        Fault.SERVER_ERROR,
        Fault.RATE_LIMIT,
        Fault.RATE_LIMIT_BARE,
        Fault.UNAVAILABLE,
        Fault.CUT_STREAM,
    }
    if isinstance(ends[-1], Finished) and passing & set(server.served):
        assert troubles, "what went wrong is in the log"
