"""The worker's end of the zygote (`bot.sandbox.zygote`): starts it when it is first needed, and again if it died.

Races. Two commands start at once, from the loop and from threads: a lock. The zygote dies between two starts: the next
one finds the socket broken and makes another, once. A start that was taken by a zygote which then died has no answer:
its pipes end, and the command could not be started.
"""

import contextlib
import marshal
import os
import signal
import socket
import subprocess
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.sandbox.programs import program
from bot.sandbox.zygote import MOST_DESCRIPTORS

_ANSWER_S: Final = 30.0  # an answer takes milliseconds; a zygote that needs so long is out of order


@dataclass
class Starter:
    """One for a back end, shared by all commands of the process."""

    _link: socket.socket | None = field(default=None, init=False)
    _pidfd: int = field(default=-1, init=False)
    _close: Callable[[], object] | None = field(default=None, init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def is_ready(self) -> bool:
        """Whether `start` will not have to wait for an interpreter."""
        return self._link is not None

    def ensure(self) -> None:
        """Make the zygote if there is none: some 30 ms. Raises OSError, SubprocessError."""
        with self._turn:
            self._ensure()

    def start(self, request: int, status: int, descriptors: Sequence[tuple[int, int]]) -> socket.socket:
        """Fork one launcher. `descriptors`: ours, and the number that the request knows it by; `request` and `status`
        are such numbers. Returns the line on which a pidfd of it will come, or the end. Raises OSError."""
        if len(descriptors) >= MOST_DESCRIPTORS:
            raise OSError(f"{len(descriptors)} descriptors are too many for one start")
        numbers = [number for _, number in descriptors]
        message = marshal.dumps({"numbers": numbers, "request": request, "status": status})
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._turn:
                passed = [*(own for own, _ in descriptors), theirs.fileno()]
                try:
                    socket.send_fds(self._ensure(), [message], passed)
                except (BrokenPipeError, ConnectionResetError):
                    self._forget()
                    socket.send_fds(self._ensure(), [message], passed)
        except BaseException:
            ours.close()
            raise
        return ours

    def give_up(self) -> None:
        """Kill the zygote, which does not answer, with all that was forked from it. The next start makes another."""
        with self._turn:
            if self._link is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                self._forget()

    def _forget(self) -> None:
        if self._close is not None:
            self._close()
        self._link = self._close = None

    def _ensure(self) -> socket.socket:
        if self._link is None:
            link, self._pidfd = _make_zygote()
            self._close = weakref.finalize(self, _close_both, link, self._pidfd)
            self._link = link
        return self._link


def _make_zygote() -> tuple[socket.socket, int]:
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
        return ours, sent[0]
    except BaseException:
        ours.close()
        raise


def _close_both(link: socket.socket, pidfd: int) -> None:
    link.close()
    os.close(pidfd)
