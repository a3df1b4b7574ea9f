"""The process that sandboxes are forked from: an interpreter that has already started, so that no command pays for it.

Started once by the worker (`bot.sandbox.starter`) with an empty environment and one argument, the descriptor of a
socket. Each message on it is one start: the descriptors that the launcher needs, the numbers that it knows them by, and
a line for the answer. It forks; the child puts the descriptors in their places and becomes the launcher. The answer is
a pidfd of the child. Standard library only. It must never keep a descriptor of one start while it does another, nor
run anything itself.

Races. The worker may be killed in the middle of a start: bubblewrap's child would then wait for ever for a parent
that is gone, and no signal of the kernel's covers each moment of that. So we outlive the worker: orphans become our
children, and when the socket ends we kill until there are none. A child that is dead before its pidfd is opened has
said why on its status pipe. We are in a session of our own, so that Ctrl-C in a terminal reaches the worker alone,
which ends things in order.
"""

import contextlib
import fcntl
import marshal
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from bot.sandbox import launcher, syscalls

_MOST_BYTES: Final = 1 << 16
_END_S: Final = 20.0  # killing takes milliseconds; who is not dead by then hangs in the kernel
MOST_DESCRIPTORS: Final = 250  # the kernel takes 253 in one message


def main() -> None:
    """Leave the worker's family and serve until its end of the socket is closed."""
    link = socket.socket(fileno=int(sys.argv[1]))
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    syscalls.adopt_orphans()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for children: the kernel forgets them
    own = os.pidfd_open(os.getpid())
    socket.send_fds(link, [b"Z"], [own])
    os.close(own)
    while True:
        try:
            message, descriptors, flags, _ = socket.recv_fds(link, _MOST_BYTES, MOST_DESCRIPTORS)
        except ConnectionResetError:  # it died with an answer of ours unread
            message = b""
        if not message:
            _end_all()
            os._exit(0)
        try:
            _serve(link, marshal.loads(message), descriptors, cut=bool(flags & socket.MSG_CTRUNC))  # noqa: S302
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _serve(link: socket.socket, start: dict[str, Any], descriptors: list[int], *, cut: bool) -> None:
    """`descriptors`: as `start["numbers"]` wants them, then the line for the answer."""
    if cut or len(descriptors) != len(start["numbers"]) + 1:
        return  # every pipe of this start ends now, which the worker sees
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        told = f'{{"fault": "fork", "errno": {error.errno or 0}}}\n'
        os.write(descriptors[start["numbers"].index(start["status"])], told.encode())
        return
    if child == 0:
        _become_launcher(link, start, descriptors, parent)
    with contextlib.suppress(ProcessLookupError, BrokenPipeError):
        pidfd = os.pidfd_open(child)
        try:
            with socket.socket(fileno=os.dup(descriptors[-1])) as line:
                socket.send_fds(line, [b"P"], [pidfd])
        finally:
            os.close(pidfd)


def _become_launcher(
    link: socket.socket, start: dict[str, Any], descriptors: list[int], parent: int
) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        link.close()
        os.close(descriptors.pop())
        _place(descriptors, start["numbers"])
        launcher.launch(start["request"], parent)
    finally:
        os._exit(125)


def _end_all() -> None:
    """Kill what was forked from us, below before above, until nothing is left."""
    until = time.monotonic() + _END_S
    while (children := _children(os.getpid())) and time.monotonic() < until:
        for pid in (*(below for child in children for below in _children(child)), *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as listed:  # noqa: PTH123
            return [int(word) for word in listed.read().split()]
    except OSError:  # it is gone
        return []


def _place(descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Each descriptor under its number. Two steps: a number may be another's present one."""
    beyond = max((*descriptors, *numbers)) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond) for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    for high, number in zip(moved, numbers, strict=True):
        os.dup2(high, number, inheritable=number <= 2)
        os.close(high)
