"""The worker's end of the zygote (`bot.sandbox.zygote`): starts it when it is first needed, and again if it died.

Races. Those of the zygote's life are closed in `bot/zygote_line.py`. A start that was taken by a zygote which then died
has no answer: its pipes end, and the command could not be started.
"""

import contextlib
import marshal
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bot.sandbox.programs import program
from bot.sandbox.zygote import MOST_DESCRIPTORS
from bot.zygote_line import Zygote, ZygoteLine

_ANSWER_S: Final = 30.0  # an answer takes milliseconds; a zygote that needs so long is out of order


@dataclass
class Starter:
    """One for a back end, shared by all commands of the process."""

    _line: ZygoteLine = field(default_factory=lambda: ZygoteLine(_make_zygote), init=False)

    @property
    def is_ready(self) -> bool:
        """Whether `start` will not have to wait for an interpreter."""
        return self._line.is_ready

    @property
    def pidfd(self) -> int:
        """The zygote's; -1 while there is none."""
        return self._line.pidfd

    def ensure(self) -> None:
        """Make the zygote if there is none: some 30 ms. Raises OSError, SubprocessError."""
        self._line.ensure()

    def start(self, request: int, status: int, descriptors: Sequence[tuple[int, int]]) -> socket.socket:
        """Fork one launcher. `descriptors`: ours, and the number that the request knows it by; `request` and `status`
        are such numbers. Returns the line on which a pidfd of it will come, or the end. Raises OSError."""
        if len(descriptors) >= MOST_DESCRIPTORS:
            raise OSError(f"{len(descriptors)} descriptors are too many for one start")
        numbers = [number for _, number in descriptors]
        message = marshal.dumps({"numbers": numbers, "request": request, "status": status})
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._line.send(message, [*(own for own, _ in descriptors), theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        return ours

    def give_up(self) -> None:
        """Kill the zygote, which does not answer, with all that was forked from it. The next start makes another."""
        self._line.drop(_kill)


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
