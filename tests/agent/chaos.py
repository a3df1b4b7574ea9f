"""One session of the loop in which everything may go wrong, by a seed: the model, its server, the commands, the
people, and the process itself. Every request is judged; the session must come to a named end.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.agent.contract import Deferred, End, EventKind, Exhausted, Finished, Steering, Waiting
from bot.agent.history import fold
from bot.domain.budget import Budget
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import (
    AssistantMessage,
    ContextOverflow,
    FinishReason,
    ModelReply,
    ModelRequest,
    ToolCall,
    Usage,
)
from bot.llm.serialise import render_canonical, render_message
from bot.sandbox.contract import Command, CommandResult, EndedBy
from tests.agent.scripted import HEAD, assert_extends, assert_valid_request
from tests.agent.world import Died, MemoryLog, MemoryWorkspace, World

TURNS = 40
DEATHS = 0.03  # of each append
LINES = "".join(f"{number}: some output of a program\n" for number in range(400))


@dataclass
class DyingLog(MemoryLog):
    """Dies by chance before or after an append."""

    chance: random.Random = field(default_factory=random.Random)

    async def append(self, kind: EventKind, body: dict[str, object]) -> None:
        if self.chance.random() < DEATHS:
            raise Died
        await super().append(kind, body)
        if self.chance.random() < DEATHS:
            raise Died


@dataclass
class ChaosModel:
    """A `Model` whose next reply is anybody's guess. `log` tells whether a compaction was announced."""

    chance: random.Random
    log: MemoryLog
    name: str = "chaos"
    requests: int = 0
    _last: ModelRequest | None = None
    _compactions: int = 0

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        self._judge(request)
        self.requests += 1
        fault = self.chance.random()
        if fault < 0.04:
            raise RetryLater("busy", self.chance.choice([0.0, 5.0, 900.0]))
        if fault < 0.07:
            raise ContextOverflow("too long")
        if fault < 0.075:
            raise ModelFault("no quota left")
        return self._reply(request, on_text)

    def _judge(self, request: ModelRequest) -> None:
        assert_valid_request(request)
        count = self.log.kinds().count(EventKind.COMPACTED)
        if self._last is not None:
            assert_extends(self._last, request, HEAD if count > self._compactions else None)
        self._last, self._compactions = request, count

    def _reply(self, request: ModelRequest, on_text: Callable[[str], None] | None) -> ModelReply:
        chance = self.chance
        text = chance.choice(
            ["", "", " ", "I see.", "Done, all tests pass!", "\u202e\u200b", "long " * 3_000]
        )
        used = sum(
            len(message.calls) for message in request.messages if isinstance(message, AssistantMessage)
        )
        many = chance.choices([0, 1, 2, 5, 40], [12, 60, 18, 8, 2])[0]
        calls = tuple(self._call(f"c{self.requests}_{used}_{number}") for number in range(many))
        finish = chance.choices(
            [FinishReason.STOP, FinishReason.CALLS, FinishReason.LENGTH, FinishReason.REFUSAL], [4, 12, 1, 1]
        )[0]
        size = chance.choice([0, 10, 5_000, 3_000_000])
        usage = Usage(size, size // 2, 50, chance.choice([None, 0.01]), chance.choice([1, 1, 3]))
        if on_text and text:
            on_text(text)
        return ModelReply(AssistantMessage(text, calls), finish, usage, self.name)

    def _call(self, name: str) -> ToolCall:
        chance = self.chance
        tool, arguments = chance.choice(CALLS)
        raw = json.dumps(arguments)
        match chance.randrange(20):
            case 0:
                raw = raw[: chance.randrange(len(raw) + 1)]
            case 1:
                raw = raw.replace("}", ",}")
            case 2:
                tool = chance.choice(
                    ["teleport", "", "Shell", "functions.shell", "bash", "\u202eshell", "submit "]
                )
            case 3:
                raw = chance.choice(
                    ["", "null", "[]", "{}", '"x"', "[" * 3_000, '{"command": "\\ud800\\u0000"}']
                )
        return ToolCall(name, tool, raw)


CALLS: list[tuple[str, dict[str, object]]] = [
    ("shell", {"command": "write a.txt"}),
    ("shell", {"command": "write b.txt", "timeout_s": 9_999}),
    ("shell", {"command": "talk"}),
    ("shell", {"command": "talk"}),
    ("shell", {"command": "hang"}),
    ("shell", {"command": "eat"}),
    ("shell", {"command": "noise", "workdir": "../.."}),
    ("shell", {"command": "noise"}),
    ("read_file", {"path": "app.py"}),
    ("read_file", {"path": "../secret"}),
    ("read_file", {"path": "app.py", "offset": 99}),
    ("read_file", {"path": "."}),
    ("edit", {"path": "app.py", "old_string": "a - b", "new_string": "a + b"}),
    ("edit", {"path": "app.py", "old_string": "a + b", "new_string": "a - b"}),
    ("edit", {"path": ".git/config", "old_string": "", "new_string": "x"}),
    ("write_file", {"path": "tests/test_new.py", "content": "def test_x():\n    assert True\n"}),
    ("write_file", {"path": "app.py", "content": "def add(:\n"}),
    ("run_tests", {}),
    ("run_tests", {"selection": ["tests/test_app.py"]}),
    ("update_plan", {"plan": [{"step": "Find it", "status": "in_progress"}]}),
    ("ask_person", {"questions": ["Zero or an error?"]}),
    ("submit", {"outcome": "fixed", "title": "t", "summary": "s"}),
    ("submit", {"outcome": "needs_clarification", "title": "t", "summary": "s"}),
]


@dataclass(frozen=True)
class Session:
    end: End
    world: World
    requests: int
    deaths: int


async def run_session(seed: int) -> Session:
    """To its end, through deaths, questions and pauses. Raises what should never be raised."""
    chance = random.Random(seed)
    log = DyingLog(chance=chance)
    world = World(
        scripts=_scripts(chance),
        log=log,
        window=chance.choice([4_000, 16_000, 128_000]),
        budget=Budget(turns=TURNS, tokens=chance.choice([200_000, 100_000_000])),
    )
    world.gate_answers = [chance.choice([(), ("Remove the scratch file.",)]) for _ in range(20)]
    model = ChaosModel(chance, log)
    deaths = answers = 0
    for _ in range(10 * TURNS):
        if chance.random() < 0.1:
            answers += 1
            world.inbox.append(Steering(answers, "ada", "Use \u200bintegers. <!-- hidden -->", answers))
        try:
            end = await world.go(model)
        except Died:
            deaths += 1
            continue
        if isinstance(end, Finished | Exhausted):
            await _check_end(world, end)
            return Session(end, world, model.requests, deaths)
        assert isinstance(end, Waiting | Deferred)
        if isinstance(end, Waiting):
            answers += 1
            world.inbox.append(Steering(answers, "ada", "Zero.", answers))
    raise AssertionError("the session did not come to an end")


async def _check_end(world: World, end: Finished | Exhausted) -> None:
    assert end.tree in world.snapshots.trees, "the work is lost"
    state = fold(await world.log.load())
    assert state.spent.turns == world.log.kinds().count(EventKind.REPLY) <= TURNS
    assert end.spent == state.spent
    if isinstance(end, Exhausted):
        assert end.detail
    again = fold(await world.log.load())
    assert _bytes(state.messages) == _bytes(again.messages)


def _bytes(messages: tuple[object, ...]) -> str:
    return render_canonical([render_message(message) for message in messages])  # type: ignore[arg-type]


def _scripts(chance: random.Random) -> dict[str, Callable[[MemoryWorkspace, Command], CommandResult]]:
    def talk(_: MemoryWorkspace, command: Command) -> CommandResult:
        return CommandResult(0, EndedBy.EXIT, chance.random(), (LINES * chance.choice([1, 1, 5])).encode())

    def noise(_: MemoryWorkspace, command: Command) -> CommandResult:
        return CommandResult(
            1, EndedBy.EXIT, 0.1, chance.randbytes(2_000) + b"\x1b[31mred\r\n" + b"\0\xff" * 50
        )

    return {
        "talk": talk,
        "noise": noise,
        "hang": lambda _, __: CommandResult(None, EndedBy.TIMEOUT, 600.0, b""),
        "eat": lambda _, __: CommandResult(None, EndedBy.MEMORY, 3.0, b"", detail="over 4 GiB"),
    }
