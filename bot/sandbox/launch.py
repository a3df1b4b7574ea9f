"""Start one sandbox, tell what becomes of it, and kill all of it.

A launcher (`bot.sandbox.launcher`) that waits is told what to start, and becomes bubblewrap. Everything that it
needs goes in by descriptors: nothing of the host stands in an environment or on a command line that is readable inside.
It must never return from `finish` while a process of the sandbox lives.

Races and how each is closed:
- Killed while starting: bubblewrap's child might wait for ever for a parent that is gone. So nobody kills before
  the child's id is known; the start itself is bounded, and a cgroup or the parent-death signal takes the rest.
- The child's id could be used again before we take a pidfd on it: it waits on `--block-fd` until we have one.
- Outside is quicker than inside: the pidfd of the namespace's first process becomes readable only after the
  kernel has reaped every process of the namespace, daemons included.
- PDEATHSIG follows the thread that forked: the zygote has one only, and ends when the worker's end of its socket does.
"""

import asyncio
import contextlib
import json
import marshal
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.domain import limits
from bot.errors import SandboxUnavailable
from bot.sandbox.arguments import STAGE
from bot.sandbox.egress import EgressLog
from bot.sandbox.output import Output
from bot.sandbox.seam import PROXY_ADDRESS
from bot.sandbox.starter import Waiting

_CHUNK: Final = 1 << 16


class Descriptors(contextlib.ExitStack):
    """Descriptors of one start; all that are left are closed at its end."""

    def __init__(self) -> None:
        super().__init__()
        self._open: set[int] = set()

    def memory(self, content: bytes, name: str = "pullwright") -> int:
        """An anonymous file that holds `content`, at its beginning."""
        descriptor = self.own(os.memfd_create(name))
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def pipe(self) -> tuple[int, int]:
        """(read end, write end)."""
        read, write = os.pipe()
        return self.own(read), self.own(write)

    def own(self, descriptor: int) -> int:
        """Take it over, to be closed once: its number may soon be somebody else's."""
        self._open.add(descriptor)
        self.callback(self.shut, descriptor)
        return descriptor

    def shut(self, descriptor: int) -> None:
        """Close one of ours now, unless that was done."""
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)


@dataclass(frozen=True)
class Launch:
    """One start, all decided. `binds`: name below the stage to host directory; those in `mapped` are shown through
    the namespace `map` (None: as they are). `watch`: see `watchdog`."""

    uid: int | None  # to drop to; None: stay
    bwrap: str
    binds: tuple[tuple[str, str], ...]
    lowers: tuple[str, ...]
    arguments: tuple[str, ...]
    command: tuple[str, ...]
    rlimits: tuple[tuple[str, int], ...]
    watch: Mapping[str, Any]
    inherited: tuple[int, ...]  # descriptors that bubblewrap reads
    status: int
    map: int | None = None
    mapped: tuple[str, ...] = ()
    plant: bool = False
    volatile: bool = False  # the layer is worthless after a crash of the host: sync nothing


@dataclass
class Told:
    """What the launcher, bubblewrap and the watchdog have said on the status descriptor."""

    child: int | None = None
    exit_code: int | None = None
    fault: str = ""
    fault_errno: int = 0
    over: str = ""  # memory or disk
    detail: str = ""

    def take(self, line: bytes) -> None:
        """One JSON line; other lines are none of ours."""
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            self.child = said.get("child-pid", self.child)
            self.exit_code = said.get("exit-code", self.exit_code)
            self.fault = said.get("fault", self.fault)
            self.fault_errno = said.get("errno", self.fault_errno)
            self.over = said.get("over", self.over)
            self.detail = said.get("detail", self.detail)


@dataclass
class Running:
    """A started sandbox, waiting on its block descriptor until `release`."""

    waiting: Waiting
    output: Output
    told: Told
    block: int
    news: asyncio.Event  # something was told
    listener: socket.socket | None = None
    egress: EgressLog = field(default_factory=EgressLog)
    pidfd: int | None = None  # of the sandbox's first process
    heard: bytes = b""
    pipes: tuple[int, ...] = ()
    all_dead: asyncio.Event = field(default_factory=asyncio.Event)
    all_read: asyncio.Event = field(default_factory=asyncio.Event)
    all_told: asyncio.Event = field(default_factory=asyncio.Event)
    launcher_gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_stuck(self) -> bool:
        """Nobody has answered for as long as a start may take: the zygote is out of order."""
        return self.told.child is None and self.launcher is None and not self.launcher_gone.is_set()

    @property
    def launcher(self) -> int | None:
        """A pidfd of the launcher, who becomes bubblewrap; None: not told yet, or there was never one."""
        return self.waiting.pidfd

    def hear(self, chunk: bytes) -> None:
        """What came on the status pipe: whole lines are taken, a part is kept."""
        *lines, self.heard = (self.heard + chunk).split(b"\n")
        for line in lines:
            self.told.take(line)
        self.news.set()

    def end_of_news(self) -> None:
        """The launcher, bubblewrap and the watchdog are gone."""
        self.all_told.set()
        self.news.set()

    def release(self) -> None:
        """Let the command begin."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.block, b"1")

    def kill(self) -> None:
        """Kill every process of the sandbox; `finish` waits until they are dead."""
        target = self.launcher if self.pidfd is None else self.pidfd
        if target is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(target, signal.SIGKILL)

    async def ended(self) -> None:
        """Until the last process inside is dead, or the start has failed."""
        await (self.launcher_gone if self.pidfd is None else self.all_dead).wait()

    async def told_over(self) -> None:
        """Until the watchdog reports a bound."""
        while not self.told.over:
            self.news.clear()
            await self.news.wait()

    async def finish(self) -> None:
        """Back when everything is dead and all that was written is read."""
        await self.ended()
        await self.launcher_gone.wait()
        await self.all_read.wait()
        await self.all_told.wait()

    def close(self) -> None:
        """Give the pidfds, the line and the listener back; no more readers on the pipes."""
        loop = asyncio.get_running_loop()
        for descriptor in self.pipes:
            loop.remove_reader(descriptor)
        loop.remove_reader(self.waiting.line)
        if self.launcher is not None:
            loop.remove_reader(self.launcher)
        if self.pidfd is not None:
            loop.remove_reader(self.pidfd)
            os.close(self.pidfd)
        self.pidfd = None
        if self.listener is not None:
            self.listener.close()


async def start(
    launch: Launch, descriptors: Descriptors, output: Output, ends: tuple[int, int, int], waiting: Waiting
) -> Running:
    """Start and wait until bubblewrap's child exists. `ends`: what it reads from, our read end of the status pipe, our
    write end of the block pipe. Raises SandboxUnavailable when a process can't even be started."""
    stdin, status, block = ends
    written, sink = descriptors.pipe()
    ours, theirs = socket.socketpair() if launch.plant else (None, None)
    try:
        request = descriptors.memory(marshal.dumps(_request(launch, theirs)))
        passed = (request, *launch.inherited, launch.status, *((theirs.fileno(),) if theirs else ()))
        passed += () if launch.map is None else (launch.map,)
        places = [(stdin, 0), (sink, 1), (sink, 2), *((number, number) for number in passed)]
        try:
            waiting.start(request, launch.status, places)
        except OSError as error:
            raise SandboxUnavailable(f"No process can be started: {error}.") from error
        for descriptor in (*launch.inherited, launch.status, sink):
            descriptors.shut(descriptor)  # else we would hold the pipes that we wait on
        running = Running(waiting, output, Told(), block, asyncio.Event(), pipes=(written, status))
        _follow_launcher(running)
        _follow(written, output.feed, running.all_read.set)
        _follow(status, running.hear, running.end_of_news)
        await _await_child(running)
        if ours is not None and running.pidfd is not None:
            running.listener = await asyncio.to_thread(_receive, ours)
        return running
    finally:
        for end in (ours, theirs):
            if end is not None:
                end.close()


def _request(launch: Launch, plant: socket.socket | None) -> dict[str, Any]:
    return {
        "uid": launch.uid,
        "stage": STAGE,
        "binds": launch.binds,
        "map": launch.map,
        "mapped": launch.mapped,
        "lowers": launch.lowers,
        "volatile": launch.volatile,
        "argv": [launch.bwrap, *launch.arguments, "--", *launch.command],
        "rlimits": launch.rlimits,
        "nice": limits.SANDBOX_NICE,
        "watch": dict(launch.watch),
        "status": launch.status,
        "keep": [],
        "pass": [*launch.inherited, launch.status],
        "plant": plant.fileno() if plant else None,
        "proxy": PROXY_ADDRESS,
    }


async def _await_child(running: Running) -> None:
    """Until the child's id is told or nothing will come any more; then hold it by a pidfd."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limits.SANDBOX_START_S):
            while running.told.child is None and not running.told.fault and not running.all_told.is_set():
                running.news.clear()
                await running.news.wait()
    if running.told.child is None:
        running.kill()
        return
    try:
        running.pidfd = os.pidfd_open(running.told.child)
    except ProcessLookupError:
        return
    _when_dead(running.pidfd, running.all_dead.set)


def _when_dead(pidfd: int, tell: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def dead() -> None:
        loop.remove_reader(pidfd)
        tell()

    loop.add_reader(pidfd, dead)


def _follow_launcher(running: Running) -> None:
    """Take its pidfd when the zygote tells it. The line's end without one: it was dead at once, or never forked."""
    loop, waiting = asyncio.get_running_loop(), running.waiting

    def told() -> None:
        loop.remove_reader(waiting.line)
        if (pidfd := waiting.hear()) is not None:
            _when_dead(pidfd, running.launcher_gone.set)
            return
        if waiting.fault:  # it was never forked; one that was dead at once has told why itself
            running.told.fault, running.told.fault_errno = "fork", waiting.fault
        running.launcher_gone.set()

    if waiting.pidfd is not None:  # it was made ahead
        _when_dead(waiting.pidfd, running.launcher_gone.set)
    else:
        loop.add_reader(waiting.line, told)


def _follow(descriptor: int, take: Callable[[bytes], None], at_end: Callable[[], None]) -> None:
    """Give everything that comes from a pipe to `take`, until its last writer is gone. No transport: those want
    one more turn of the loop to be closed, which a loop that ends does not give."""
    loop = asyncio.get_running_loop()

    def ready() -> None:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if chunk:
            take(chunk)
        else:
            loop.remove_reader(descriptor)
            at_end()

    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, ready)


def _receive(channel: socket.socket) -> socket.socket | None:
    """The listener that the launcher sent before it became bubblewrap."""
    channel.settimeout(limits.SANDBOX_START_S)
    with contextlib.suppress(OSError):
        _, sent, _, _ = socket.recv_fds(channel, 1, 1)
        if sent:
            listener = socket.socket(fileno=sent[0])
            listener.setblocking(False)
            return listener
    return None
