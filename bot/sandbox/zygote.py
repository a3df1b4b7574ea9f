"""The process that sandboxes are forked from: an interpreter that has already started, so that no command pays for it.

Started once by the worker (`bot.sandbox.starter`) with an empty environment and one argument, the descriptor of a
socket. Each message on it wants one launcher: it names the cgroups of one command and brings a line. It forks; the
child is the launcher, which joins the cgroups and waits on the line for what to start. The answer on the line is a
pidfd of the child. Standard library only. It must never keep a descriptor of one launcher while it forks another, nor
run anything itself.

Races. The worker may be killed in the middle of a start: bubblewrap's child would then wait for ever for a parent
that is gone, and no signal of the kernel's covers each moment of that. So we outlive the worker: orphans become our
children, and when the socket ends we kill until there are none, and remove the cgroups that they were in. A child that
is dead before its pidfd is opened has said why on its status pipe. We are in a session of our own, so that Ctrl-C in a
terminal reaches the worker alone, which ends things in order.
"""

import contextlib
import gc
import marshal
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from typing import Final, NoReturn

from bot.sandbox import launcher, syscalls

_MOST_BYTES: Final = 1 << 16
_MOST_GROUPS: Final = 256  # remembered before those that are gone are forgotten
_END_S: Final = 20.0  # killing takes milliseconds; who is not dead by then hangs in the kernel


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
    gc.disable()  # a collection in a child would touch, and so copy, every page that it shares with us
    groups: set[str] = set()
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(link, _MOST_BYTES, 1)
        except ConnectionResetError:  # it died with an answer of ours unread
            message = b""
        if not message:
            _end_all()
            _remove(groups)
            os._exit(0)
        try:
            wanted = marshal.loads(message)  # noqa: S302  # written by the worker
            _remember(groups, wanted)
            _serve(link, wanted, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _serve(link: socket.socket, groups: list[str], descriptors: list[int]) -> None:
    """Fork one launcher; `descriptors` is its line, or nothing: then the line ends, which the worker sees."""
    if not descriptors:
        return
    parent = os.getpid()
    with socket.socket(fileno=os.dup(descriptors[0])) as line, contextlib.suppress(BrokenPipeError):
        try:
            child = os.fork()
        except OSError as error:
            line.send(b"F%d" % (error.errno or 0))
            return
        if child == 0:
            line.close()
            _become_launcher(link, groups, descriptors[0], parent)
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(child)
            try:
                socket.send_fds(line, [b"P"], [pidfd])
            finally:
                os.close(pidfd)


def _become_launcher(link: socket.socket, groups: list[str], line: int, parent: int) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        link.close()
        launcher.wait_and_launch(line, groups, parent)
    finally:
        os._exit(125)


def _remember(groups: set[str], more: Iterable[str]) -> None:
    """The worker removes a group after its command; what it could not is left to us."""
    if len(groups) > _MOST_GROUPS:
        groups.intersection_update({path for path in groups if os.path.isdir(path)})  # noqa: PTH112
    groups.update(more)


def _remove(groups: Iterable[str]) -> None:
    for path in groups:
        # Most are gone; one that is still in use is swept at the next start.
        with contextlib.suppress(OSError):
            os.rmdir(path)  # noqa: PTH106


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
