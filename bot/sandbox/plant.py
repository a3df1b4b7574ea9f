"""The program that plants the proxy's listener into the private network of a container.

Arguments: the id of a process in it, the descriptor of a socket to our parent, host and port. It enters the
network (through the user namespace that owns it, where that is not ours), binds, and sends the listener back; it
never serves it: the proxy runs in the host's network. Standard library only.
"""

import ctypes
import fcntl
import os
import socket
import sys

from bot.sandbox import syscalls

_NS_GET_USERNS = 0xB701


def main() -> None:
    """Exit 0 when the listener was sent; 1 with the reason on stderr."""
    pid, channel, host, port = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    try:
        _enter(pid)
        with socket.socket(fileno=channel) as parent, socket.socket() as listener:
            listener.bind((host, port))
            listener.listen(128)
            socket.send_fds(parent, [b"L"], [listener.fileno()])
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _enter(pid: int) -> None:
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if os.path.samestat(os.fstat(network), os.stat("/proc/self/ns/net")):  # noqa: PTH116
        raise PermissionError("the container has the network of the host")
    owner = fcntl.ioctl(network, _NS_GET_USERNS)
    if not os.path.samestat(os.fstat(owner), os.stat("/proc/self/ns/user")):  # noqa: PTH116
        _set_namespace(owner)
    _set_namespace(network)
    syscalls.loopback_up()


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")
