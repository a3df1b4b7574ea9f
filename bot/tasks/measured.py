"""What model and sandbox take, told to the metrics: the same protocols, with a clock beside each call."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import ContextOverflow, Model, ModelReply, ModelRequest
from bot.sandbox.contract import (
    NO_SETUP,
    BlockedHost,
    Command,
    CommandResult,
    Environment,
    FileRead,
    FileWrite,
    Preflight,
    Sandbox,
    Session,
    SetupSpec,
    Workspace,
)

ObserveModel = Callable[["ModelEnd", float], None]
ObserveCommand = Callable[[float], None]


class ModelEnd(StrEnum):
    """What came of one request to a model, its tries included."""

    REPLIED = "replied"
    REFUSED = "refused"  # for good
    AWAY = "away"  # the task waits
    OVERFLOW = "overflow"  # the prompt was too long
    ENDED = "ended"  # the task was, while it was asked


@dataclass(frozen=True)
class MeasuredModel:
    """See `llm.contract.Model`. `observe` is given seconds, retries included."""

    model: Model
    observe: ObserveModel

    @property
    def name(self) -> str:
        return self.model.name

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        begun, end = time.monotonic(), ModelEnd.ENDED
        try:
            reply = await self.model.reply(request, on_text)
            end = ModelEnd.REPLIED
            return reply
        except ModelFault:
            end = ModelEnd.REFUSED
            raise
        except RetryLater:
            end = ModelEnd.AWAY
            raise
        except ContextOverflow:
            end = ModelEnd.OVERFLOW
            raise
        finally:
            self.observe(end, time.monotonic() - begun)


@dataclass(frozen=True)
class MeasuredSandbox:
    """See `sandbox.contract.Sandbox`. `observe` is given the seconds of each command and each set-up."""

    sandbox: Sandbox
    observe: ObserveCommand

    async def preflight(self) -> Preflight:
        return await self.sandbox.preflight()

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        return _MeasuredWorkspace(await self.sandbox.open_workspace(template, environment), self.observe)

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        begun = time.monotonic()
        try:
            return await self.sandbox.ensure_environment(spec)
        finally:
            self.observe(time.monotonic() - begun)


@dataclass(frozen=True)
class _MeasuredWorkspace:
    workspace: Workspace
    observe: ObserveCommand

    async def run(self, command: Command) -> CommandResult:
        begun = time.monotonic()
        try:
            return await self.workspace.run(command)
        finally:
            self.observe(time.monotonic() - begun)

    async def read_file(self, path: str, max_bytes: int = limits.READ_FILE_BYTES) -> FileRead:
        return await self.workspace.read_file(path, max_bytes)

    async def write_files(self, writes: tuple[FileWrite, ...]) -> None:
        await self.workspace.write_files(writes)

    def prepare(self) -> None:
        self.workspace.prepare()

    async def open_session(self) -> Session:
        return await self.workspace.open_session()

    def view_command(self, argv: list[str]) -> list[str]:
        return self.workspace.view_command(argv)

    @property
    def view_root(self) -> Path:
        return self.workspace.view_root

    @property
    def written_layers(self) -> tuple[Path, ...]:
        return self.workspace.written_layers

    async def stamp(self) -> str | None:
        return await self.workspace.stamp()

    @property
    def blocked(self) -> tuple[BlockedHost, ...]:
        return self.workspace.blocked

    async def close(self) -> None:
        await self.workspace.close()
