"""One task's private, writable view of a template: commands, files, and the view for the walker.

It must never open a file of the workspace on the host: reading and writing are done by a program inside.

Races. An overlay may be mounted once at a time for writing, so one thing runs at a time (a lock), and what was made
ahead is taken or ended before anything else is made. Closing waits for what runs. The view is for when nothing runs,
which the caller sees to: a sandbox that waits for its command changes nothing, and a stamp ends it.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from bot.domain import limits
from bot.domain.paths import UnsafePath, parse_repo_path
from bot.errors import Bug, ForModel
from bot.sandbox import files_inside, session_inside, trees
from bot.sandbox.contract import (
    BlockedHost,
    Command,
    CommandResult,
    Environment,
    FileKind,
    FileRead,
    FileWrite,
    Session,
)
from bot.sandbox.environments import release
from bot.sandbox.programs import INTERPRETER, program
from bot.sandbox.seam import Channel, CommandRunner, Mounts
from bot.sandbox.session import Conversation
from bot.sandbox.stamp import take_stamp

_PROGRAM_PATH: Final = "/pullwright/files.py"
_SESSION_PATH: Final = "/pullwright/session.py"
_SESSION: Final = Path(session_inside.__file__)
_SHOWN: Final = 120  # characters of a command in a report
_HEADER_BYTES: Final = 8 * limits.MIB  # the JSON line: at most SANDBOX_ENTRIES names of 255 bytes, escaped


@dataclass
class SandboxWorkspace:
    """See `contract.Workspace`. `folder` is ours alone: the upper layer and the place of the view."""

    runner: CommandRunner
    folder: Path
    mounts: Mounts
    environment: Environment
    held: tuple[int, ...] = ()  # keeps the environments from being removed
    _blocked: dict[str, BlockedHost] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closed: bool = False

    async def run(self, command: Command) -> CommandResult:
        """See `contract.Workspace.run`."""
        variables = {**self.environment.variables, **command.env}
        async with self._turn:
            self._refuse_closed()
            egress = self.environment.egress
            result = await self.runner.run(self.mounts, replace(command, env=variables), egress)
        for host, reason in result.refused.items():
            self._blocked.setdefault(host, BlockedHost(host, reason, first_line(command.script)))
        return result

    def prepare(self) -> None:
        """See `contract.Workspace.prepare`. Not while something runs: that ends first, and the next command may
        never come."""
        is_served = bool(self.environment.egress.hosts)
        if not (self._closed or self._turn.locked() or is_served):
            self.runner.prepare(self.mounts, _file_program())

    @property
    def blocked(self) -> tuple[BlockedHost, ...]:
        """See `contract.Workspace.blocked`."""
        return tuple(self._blocked.values())

    async def read_file(self, path: str, max_bytes: int = limits.READ_FILE_BYTES) -> FileRead:
        """See `contract.Workspace.read_file`. A link within is followed; one that leads nowhere is a SYMLINK.

        Of a directory at most SANDBOX_ENTRIES names are told; `size` counts them all.
        """
        if "\0" in path:
            return FileRead(FileKind.MISSING)
        asked = path.removeprefix("/workspace/").encode("utf-8", "replace").decode()
        fields = ("read", asked, str(max_bytes), str(limits.SANDBOX_ENTRIES))
        (kind, size, whole, *entries), content = await self._ask(fields, b"", max_bytes)
        return FileRead(FileKind(kind), int(size), content if whole else None, tuple(entries))

    async def write_files(self, writes: tuple[FileWrite, ...]) -> None:
        """See `contract.Workspace.write_files`."""
        described = [(_checked(one.path), *_size_and_mode(one)) for one in writes]
        if len({path for path, _, _ in described}) != len(described):
            raise ForModel("The same file is named twice. Nothing was written; name each file once.")
        content = b"".join(one.content or b"" for one in writes)
        fields = ("write", *(field for one in described for field in one))
        if refused := (await self._ask(fields, content, 0))[0]:
            raise ForModel(f"{refused[0]} Nothing was written.")

    async def open_session(self) -> Session:
        """See `contract.Workspace.open_session`."""
        await self._turn.acquire()
        try:
            self._refuse_closed()
            await self.runner.let_go()
            read, write = os.pipe()
        except BaseException:
            self._turn.release()
            raise
        conversation = Conversation(write)
        command = Command(
            script="",
            timeout_s=limits.BACKGROUND_S,
            env=self.environment.variables,
            files={_SESSION_PATH: _SESSION.read_bytes()},
        )
        argv = (INTERPRETER, "-I", "-S", _SESSION_PATH)
        work = self.runner.converse(self.mounts, command, argv, Channel(read, conversation))

        def ended() -> None:
            os.close(write)
            self._turn.release()

        conversation.attach(asyncio.create_task(work), ended)
        return conversation

    def view_command(self, argv: list[str]) -> list[str]:
        """See `contract.Workspace.view_command`. A copy needs no mount to be seen."""
        if self.runner.copies:
            return argv
        layers = [self.mounts.changes, *self.mounts.lowers]
        request = {"layers": [str(path) for path in layers], "root": str(self.view_root)}
        return [*program("bot.sandbox.view"), json.dumps(request), *argv]

    @property
    def view_root(self) -> Path:
        return self.mounts.changes if self.runner.copies else self.folder / "view"

    @property
    def written_layers(self) -> tuple[Path, ...]:
        """See `contract.Workspace.written_layers`. The template is the lowest of all layers."""
        return () if self.runner.copies else (self.mounts.changes, *self.mounts.lowers[:-1])

    async def stamp(self) -> str | None:
        """See `contract.Workspace.stamp`."""
        async with self._turn:
            self._refuse_closed()
            await self.runner.let_go()
            return await asyncio.to_thread(take_stamp, self.mounts.changes)

    async def close(self) -> None:
        """See `contract.Workspace.close`. Waits for what runs."""
        async with self._turn:
            self._closed = True
            await self.runner.let_go()
            await asyncio.to_thread(trees.remove, self.folder)
            held, self.held = self.held, ()
            release(held)

    async def _ask(
        self, fields: tuple[str, ...], content: bytes, answer_bytes: int
    ) -> tuple[list[str], bytes]:
        head = "\0".join(fields).encode()
        command = Command(
            script="",
            timeout_s=limits.SANDBOX_FILES_S,
            stdin=b"%d\n" % len(head) + head + content,
            files=_file_program(),
            output_bytes=2 * (answer_bytes + _HEADER_BYTES),  # the head alone takes the whole answer
        )
        async with self._turn:
            self._refuse_closed()
            argv = (self.runner.interpreter, "-I", "-S", _PROGRAM_PATH)
            result = await self.runner.execute(self.mounts, command, argv)
        if not result.ok:
            why = result.detail or result.output[-500:].decode("utf-8", "replace").strip()
            raise ForModel(f"The files can't be reached ({result.ended_by.value}): {why}")
        return _parse_answer(result.output)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Bug("this workspace is closed")


def first_line(script: str) -> str:
    """Of a command, for a person: what it was."""
    lines = [line.strip() for line in script.splitlines() if line.strip()]
    return lines[0][:_SHOWN] + (" ..." if len(lines) > 1 or len(lines[0]) > _SHOWN else "") if lines else ""


@cache
def _file_program() -> Mapping[str, bytes]:
    """What reads and writes files inside, as `Command.files` has it. Looked up once."""
    return {_PROGRAM_PATH: Path(files_inside.__file__).read_bytes()}


def _size_and_mode(one: FileWrite) -> tuple[str, str]:
    """As `files_inside.Write` takes them."""
    mode = next(name for name, executable in files_inside.EXECUTABLE.items() if executable is one.executable)
    return "" if one.content is None else str(len(one.content)), mode


def _parse_answer(output: bytes) -> tuple[list[str], bytes]:
    """The fields and what comes behind them. Raises ForModel."""
    line, _, rest = output.partition(b"\n")
    if not line.isdigit():
        raise ForModel(f"The files can't be reached: {output[:200].decode('utf-8', 'replace')}")
    head = rest[: int(line)]
    return head.decode("utf-8", "replace").split("\0") if head else [], rest[len(head) :]


def _checked(path: str) -> str:
    try:
        return parse_repo_path(path)
    except UnsafePath as error:
        raise ForModel(f"{error}. Nothing was written.") from error
