"""The few system calls that Python 3.11 lacks: unshare, mounts, prctl, and the loopback of a new network.

Standard library only, for the launcher that starts on every command. Each function raises OSError with the
call's name. It must never keep state.
"""

import ctypes
import fcntl
import os
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_MNT_DETACH = 2
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL = 9
_IGNORED_BY_PYTHON = (13, 25)  # SIGPIPE, SIGXFSZ
_AF_INET = 2
_SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x1 | 0x40

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # the same numbers on every architecture
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x00100000
_AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
_libc.signal.restype = ctypes.c_void_p
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2); empty texts are passed as NULL where the kernel expects none."""
    data = options.encode() or None
    result = _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, flags, data)
    _checked(result, f"mount {kind or 'bind'} at {target}")


def bind(source: str, target: str) -> None:
    """Show `source` (with the mounts below it, which the kernel demands in a user namespace) at `target`."""
    mount(source, target, "", MS_BIND | MS_REC)


def clone_mapped(source: str, user_namespace: int) -> int:
    """A descriptor of a mount of the directory `source` that stands nowhere yet, with ids mapped as the namespace says
    (Linux 5.12; below an overlay 5.19). For the caller to close."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
    tree = _checked(_libc.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(source), flags), "open_tree")
    fields = (_MOUNT_ATTR_IDMAP, 0, 0, user_namespace)  # to set, to clear, propagation, namespace
    attributes = b"".join(field.to_bytes(8, sys.byteorder) for field in fields)
    try:
        result = _libc.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attributes, len(attributes))
        _checked(result, "mount_setattr")
    except OSError:
        os.close(tree)
        raise
    return tree


def bind_mapped(source: str, target: str, user_namespace: int) -> None:
    """`bind` with ids mapped: what belongs on disk to the namespace's inner id is seen as its outer one's."""
    tree = clone_mapped(source, user_namespace)
    try:
        to = os.fsencode(target)
        result = _libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, to, _MOVE_MOUNT_F_EMPTY_PATH)
        _checked(result, f"move_mount at {target}")
    finally:
        os.close(tree)


def detach(target: str) -> None:
    """Take the mount at `target` out of this namespace, with all that stands below it."""
    _checked(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"umount {target}")


def make_all_private() -> None:
    """No mount made from here on is seen outside, none made outside arrives."""
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def die_with_parent() -> None:
    """SIGKILL when the thread that forked us ends. Lost by setuid: call it again then."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Whoever loses its parent below us becomes our child, and not init's."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def be_dumpable() -> None:
    """After setuid /proc/self belongs to root until this is called, and no id map could be written."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def default_signals() -> None:
    """Undo what the interpreter ignores: it would be inherited, and `yes | head` would complain inside."""
    for number in _IGNORED_BY_PYTHON:
        _libc.signal(number, None)


def loopback_up() -> None:
    """Switch `lo` on in the present network namespace; 127.0.0.1 comes with it."""
    descriptor = _checked(_libc.socket(_AF_INET, _SOCK_DGRAM_CLOEXEC, 0), "socket")
    try:
        request = b"lo".ljust(16, b"\0") + _IFF_UP_RUNNING.to_bytes(2, "little") + bytes(22)
        fcntl.ioctl(descriptor, _SIOCSIFFLAGS, request)
    finally:
        os.close(descriptor)


def map_to_root(uid: int, gid: int) -> None:
    """Make `uid` and `gid` of outside root of the user namespace that was just made."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
