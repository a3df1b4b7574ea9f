"""Model and sandbox with a clock beside them: what they answer is handed on, what they took is told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from bot.errors import ModelFault, RetryLater
from bot.llm.contract import ContextOverflow, ModelReply, ModelRequest
from bot.sandbox.contract import NO_SETUP, Command, CommandResult, Environment, Sandbox, Workspace
from bot.tasks.measured import MeasuredModel, MeasuredSandbox, ModelEnd

REPLY = cast(ModelReply, object())
REQUEST = cast(ModelRequest, object())


@dataclass
class Answering:
    answer: ModelReply | Exception
    name: str = "m"

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (REPLY, ModelEnd.REPLIED),
        (ModelFault("no"), ModelEnd.REFUSED),
        (RetryLater("not now", 1.0), ModelEnd.AWAY),
        (ContextOverflow(), ModelEnd.OVERFLOW),
        (ValueError(), ModelEnd.ENDED),
    ],
)
async def test_a_model_is_asked_as_ever_and_what_came_of_it_is_told(
    answer: ModelReply | Exception, end: ModelEnd
) -> None:
    told: list[tuple[ModelEnd, float]] = []
    model = MeasuredModel(Answering(answer), lambda *seen: told.append(seen))
    assert model.name == "m"
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            await model.reply(REQUEST)
    else:
        assert await model.reply(REQUEST) is answer
    ((seen, seconds),) = told
    assert seen is end
    assert seconds >= 0.0


class OneWorkspace:
    view_root = Path("/view")
    written_layers = (Path("/layer"),)
    blocked = ()
    prepared = 0

    async def run(self, command: Command) -> CommandResult:
        return cast(CommandResult, command.script)

    def prepare(self) -> None:
        self.prepared += 1

    def view_command(self, argv: list[str]) -> list[str]:
        return ["view", *argv]


class OneSandbox:
    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        self.opened = OneWorkspace()
        return cast(Workspace, self.opened)

    async def ensure_environment(self, spec: Any) -> Environment:
        raise RetryLater("busy", 1.0)


async def test_each_command_and_each_set_up_is_told() -> None:
    told: list[float] = []
    inner = OneSandbox()
    sandbox = MeasuredSandbox(cast(Sandbox, inner), told.append)
    workspace = await sandbox.open_workspace(Path("/t"))
    assert cast(str, await workspace.run(Command("true"))) == "true"
    assert workspace.view_command(["ls"]) == ["view", "ls"]
    assert (workspace.view_root, workspace.blocked) == (Path("/view"), ())
    assert workspace.written_layers == (Path("/layer"),)
    workspace.prepare()
    assert inner.opened.prepared == 1
    assert len(told) == 1
    with pytest.raises(RetryLater):
        await sandbox.ensure_environment(cast(Any, None))
    assert len(told) == 2
