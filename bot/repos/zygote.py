"""The process that git children are forked from: dulwich is loaded already, so that no operation pays for it.

Started once by the worker (`forks.py`) with an empty environment and one argument, the descriptor of a socket. Each
message on it is one start and carries one end of a connection; the child that is forked says who it is (a pidfd), reads
one request from there, answers and ends (`child.py`). We ourselves never look at a repository, so nothing of one
can come from one child to the next.

Races. The worker dies: its end of the socket is closed, and we end. A child that is at work then finishes what
it does: objects are written whole or not at all.
"""

import gc
import os
import signal
import socket
import sys
from typing import NoReturn

from bot.repos import child


def main() -> None:
    """Serve until the worker's end of the socket is closed."""
    link = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for children: the kernel forgets them
    gc.freeze()  # what is loaded is shared with all children
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(link, 1, 1)
        except ConnectionResetError:
            return
        if not message:
            return
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            if os.fork() == 0:
                link.close()
                _become_child(connection)
            connection.close()


def _become_child(connection: socket.socket) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # with all that it starts it can be killed at once
        own = os.pidfd_open(os.getpid())
        socket.send_fds(connection, [os.getpid().to_bytes(4)], [own])
        os.close(own)
        child.serve(connection)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
