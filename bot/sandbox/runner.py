"""One command in a sandbox, from layers to a result: the one implementation of `seam.RunInSandbox`.

It must never return or raise while a process of the sandbox is alive, nor turn a refusal of the host into
a weaker sandbox.

Race: cancelling the caller must not leave the work half killed. The work is a task of its own that nobody
cancels; the caller asks it to stop and waits.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.errors import Bug, SandboxUnavailable
from bot.sandbox import remedies, trees
from bot.sandbox.arguments import STAGE, SYSTEM_FILES, Inside, base_variables, build_arguments
from bot.sandbox.bounds import Bounds
from bot.sandbox.bwrap import Bubblewrap
from bot.sandbox.cgroups import CgroupHost
from bot.sandbox.contract import Command, CommandResult, EgressPolicy, EndedBy
from bot.sandbox.egress import EgressLog
from bot.sandbox.identities import Identity
from bot.sandbox.launch import Descriptors, Launch, Running, Told, start
from bot.sandbox.output import HeadTail, Output
from bot.sandbox.programs import INTERPRETER
from bot.sandbox.seam import CA_BUNDLE_PATH, CA_VARIABLES, PROXY_VARIABLES, Channel, Mounts
from bot.sandbox.seccomp import build_filter
from bot.sandbox.starter import Starter, Waiting

Serve = Callable[[socket.socket, EgressPolicy], AbstractAsyncContextManager[EgressLog]]
"""`bot.sandbox.egress.serve`: answers on the planted listener while it is entered."""

FILES_BELOW: Final = "/pullwright/"
_SCRIPT_PATH: Final = f"{FILES_BELOW}command.sh"
_OUR_PROCESSES: Final = 8  # launcher, watchdog, bubblewrap: in the cgroup's count, not in the rlimit's
BY_SIGNAL: Final = {
    4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
    15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip  # 128 + number is how shells and bubblewrap tell; git's own 128 and 129 are not among them


@dataclass(frozen=True)
class Runner:
    """Everything that is the same for every command of a workspace. `uid`: who owns the layers when we are root; None:
    ourselves. `identity`: whom commands run as, and how they see the layers; None: the owner."""

    bwrap: Bubblewrap
    uid: int | None
    toolchains: tuple[Path, ...]
    cgroups: CgroupHost
    serve: Serve | None = None
    bounds: Bounds = field(default_factory=Bounds)
    identity: Identity | None = None
    starter: Starter = field(default_factory=Starter)

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
        with Descriptors() as descriptors:
            waiting = await self._take(descriptors)
            channel = self.channel
            output: Output = channel.output if channel else HeadTail(self.command.output_bytes)
            stdin = descriptors.own(channel.stdin) if channel else descriptors.memory(self.command.stdin)
            status, block = descriptors.pipe(), descriptors.pipe()
            launch = self._launch(descriptors, argv, (status[1], block[0]))
            ends = (stdin, status[0], block[1])
            running = await start(launch, descriptors, output, ends, waiting)
            try:
                if running.is_stuck:
                    self.runner.starter.give_up()
                reason = await self._await_end(running, stop)
            finally:
                running.kill()
                await running.finish()
                running.close()
            seconds = time.monotonic() - began
            result = self._result(running, reason, waiting.group.killed_for_memory(), seconds)
            if refused := waiting.group.refused_processes():
                result = replace(result, met=self.runner.bounds.processes_text(refused))
            return replace(result, reached=running.egress.reached, refused=running.egress.refused)

    async def _take(self, descriptors: Descriptors) -> Waiting:
        """A launcher in its cgroup, let go of when everything is over."""
        starter = self.runner.starter
        if not starter.is_ready:
            try:
                await asyncio.to_thread(starter.ensure)
            except (OSError, subprocess.SubprocessError) as error:
                raise SandboxUnavailable(f"No process can be started: {error}.") from error
        waiting = starter.take(self.runner.cgroups, self.runner.bounds)
        descriptors.callback(waiting.close)
        return waiting

    async def _await_end(self, running: Running, stop: asyncio.Event) -> EndedBy:
        """Release the command and wait: for its end, a bound, or the caller."""
        if running.pidfd is None:
            await running.ended()
            return EndedBy.EXIT
        async with contextlib.AsyncExitStack() as stack:
            if self.served is not None:
                if running.listener is None or self.runner.serve is None:
                    raise SandboxUnavailable("The proxy could not be planted into the sandbox's network.")
                running.egress = await stack.enter_async_context(
                    self.runner.serve(running.listener, self.served)
                )
            running.release()
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
    def _launch(self, descriptors: Descriptors, argv: tuple[str, ...], theirs: tuple[int, int]) -> Launch:
        status, block = theirs
        toolchains = tuple((f"t{i}", path) for i, path in enumerate(self.runner.toolchains))
        seccomp = descriptors.memory(build_filter())
        files = {
            path: (descriptors.memory(content), 0o555 if path.startswith(FILES_BELOW) else 0o444)
            for path, content in self._files().items()
        }
        env = "writable" if self.mounts.env_upper else "read-only" if self.mounts.env_lower else ""
        inside = Inside(toolchains, env, files, self._variables(), seccomp, status, block)
        text = "\0".join(build_arguments(inside)) + "\0"
        arguments = descriptors.memory(text.encode("utf-8", "surrogateescape"))
        lowers, identity = tuple(f"l{i}" for i in range(len(self.mounts.lowers))), self.runner.identity
        binds = [
            *((name, str(path)) for name, path in toolchains),
            *zip(lowers, map(str, self.mounts.lowers), strict=True),
            ("upper", str(self.mounts.upper)),
            *((("env", str(self.mounts.env_upper or self.mounts.env_lower)),) if env else ()),
            *((f"b/{path.name}", str(path)) for path in self._bwrap_dirs()),
        ]
        return Launch(
            uid=identity.uid if identity else self.runner.uid,
            map=identity.map if identity else None,
            mapped=("upper", "env", *lowers),
            bwrap=f"{STAGE}/b/{self.runner.bwrap.path.relative_to(self._bwrap_dirs()[0].parent)}",
            binds=tuple(binds),
            lowers=lowers,
            arguments=("--args", str(arguments)),
            command=argv,
            rlimits=self._rlimits(),
            watch=self._watch(),
            inherited=(arguments, seccomp, block, *(descriptor for descriptor, _ in files.values())),
            status=status,
            plant=self.served is not None,
            volatile=self.mounts.env_upper is None,  # what set-up makes is kept
        )

    def _bwrap_dirs(self) -> tuple[Path, ...]:
        """Shown below the stage, so that the uid need not be able to reach where it is installed."""
        if self.runner.bwrap.library_dirs:
            return (self.runner.bwrap.path.parent.parent, *self.runner.bwrap.library_dirs)
        return (self.runner.bwrap.path.parent,)

    def _files(self) -> dict[str, bytes]:
        files = dict(SYSTEM_FILES)
        for path, content in self.command.files.items():
            if not path.startswith(FILES_BELOW) or ".." in path.split("/") or "\0" in path:
                raise Bug(f"a file for the sandbox must lie below {FILES_BELOW}: {path!r}")
            files[path] = content
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
        return base_variables(self.runner.toolchains, more | dict(self.command.env))

    def _rlimits(self) -> tuple[tuple[str, int], ...]:
        counted = self.runner.cgroups.enforces("pids")  # then the cgroup is to refuse first: it tells
        always = (
            ("RLIMIT_NPROC", self.runner.bounds.processes + (_OUR_PROCESSES if counted else 0)),
            ("RLIMIT_NOFILE", limits.SANDBOX_OPEN_FILES),
            ("RLIMIT_FSIZE", limits.SANDBOX_FILE_BYTES),
            ("RLIMIT_CORE", 0),
        )
        if self.runner.cgroups.enforces("memory"):
            return always
        return (
            *always,
            ("RLIMIT_DATA", self.runner.bounds.memory_bytes),
        )  # one process; the watchdog adds them up

    def _watch(self) -> dict[str, object]:
        paths = [f"{STAGE}/upper/upper", *([f"{STAGE}/env"] if self.mounts.env_upper else [])]
        return {
            "paths": paths,
            "base": [0, 0],
            "root": None,  # the launcher, its parent
            "bytes": self.runner.bounds.disk_bytes,
            "files": self.runner.bounds.disk_files,
            "free": self.runner.bounds.disk_free_bytes,
            "memory": 0 if self.runner.cgroups.enforces("memory") else self.runner.bounds.memory_bytes,
        }


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
