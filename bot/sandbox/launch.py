"""Start one sandbox, let a command begin in it, tell what becomes of it, and kill all of it.

A launcher (`bot.sandbox.launcher`) that waits is told what to start, and becomes bubblewrap; inside a shell waits for
the command (`bot.sandbox.standing`). Everything that they need goes in by descriptors: nothing of the host stands in an
environment or on a command line that is readable inside.
It must never return from `finish` while a process of the sandbox lives.

Races and how each is closed:
- Killed while starting: bubblewrap's child might wait for ever for a parent that is gone. So nobody kills before
  the child's id is known; the start itself is bounded, and a cgroup or the parent-death signal takes the rest.
- The child's id could be used again before we take a pidfd on it: it waits on `--block-fd` until we have one.
- A sandbox that waits for its command may die: its pidfd tells (`Running.is_alive`). One that dies while the command is
  handed over has no exit code: the command could not be started.
- Outside is quicker than inside: the pidfd of the namespace's first process becomes readable only after the
  kernel has reaped every process of the namespace, daemons included.
- PDEATHSIG follows the thread that forked: the zygote has one only, and ends when the worker's end of its socket does.
"""

import asyncio
import contextlib
import fcntl
import json
import marshal
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.domain import limits
from bot.sandbox.arguments import STAGE
from bot.sandbox.egress import EgressLog
from bot.sandbox.launcher import GATE, WORDS
from bot.sandbox.output import HeadTail, Output
from bot.sandbox.seam import PROXY_ADDRESS
from bot.sandbox.starter import Waiting, is_over

_CHUNK: Final = 1 << 16
_ABOVE: Final = 10  # a start's own descriptors lie from here on: those below are the command's or the shell's


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
        """Take it over, to be closed once: its number may soon be somebody else's. What comes back is to be used."""
        if descriptor < _ABOVE:
            low, descriptor = descriptor, fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
            os.close(low)
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
    shell: tuple[str, ...]  # waits for the command
    rlimits: tuple[tuple[str, int], ...]
    watch: Mapping[str, Any]
    inherited: tuple[int, ...]  # descriptors that bubblewrap reads
    ends: "Ends"
    map: int | None = None
    mapped: tuple[str, ...] = ()
    plant: bool = False
    volatile: bool = False  # the layer is worthless after a crash of the host: sync nothing


@dataclass(frozen=True)
class Ends:
    """The pipes (read end, write end) and files of one start. `stdin`: the command's. `block`: bubblewrap waits on it;
    `gate`: the shell inside, before it reads `words`; `begin`: the watchdog, until it ends."""

    stdin: int
    words: int
    output: tuple[int, int]
    status: tuple[int, int]
    block: tuple[int, int]
    gate: tuple[int, int]
    begin: tuple[int, int]

    @property
    def theirs(self) -> tuple[int, ...]:
        """Those that we close as soon as the other side has them, else we would hold the pipes that we wait on."""
        return (self.output[1], self.status[1], self.block[0], self.gate[0], self.begin[0])


def make_ends(descriptors: Descriptors, stdin: int | None) -> Ends:
    """For one start. `stdin`: the read end of a pipe, which is ours from now on; None: a file, empty as yet."""
    given = descriptors.memory(b"") if stdin is None else descriptors.own(stdin)
    pipes = [descriptors.pipe() for _ in range(5)]
    return Ends(given, descriptors.memory(b""), *pipes)


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


@dataclass(eq=False)
class Running:
    """A started sandbox. Nothing of the command's is in it before `begin`. `descriptors` are closed with it."""

    descriptors: Descriptors
    waiting: Waiting
    ends: Ends
    told: Told = field(default_factory=Told)
    output: Output = field(default_factory=lambda: HeadTail(0))
    news: asyncio.Event = field(default_factory=asyncio.Event)  # something was told
    listener: socket.socket | None = None
    egress: EgressLog = field(default_factory=EgressLog)
    pidfd: int | None = None  # of the sandbox's first process
    heard: bytes = b""
    all_dead: asyncio.Event = field(default_factory=asyncio.Event)
    all_read: asyncio.Event = field(default_factory=asyncio.Event)
    all_told: asyncio.Event = field(default_factory=asyncio.Event)
    launcher_gone: asyncio.Event = field(default_factory=asyncio.Event)
    has_begun: bool = False

    @property
    def is_alive(self) -> bool:
        """Whether a command can begin in it."""
        return self.pidfd is not None and not is_over(self.pidfd)

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

    def begin(self, words: bytes, stdin: bytes, output: Output) -> None:
        """Let a command begin: `words` for the shell, what it reads, and who hears what it writes. One that could not
        be started has nobody to hear it, which `ended` tells."""
        self.has_begun, self.output = True, output
        _follow(self.ends.output[0], output.feed, self.all_read.set)
        _fill(self.ends.words, words)
        if stdin:
            _fill(self.ends.stdin, stdin)
        with contextlib.suppress(BrokenPipeError):
            os.write(self.ends.gate[1], b"\n")
        self.descriptors.shut(self.ends.gate[1])
        self.descriptors.shut(self.ends.begin[1])

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
        if not self.has_begun:
            _follow(self.ends.output[0], self.output.feed, self.all_read.set)
        await self.ended()
        await self.launcher_gone.wait()
        await self.all_read.wait()
        await self.all_told.wait()

    def forget(self) -> None:
        """No more readers, and no pidfd: a number that is used again must not find one of ours."""
        loop = asyncio.get_running_loop()
        for pipe in (self.ends.output[0], self.ends.status[0], self.waiting.line):
            loop.remove_reader(pipe)
        for process in (self.launcher, self.pidfd):
            if process is not None:
                loop.remove_reader(process)
        if self.pidfd is not None:
            os.close(self.pidfd)
        self.pidfd = None

    def close(self) -> None:
        """Give everything back that is ours."""
        self.forget()
        if self.listener is not None:
            self.listener.close()
        self.descriptors.close()
        # Removing a cgroup may take the kernel some 10 ms.
        asyncio.get_running_loop().run_in_executor(None, self.waiting.close)

    async def end(self) -> None:
        """Kill it and let go of it."""
        self.kill()
        await self.finish()
        self.close()


async def start(launch: Launch, descriptors: Descriptors, waiting: Waiting) -> Running:
    """Start and wait until bubblewrap's child exists, which then waits for `begin`; what has failed is in `told`. From
    now on `descriptors` and `waiting` belong to what is returned. Raises OSError when a process can't even be started
    or held; they are the caller's then."""
    ends = launch.ends
    ours, theirs = socket.socketpair() if launch.plant else (None, None)
    try:
        plant = descriptors.own(theirs.detach()) if theirs else None
        mapped = None if launch.map is None else descriptors.own(os.dup(launch.map))
        request = descriptors.memory(marshal.dumps(_request(launch, plant, mapped)))
        only_theirs = (*launch.inherited, *ends.theirs, *(one for one in (plant, mapped) if one is not None))
        out, gate = ends.output[1], ends.gate[0]
        places = [(ends.stdin, 0), (out, 1), (out, 2), (gate, GATE), (ends.words, WORDS), (request, request)]
        places += [(number, number) for number in only_theirs if number not in (out, gate)]
        waiting.start(request, ends.status[1], places)
        for descriptor in only_theirs:
            descriptors.shut(descriptor)
        running = Running(descriptors, waiting, ends)
        try:
            _follow_launcher(running)
            _follow(ends.status[0], running.hear, running.end_of_news)
            await _await_child(running)
            if ours is not None and running.pidfd is not None:
                running.listener = await asyncio.to_thread(_receive, ours)
        except BaseException:
            running.kill()
            running.forget()
            raise
        return running
    finally:
        if ours is not None:
            ours.close()


def _request(launch: Launch, plant: int | None, mapped: int | None) -> dict[str, Any]:
    ends = launch.ends
    return {
        "uid": launch.uid,
        "stage": STAGE,
        "binds": launch.binds,
        "map": mapped,
        "mapped": launch.mapped,
        "lowers": launch.lowers,
        "volatile": launch.volatile,
        "argv": [launch.bwrap, *launch.arguments, "--", *launch.shell],
        "rlimits": launch.rlimits,
        "nice": limits.SANDBOX_NICE,
        "watch": dict(launch.watch),
        "status": ends.status[1],
        "begin": ends.begin[0],
        "pass": [*launch.inherited, ends.status[1], ends.block[0]],
        "plant": plant,
        "proxy": PROXY_ADDRESS,
    }


async def _await_child(running: Running) -> None:
    """Until the child's id is told or nothing will come any more; then hold it by a pidfd, and let it go on."""
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
    with contextlib.suppress(BrokenPipeError):
        os.write(running.ends.block[1], b"1")


def _fill(descriptor: int, content: bytes) -> None:
    """Write a file that somebody else reads from its beginning: not by a position that both share."""
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], written)


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
