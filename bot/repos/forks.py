"""The worker's end of the git zygote (`zygote.py`): starts it when it is first needed, and again if it died.

Races. Those of the zygote's life are closed in `bot/zygote_line.py`. We are cancelled, or an operation takes too long:
the child and all that it started are killed before `ask` returns.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import bot
from bot.zygote_line import Zygote, ZygoteLine

_ANSWER_S: Final = 30.0  # a start takes milliseconds; a zygote that needs so long is out of order


@dataclass(frozen=True)
class Forked:
    """A child that waits for its request. Whoever has it closes it."""

    connection: socket.socket
    pid: int
    pidfd: int

    def end(self) -> None:
        """The child is dead, with all that it started, and nothing of it is left open here."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, 0)  # the number is still its own
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self.pidfd)


@dataclass(eq=False)
class Forks:
    """One is enough for a process: it knows nothing of any repository."""

    _line: ZygoteLine = field(default_factory=lambda: ZygoteLine(_start_zygote), init=False)

    def begin(self) -> None:
        """Start the zygote, which then loads what it needs. What is refused now is said when it is asked for."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self._line.ensure()

    async def ask(self, request: bytes) -> bytes:
        """All that a new child answers to `request`; nothing when it died. Raises OSError when none can start."""
        starting = asyncio.create_task(asyncio.to_thread(self._fork))
        try:
            forked = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_end_unwanted)
            raise
        try:
            reader, writer = await asyncio.open_connection(sock=forked.connection)
            try:
                with contextlib.suppress(ConnectionError):  # it died: so there is no answer either
                    writer.write(request)
                    writer.write_eof()
                    return await reader.read()
                return b""
            finally:
                writer.close()
        finally:
            forked.end()

    def _fork(self) -> Forked:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._line.send(b"G", [theirs.fileno()])
            ours.settimeout(_ANSWER_S)
            number, sent, _, _ = socket.recv_fds(ours, 4, 1)
            if len(number) < 4 or not sent:
                raise OSError("the process that starts git children gave no answer")
            ours.setblocking(False)
            return Forked(ours, int.from_bytes(number), sent[0])
        except BaseException:
            ours.close()
            raise


def _end_unwanted(starting: "asyncio.Task[Forked]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().end()


def _start_zygote() -> Zygote:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.repos.zygote", str(theirs.fileno())],
            env=_environment(), cwd="/", pass_fds=(theirs.fileno(),), start_new_session=True,
            stdin=nothing, stdout=nothing, stderr=nothing,
        )  # fmt: skip
    # It ends with its socket; then somebody has to have waited for it.
    threading.Thread(target=process.wait, name="git zygote", daemon=True).start()
    return Zygote(ours, ours.close)


def _environment() -> dict[str, str]:
    """Empty, but for where Python finds us. No HOME: no configuration is read."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1", "PYTHONPATH": str(Path(bot.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip


@cache
def shared_forks() -> Forks:
    """The process's own, for all who do not bring one."""
    return Forks()
