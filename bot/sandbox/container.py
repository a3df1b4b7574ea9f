"""The container back end: every command in a container of its own, by Docker or Podman.

For hosts where bubblewrap is refused and an engine is there, and for repositories that need an image. A container
takes some 0.3 s, and a workspace is a copy of its template, for an engine shares no overlay of ours. It must never
hand an engine's socket in, nor run beside a wall that the preflight did not see standing.

Races. A killed worker leaves its containers running: they carry its folder's name, and the next worker of the
state directory ends them before it removes what they write to. The network's listener is planted while the command
still waits for a file that only we can make.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.domain import limits
from bot.errors import Bug, ForModel, SandboxUnavailable
from bot.sandbox import container_cli as cli
from bot.sandbox import trees
from bot.sandbox.arguments import HOSTS, NSSWITCH, base_variables
from bot.sandbox.bounds import Bounds
from bot.sandbox.container_cli import Engine, Image, Inside
from bot.sandbox.contract import Command, CommandResult, EgressPolicy, EndedBy
from bot.sandbox.copies import copied_size, lay_out
from bot.sandbox.egress import EgressLog
from bot.sandbox.output import HeadTail
from bot.sandbox.programs import program
from bot.sandbox.runner import BY_SIGNAL, Serve, run_to_its_end, shell_argv
from bot.sandbox.seam import CA_BUNDLE_PATH, CA_VARIABLES, PROXY_ADDRESS, PROXY_VARIABLES, Channel, Mounts
from bot.sandbox.standing import FILES_BELOW

_CHUNK: Final = 1 << 16
_START: Final = b"""exec 3>&2 2>/dev/null
if [ -n "$PULLWRIGHT_WAIT" ]; then unset PULLWRIGHT_WAIT; until [ -e /pullwright/go ]; do sleep 0.02; done; fi
"$@" 2>&1 3>&-
code=$?
cd /sys/fs/cgroup && for file in memory.events memory/memory.oom_control pids.events pids/pids.events; do
  [ -r $file ] && while read -r name count; do echo "${file##*/} $name $count" >&3; done < $file
done
exit $code
"""
"""The first process: outlives the command to tell its exit code, so that signals of its own work, and what the
kernel counted in its cgroup. A command could forge the count, to its own harm alone."""
_COUNTED: Final = re.compile(rb"^(?:memory\.events|memory\.oom_control) oom_kill (\d+)$", re.M)
_REFUSED: Final = re.compile(rb"^pids\.events max (\d+)$", re.M)
_UNWATCHED_S: Final = 0.5  # most commands are over by then; a disk takes some 500 MB in it


@dataclass(frozen=True)
class ContainerRunner:
    """What is the same for every command of this worker. `uid`: whom to run as; None: ourselves (rootless)."""

    engine: Engine
    images: dict[str, Image]  # by the name that a workspace asks for; "" is the operator's
    uid: int | None
    scratch: Path
    labels: dict[str, str]
    seccomp: Path
    serve: Serve | None = None
    runtime: str = ""
    bounds: Bounds = field(default_factory=Bounds)

    copies = True
    interpreter = "python3"

    @property
    def user(self) -> str:
        """Inside and outside are the same ids, but for rootless Podman, which maps ours to 1000."""
        if self.uid is not None:
            return f"{self.uid}:{self.uid}"
        if self.engine.kind == "podman" and self.engine.rootless:
            return "1000:1000"
        return f"{os.geteuid()}:{os.getegid()}"

    async def run(
        self, mounts: Mounts, command: Command, egress: EgressPolicy | None = None
    ) -> CommandResult:
        """See `seam.RunInSandbox`."""
        return await self.execute(mounts, command, shell_argv(command), egress)

    async def execute(
        self, mounts: Mounts, command: Command, argv: tuple[str, ...], egress: EgressPolicy | None = None
    ) -> CommandResult:
        """See `seam.CommandRunner.execute`."""
        try:
            await asyncio.to_thread(lay_out, mounts, self.uid)
        except OSError as error:
            raise SandboxUnavailable(f"A workspace could not be laid out: {error}.") from error
        served = egress if egress is not None and egress.hosts else None
        with self._files(command, served) as folder:
            attempt = _Attempt(self, mounts, command, served, folder)
            return await run_to_its_end(attempt.run(argv), attempt.stop)

    def prepare(self, mounts: Mounts, files: Mapping[str, bytes]) -> None:
        """See `seam.CommandRunner.prepare`. An engine starts a container with its command."""

    async def let_go(self) -> None:
        """See `seam.CommandRunner.let_go`."""

    async def converse(
        self, mounts: Mounts, command: Command, argv: tuple[str, ...], channel: Channel
    ) -> CommandResult:
        """See `seam.CommandRunner.converse`: an engine's client would have to hold the line, and may not."""
        del mounts, command, argv
        os.close(channel.stdin)
        raise ForModel(
            "Background processes are not possible in this sandbox. Start what you need within one command."
        )

    @contextmanager
    def _files(self, command: Command, served: EgressPolicy | None) -> Iterator[Path]:
        """What is shown at /pullwright, and a few files for /etc, in a folder of this command's."""
        folder = self.scratch / secrets.token_hex(8)
        inside = {f"{FILES_BELOW}start.sh": _START, **command.files}
        if served is not None and served.ca_bundle is not None:
            inside[CA_BUNDLE_PATH] = served.ca_bundle
        script = command.script.encode("utf-8", "surrogateescape")
        if len(script) > limits.SANDBOX_SCRIPT_BYTES:
            inside[f"{FILES_BELOW}command.sh"] = script
        try:
            (folder / "etc").mkdir(parents=True)
            (folder / "pullwright").mkdir()
            etc = {
                "passwd": cli.passwd(self.user),
                "group": cli.group(self.user),
                "hosts": HOSTS,
                "nsswitch.conf": NSSWITCH,
            }
            for name, content in etc.items():
                _put(folder / "etc" / name, content)
            for path, content in inside.items():
                if not path.startswith(FILES_BELOW) or ".." in path.split("/") or "\0" in path:
                    raise Bug(f"a file for the sandbox must lie below {FILES_BELOW}: {path!r}")
                _put(folder / "pullwright" / path.removeprefix(FILES_BELOW), content)
            yield folder
        except OSError as error:
            raise SandboxUnavailable(f"No container can be prepared: {error}.") from error
        finally:
            trees.remove(folder)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.write_bytes(content)
    path.chmod(0o555)


@dataclass
class _Attempt:
    runner: ContainerRunner
    mounts: Mounts
    command: Command
    served: EgressPolicy | None
    folder: Path
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    log: EgressLog = field(default_factory=EgressLog)

    def __post_init__(self) -> None:
        self.name = f"pullwright-{self.folder.name}"

    async def run(self, argv: tuple[str, ...]) -> CommandResult:
        """Start, plant, wait, end, remove."""
        began, output = time.monotonic(), HeadTail(self.command.output_bytes)
        line = cli.run_arguments(
            self.runner.engine, self._inside(), ("/bin/bash", f"{FILES_BELOW}start.sh", *argv)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *line, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                cwd=self.folder,  # Podman's monitor leaves a file named `oom` where it was started
            )  # fmt: skip
        except OSError as error:
            raise SandboxUnavailable(f"The container engine can't be started: {error}.") from error
        errors = HeadTail(limits.MIB)
        tasks = [
            asyncio.create_task(_feed(process, self.command.stdin)),
            asyncio.create_task(_read(process.stdout, output)),
            asyncio.create_task(_read(process.stderr, errors)),
        ]
        try:
            reason, detail = await self._await_end(process)
            state = await self._state()
        finally:
            await self._remove()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._result(reason, detail, state, (output, errors.text, time.monotonic() - began))

    async def _await_end(self, process: asyncio.subprocess.Process) -> tuple[EndedBy, str]:
        async with contextlib.AsyncExitStack() as stack:
            runs = asyncio.create_task(self._first_process(process))
            stack.push_async_callback(_cancel, runs)
            if self.served is not None:
                listener = await self._plant(process, await runs)
                if listener is None:
                    return EndedBy.EXIT, ""  # it ended before: the state says why
                if self.runner.serve is None:
                    raise SandboxUnavailable("The proxy could not be planted into the container's network.")
                self.log = await stack.enter_async_context(self.runner.serve(listener, self.served))
                (self.folder / "pullwright" / "go").touch()
            watch = await stack.enter_async_context(self._watching(runs))
            waits: dict[asyncio.Task[object], EndedBy] = {
                asyncio.create_task(process.wait()): EndedBy.EXIT,
                asyncio.create_task(watch()): EndedBy.DISK,
                asyncio.create_task(self.stop.wait()): EndedBy.CANCELLED,
                asyncio.create_task(self._time_up(runs)): EndedBy.TIMEOUT,
            }
            done, late = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            reasons = {waits[task]: task for task in done}
            if EndedBy.EXIT in reasons:
                return EndedBy.EXIT, ""
            reason, task = next(iter(reasons.items()))
            return reason, "" if reason is EndedBy.CANCELLED else str(task.result())

    async def _time_up(self, runs: asyncio.Task[int]) -> str:
        """The command's time begins when it runs: an engine under load takes seconds to start it."""
        await asyncio.shield(runs)
        await asyncio.sleep(self.command.timeout_s)
        return f"over {self.command.timeout_s:g} s"

    async def _first_process(self, process: asyncio.subprocess.Process) -> int:
        """The host's id of the container's first process; 0: it never ran, or is over."""
        until = time.monotonic() + limits.SANDBOX_START_S
        while time.monotonic() < until and process.returncode is None:
            with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
                said = await self._ask("inspect", "--format", "{{.State.Pid}}", self.name)
                if pid := int(said.strip() or 0):
                    return pid
        return 0

    @asynccontextmanager
    async def _watching(
        self, runs: asyncio.Task[int]
    ) -> AsyncIterator[Callable[[], Coroutine[Any, Any, str]]]:
        """Gives what to await for the watchdog's verdict; it starts when the command has lived for a moment."""
        watchdogs: list[asyncio.subprocess.Process] = []

        async def verdict() -> str:
            await asyncio.sleep(_UNWATCHED_S)
            process = await asyncio.create_subprocess_exec(
                *program("bot.sandbox.watchdog"), json.dumps(self._bounds(await asyncio.shield(runs))),
                stdout=asyncio.subprocess.PIPE, env={},
            )  # fmt: skip
            watchdogs.append(process)
            line = await process.stdout.readline() if process.stdout is not None else b""
            if not line:
                await asyncio.Event().wait()  # it can't tell any more; the other bounds stand
            return str(json.loads(line)["detail"])

        try:
            yield verdict
        finally:
            for process in watchdogs:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _bounds(self, pid: int) -> dict[str, Any]:
        mounts, bounds = self.mounts, self.runner.bounds
        return {
            "paths": [str(mounts.changes), *([str(mounts.env_upper)] if mounts.env_upper else [])],
            "base": copied_size(mounts),
            "bytes": bounds.disk_bytes,
            "files": bounds.disk_files,
            "free": bounds.disk_free_bytes,
            "memory": 0,
            "root": pid or None,
        }

    async def _plant(self, process: asyncio.subprocess.Process, pid: int) -> socket.socket | None:
        """The listener inside the network of the container whose first process this is. None: it has ended before."""
        if process.returncode is not None:
            return None
        ours, theirs = socket.socketpair()
        with ours, theirs:
            host, port = PROXY_ADDRESS
            planter = await asyncio.create_subprocess_exec(
                *program("bot.sandbox.plant"), str(pid), str(theirs.fileno()), host, str(port),
                pass_fds=(theirs.fileno(),), env={}, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, said_wrong = await planter.communicate()
            if planter.returncode != 0 and not await asyncio.to_thread(Path(f"/proc/{pid}").exists):
                await process.wait()
                return None  # it ended meanwhile: its own words say more
            if planter.returncode != 0:
                raise SandboxUnavailable(
                    f"The proxy could not be planted into the container's network: {said_wrong.decode().strip()}.",
                    "Run the worker as root beside a local engine, or as the user of a rootless Podman.",
                )
            _, sent, _, _ = socket.recv_fds(ours, 1, 1)
        listener = socket.socket(fileno=sent[0])
        listener.setblocking(False)
        return listener

    def _inside(self) -> Inside:
        image = self.runner.images[self.mounts.image]
        more = dict(image.variables)
        if self.served is not None:
            more |= PROXY_VARIABLES | {"PULLWRIGHT_WAIT": "1"}
            if self.served.ca_bundle is not None:
                more |= dict.fromkeys(CA_VARIABLES, CA_BUNDLE_PATH)
        given = dict(self.command.env)
        given["PATH"] = ":".join(filter(None, [given.get("PATH", ""), "/env/bin", image.path]))
        env = self.mounts.env_upper or self.mounts.env_lower
        etc = self.folder / "etc"
        mounts = [
            (self.mounts.changes, "/workspace", True),
            (self.folder / "pullwright", FILES_BELOW.rstrip("/"), False),
            *((etc / name, f"/etc/{name}", False) for name in ("passwd", "group", "hosts", "nsswitch.conf")),
            *(((env, "/env", self.mounts.env_upper is not None),) if env else ()),
        ]
        return Inside(
            self.name, self.runner.labels, image.name, self.runner.user, tuple(mounts),
            base_variables((), more | given), self.runner.seccomp, self.runner.bounds, self.runner.runtime,
        )  # fmt: skip

    async def _state(self) -> dict[str, object]:
        try:
            found: dict[str, object] = json.loads(
                await self._ask("inspect", "--format", "{{json .State}}", self.name)
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            return {}  # it was never made
        return found

    async def _remove(self) -> None:
        """Every process of it is dead when this returns. Raises SandboxUnavailable when that can't be had."""
        try:
            at_once = ("--time", "0") if self.runner.engine.kind == "podman" else ()
            await self._ask("rm", "--force", *at_once, "--volumes", self.name)
        except subprocess.CalledProcessError as error:
            if (
                "no such container" not in str(error.stderr).lower()
                and "no container" not in str(error.stderr).lower()
            ):
                raise SandboxUnavailable(f"A container could not be ended: {error.stderr}") from error
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxUnavailable(f"A container could not be ended: {error}") from error

    async def _ask(self, *arguments: str) -> str:
        return await asyncio.to_thread(cli.ask, self.runner.engine, *arguments)

    def _result(
        self, reason: EndedBy, detail: str, state: dict[str, object], told: tuple[HeadTail, bytes, float]
    ) -> CommandResult:
        output, errors, seconds = told
        code: int | None = None
        raw = state.get("ExitCode")
        exit_code = raw if isinstance(raw, int) else -1
        if reason is EndedBy.EXIT:
            if (
                exit_code < 0
                or state.get("Status") in ("created", "initialized", "configured")
                or state.get("Error")
            ):
                said = errors[-800:].decode("utf-8", "replace").strip()
                raise SandboxUnavailable(
                    f"The container did not start: {said or state.get('Error') or 'no reason was given'}.",
                    "`pullwright doctor` tries each part and says more.",
                )
            killed = state.get("OOMKilled") or any(int(count) for count in _COUNTED.findall(errors))
            if killed and exit_code != 0:
                reason, detail = EndedBy.MEMORY, self.runner.bounds.memory_text
            elif (name := BY_SIGNAL.get(exit_code - 128)) is not None:
                reason, detail = EndedBy.SIGNAL, name
            else:
                code = exit_code
        refused = max((int(count) for count in _REFUSED.findall(errors)), default=0)
        met = self.runner.bounds.processes_text(refused) if refused else ""
        return CommandResult(
            code, reason, seconds, output.text, output.cut_bytes, detail, met,
            reached=self.log.reached, refused=self.log.refused,
        )  # fmt: skip


async def _cancel(task: asyncio.Task[int]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    if process.stdin is None:
        raise Bug("a container without a standard input")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()


async def _read(source: asyncio.StreamReader | None, into: HeadTail) -> None:
    while source is not None and (chunk := await source.read(_CHUNK)):
        into.feed(chunk)
