"""The worker's end of the zygote (`bot.sandbox.zygote`): starts it when it is first needed, and again if it died, and
has one launcher made ahead, in its cgroups, while the command before it runs.

Races. Those of the zygote's life are closed in `bot/zygote_line.py`. A launcher that was made ahead may be dead when it
is wanted (it dies with its zygote): its pidfd is looked at, and another is made. One that dies after that has no
answer: its pipes end, and the command could not be started. Two commands at once: who comes first takes the one that
is there.
"""

import contextlib
import marshal
import os
import secrets
import select
import signal
import socket
import subprocess
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bot.errors import SandboxUnavailable
from bot.sandbox.bounds import Bounds
from bot.sandbox.cgroups import CgroupHost, CommandCgroup, make_cgroup
from bot.sandbox.launcher import MOST_DESCRIPTORS
from bot.sandbox.programs import program
from bot.zygote_line import Zygote, ZygoteLine

_ANSWER_S: Final = 30.0  # an answer takes milliseconds; a zygote that needs so long is out of order


def is_over(pidfd: int) -> bool:
    """Whether its process is dead. By poll: a worker with many workspaces has more descriptors than `select` takes."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


@dataclass(eq=False)
class Waiting:
    """A launcher in its cgroup that waits for what to start. `line`: on which its pidfd comes, or a fault."""

    line: socket.socket
    host: CgroupHost
    bounds: Bounds
    group: CommandCgroup
    pidfd: int | None = None
    fault: int = 0  # errno of a fork that failed

    def __post_init__(self) -> None:
        self.line.setblocking(False)

    def start(self, request: int, status: int, descriptors: Sequence[tuple[int, int]]) -> None:
        """Let it go on. `descriptors`: ours, and the number that the request knows it by; `request` and `status` are
        such numbers. Raises OSError."""
        if len(descriptors) >= MOST_DESCRIPTORS:
            raise OSError(f"{len(descriptors)} descriptors are too many for one start")
        numbers = [number for _, number in descriptors]
        message = marshal.dumps({"numbers": numbers, "request": request, "status": status})
        socket.send_fds(self.line, [message], [own for own, _ in descriptors])

    def hear(self) -> int | None:
        """Take its pidfd, which may not be told yet (BlockingIOError). None: it was never forked, or dead at once; the
        errno of a failed fork is in `fault`."""
        if self.pidfd is None:
            told, sent, _, _ = socket.recv_fds(self.line, 16, 1)
            self.pidfd = sent[0] if sent else None
            self.fault = int(told[1:]) if told.startswith(b"F") else 0
        return self.pidfd

    @property
    def is_alive(self) -> bool:
        """False when it is known to be dead."""
        try:
            pidfd = self.hear()
        except BlockingIOError:
            return True  # forked just now
        except OSError:
            return False
        return pidfd is not None and not is_over(pidfd)

    def close(self) -> None:
        """Let go: one that was not started ends. Its cgroup is removed when it is dead."""
        self.line.close()
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None
        self.host.remove(self.group.folders)


@dataclass(eq=False)
class Starter:
    """One for a back end, shared by all commands of the process."""

    _line: ZygoteLine = field(default_factory=lambda: ZygoteLine(_make_zygote), init=False)
    _ahead: Waiting | None = field(default=None, init=False)
    _forget: "weakref.finalize[[], Starter] | None" = field(default=None, init=False)

    @property
    def is_ready(self) -> bool:
        """Whether `take` will not have to wait for an interpreter."""
        return self._line.is_ready

    @property
    def pidfd(self) -> int:
        """The zygote's; -1 while there is none."""
        return self._line.pidfd

    def ensure(self) -> None:
        """Make the zygote if there is none: some 30 ms. Raises OSError, SubprocessError."""
        self._line.ensure()

    def take(self, host: CgroupHost, bounds: Bounds) -> Waiting:
        """A launcher in a cgroup of these bounds, which the caller closes: the one made ahead, or a new one. Raises
        SandboxUnavailable."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if self._forget is not None:
                self._forget.detach()
            if ahead.host is host and ahead.bounds == bounds and ahead.is_alive:
                return ahead
            ahead.close()
        return self._fork(host, bounds)

    def prepare(self, host: CgroupHost, bounds: Bounds) -> None:
        """Make one ahead, if there is none. What is refused now is said when it is asked for."""
        if self._ahead is None:
            with contextlib.suppress(SandboxUnavailable):
                self._ahead = self._fork(host, bounds)
                self._forget = weakref.finalize(self, self._ahead.close)

    def give_up(self) -> None:
        """Kill the zygote, which does not answer, with all that was forked from it. The next start makes another."""
        self._line.drop(_kill)

    def _fork(self, host: CgroupHost, bounds: Bounds) -> Waiting:
        try:
            group = make_cgroup(host, secrets.token_hex(6), bounds)
        except OSError as error:
            raise SandboxUnavailable(f"No cgroup can be made for a command: {error}.") from error
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._line.send(marshal.dumps([str(path) for path in group.folders]), [theirs.fileno()])
        except (OSError, subprocess.SubprocessError) as error:
            ours.close()
            host.remove(group.folders)
            raise SandboxUnavailable(f"No process can be started: {error}.") from error
        return Waiting(ours, host, bounds, group)


def _kill(zygote: Zygote) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(zygote.pidfd, signal.SIGKILL)


def _make_zygote() -> Zygote:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            argv = [*program("bot.sandbox.zygote"), str(theirs.fileno())]
            subprocess.run(
                argv, env={}, cwd="/", pass_fds=(theirs.fileno(),), check=True, timeout=_ANSWER_S,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        ours.settimeout(_ANSWER_S)
        _, sent, _, _ = socket.recv_fds(ours, 1, 1)
        if not sent:
            raise OSError("the process that starts sandboxes ended at once")
        return Zygote(ours, partial(_close_both, ours, sent[0]), sent[0])
    except BaseException:
        ours.close()
        raise


def _close_both(link: socket.socket, pidfd: int) -> None:
    link.close()
    os.close(pidfd)
