"""One command in a sandbox, from layers to a result: the one implementation of `seam.RunInSandbox`.

It must never return or raise while a process of the sandbox is alive, nor turn a refusal of the host into
a weaker sandbox.

Race: cancelling the caller must not leave the work half killed. The work is a task of its own that nobody
cancels; the caller asks it to stop and waits.
"""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.domain.paths import WORKSPACE
from bot.errors import SandboxUnavailable
from bot.sandbox import remedies, trees
from bot.sandbox.arguments import base_variables
from bot.sandbox.contract import Command, CommandResult, EgressPolicy, EndedBy
from bot.sandbox.egress import EgressLog
from bot.sandbox.launch import Running, Told
from bot.sandbox.output import HeadTail, Output
from bot.sandbox.programs import INTERPRETER
from bot.sandbox.seam import CA_BUNDLE_PATH, CA_VARIABLES, PROXY_VARIABLES, Channel, Mounts
from bot.sandbox.standing import FILES_BELOW, Ahead, Ground, Wanted, make, render_words

Serve = Callable[[socket.socket, EgressPolicy], AbstractAsyncContextManager[EgressLog]]
"""`bot.sandbox.egress.serve`: answers on the planted listener while it is entered."""

_SCRIPT_PATH: Final = f"{FILES_BELOW}command.sh"
BY_SIGNAL: Final = {
    4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
    15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip  # 128 + number is how shells and bubblewrap tell; git's own 128 and 129 are not among them


@dataclass(frozen=True)
class Runner(Ground):
    """`serve`: who answers on a planted listener. `ahead`: of a workspace, whose commands come one at a time."""

    serve: Serve | None = None
    ahead: Ahead | None = None

    copies = False
    interpreter = INTERPRETER

    async def run(
        self, mounts: Mounts, command: Command, egress: EgressPolicy | None = None
    ) -> CommandResult:
        """See `seam.RunInSandbox`."""
        return await self.execute(mounts, command, shell_argv(command), egress)

    async def execute(
        self,
        mounts: Mounts,
        command: Command,
        argv: tuple[str, ...],
        egress: EgressPolicy | None = None,
    ) -> CommandResult:
        """`run` with an argv in place of the script. Raises SandboxUnavailable."""
        return await self._finish(_Attempt(self, mounts, command, egress), argv)

    async def converse(
        self, mounts: Mounts, command: Command, argv: tuple[str, ...], channel: Channel
    ) -> CommandResult:
        """`execute` with a program that is spoken to while it runs. The channel's `stdin` is closed here."""
        return await self._finish(_Attempt(self, mounts, command, None, channel), argv)

    def prepare(self, mounts: Mounts, files: Mapping[str, bytes]) -> None:
        """See `seam.CommandRunner`."""
        if self.ahead is not None:
            self.ahead.prepare(self, Wanted(mounts, files))

    async def let_go(self) -> None:
        """See `seam.CommandRunner`."""
        if self.ahead is not None:
            await self.ahead.take(None)

    async def _finish(self, attempt: "_Attempt", argv: tuple[str, ...]) -> CommandResult:
        stop = asyncio.Event()
        return await run_to_its_end(attempt.run(argv, stop), stop)


async def run_to_its_end(running: Coroutine[Any, Any, CommandResult], stop: asyncio.Event) -> CommandResult:
    """The result of `running`, which ends soon after `stop` is set. A cancelled caller sets it and waits until
    nothing of the command is alive; then it is told of the cancelling alone."""
    work = asyncio.create_task(running)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError, SandboxUnavailable):
                await asyncio.shield(work)
        if not work.cancelled():
            work.exception()  # seen: no warning that nobody asked for it
        raise


@dataclass(frozen=True)
class _Attempt:
    runner: Runner
    mounts: Mounts
    command: Command
    egress: EgressPolicy | None
    channel: Channel | None = None

    @property
    def served(self) -> EgressPolicy | None:
        """The policy, if a listener is to be planted."""
        return self.egress if self.egress is not None and self.egress.hosts else None

    async def run(self, argv: tuple[str, ...], stop: asyncio.Event) -> CommandResult:
        """Start, wait, kill what is over its bound, and say how it ended."""
        began = time.monotonic()
        words = render_words(argv, self._variables())
        running = await self._find()
        try:
            reason = await self._await_end(running, words, stop)
        finally:
            running.kill()
            await running.finish()
            memory_kills = running.waiting.group.killed_for_memory()
            refused = running.waiting.group.refused_processes()
            running.close()
        result = self._result(running, reason, memory_kills, time.monotonic() - began)
        if refused:
            result = replace(result, met=self.runner.bounds.processes_text(refused))
        return replace(result, reached=running.egress.reached, refused=running.egress.refused)

    async def _find(self) -> Running:
        """A sandbox for it: the one that was made ahead, or a new one."""
        wanted = Wanted(
            self.mounts, self._files(), self.served is not None, self.channel.stdin if self.channel else None
        )
        ahead = await self.runner.ahead.take(wanted) if self.runner.ahead else None
        return ahead or await make(self.runner, wanted)

    async def _await_end(self, running: Running, words: bytes, stop: asyncio.Event) -> EndedBy:
        """Let the command begin and wait: for its end, a bound, or the caller."""
        output = self.channel.output if self.channel else HeadTail(self.command.output_bytes)
        if running.pidfd is None:
            running.begin(b"", b"", output)
            await running.ended()
            return EndedBy.EXIT
        async with contextlib.AsyncExitStack() as stack:
            if self.served is not None:
                if running.listener is None or self.runner.serve is None:
                    raise SandboxUnavailable("The proxy could not be planted into the sandbox's network.")
                running.egress = await stack.enter_async_context(
                    self.runner.serve(running.listener, self.served)
                )
            running.begin(words, self.command.stdin, output)
            self.runner.starter.prepare(self.runner.cgroups, self.runner.bounds)
            waits = {
                asyncio.create_task(running.ended()): EndedBy.EXIT,
                asyncio.create_task(running.told_over()): EndedBy.DISK,
                asyncio.create_task(_wait(stop)): EndedBy.CANCELLED,
            }
            try:
                done, _ = await asyncio.wait(
                    waits, timeout=self.command.timeout_s, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for task in waits:
                    task.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
            reasons = {waits[task] for task in done}
            return EndedBy.EXIT if EndedBy.EXIT in reasons else next(iter(reasons), EndedBy.TIMEOUT)

    def _result(self, running: Running, reason: EndedBy, memory_kills: int, seconds: float) -> CommandResult:
        told, output = running.told, running.output
        code: int | None = None
        detail = told.detail
        match reason:
            case EndedBy.TIMEOUT:
                detail = f"over {self.command.timeout_s:g} s"
            case EndedBy.DISK:
                reason = EndedBy.MEMORY if told.over == "memory" else EndedBy.DISK
            case EndedBy.EXIT if memory_kills and told.exit_code != 0:
                reason, detail = EndedBy.MEMORY, self.runner.bounds.memory_text
            case EndedBy.EXIT if told.exit_code is None:
                raise self._start_failed(told, output)
            case EndedBy.EXIT if (name := BY_SIGNAL.get((told.exit_code or 0) - 128)) is not None:
                reason, detail = EndedBy.SIGNAL, name
            case EndedBy.EXIT:
                code, detail = told.exit_code, ""
            case _:
                detail = ""
        return CommandResult(code, reason, seconds, output.text, output.cut_bytes, detail)

    def _start_failed(self, told: Told, output: Output) -> SandboxUnavailable:
        programs = (INTERPRETER, str(self.runner.bwrap.path))
        return remedies.start_failed(told, output.text, remedies.look_at_host(), programs)

    # -- what goes in ----------------------------------------------------------------------------------------
    def _files(self) -> dict[str, bytes]:
        files = dict(self.command.files)
        if self.served is not None and self.served.ca_bundle is not None:
            files[CA_BUNDLE_PATH] = self.served.ca_bundle
        script = self.command.script.encode("utf-8", "surrogateescape")
        if len(script) > limits.SANDBOX_SCRIPT_BYTES:
            files[_SCRIPT_PATH] = script
        return files

    def _variables(self) -> dict[str, str]:
        more: dict[str, str] = {}
        if self.served is not None:
            more |= PROXY_VARIABLES
            if self.served.ca_bundle is not None:
                more |= dict.fromkeys(CA_VARIABLES, CA_BUNDLE_PATH)
        return {"PWD": WORKSPACE} | base_variables(self.runner.toolchains, more | dict(self.command.env))


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def shell_argv(command: Command) -> tuple[str, ...]:
    """argv for the script; a directory that is not there is the shell's own error, not a failed start."""
    long = len(command.script.encode("utf-8", "surrogateescape")) > limits.SANDBOX_SCRIPT_BYTES
    bash = ("/bin/bash", _SCRIPT_PATH) if long else ("/bin/bash", "-c", command.script)
    if command.workdir in ("", "."):
        return bash
    enter = 'cd -P -- "$1" || exit; shift; exec "$@"'
    return ("/bin/bash", "-c", enter, "bash", command.workdir, *bash)


def make_upper(path: Path, uid: int | None) -> Path:
    """A new directory for `Mounts.upper`, with the layer and the kernel's work directory in it."""
    owner = -1 if uid is None else uid
    trees.make_owned(path, owner)
    trees.make_owned(path / "upper", owner).chmod(0o755)
    trees.make_owned(path / "work", owner)
    return path


def default_toolchains(given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The operator's, and the running Python where it is not below /usr; none twice."""
    own = Path(sys.base_prefix).resolve()
    found = [*(path.resolve() for path in given), own]
    return tuple(dict.fromkeys(path for path in found if not path.is_relative_to("/usr")))
