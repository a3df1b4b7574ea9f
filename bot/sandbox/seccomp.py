"""The system-call filter of every sandboxed process, as classic BPF for `bwrap --seccomp`.

Refused with EPERM: new namespaces and mounts, looking into other processes, kernel keyrings, BPF, io_uring
and the other wide interfaces that builds and tests do not need; clone3 with ENOSYS (its flags lie in memory
where no filter sees them; libc falls back to clone). Foreign architectures and x32 are killed. It must never
be the only wall: namespaces, no capabilities and the uid stand beside it.

Numbers: the kernel's unistd tables for x86_64 and asm-generic (aarch64).
"""

import errno
import platform
import struct
from functools import cache
from typing import Any, Final

from bot.errors import SandboxUnavailable

# name: (x86_64, aarch64); None where the architecture has no such call.
_REFUSED: Final[dict[str, tuple[int | None, int]]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "lookup_dcookie": (212, 18),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "uselib": (134, -1),
    "_sysctl": (156, -1),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_SOCKET: Final = (41, 198)
_IOCTL: Final = (16, 29)
_ARCHITECTURES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_CLONE_NEW: Final = (
    0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000 | 0x80
)
_SOCKET_FAMILIES: Final = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (getaddrinfo asks it)
_IOCTLS: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into somebody's terminal
_X32_BIT: Final = 0x40000000

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL: Final = 0x80000000
_EPERM: Final = _ERRNO | errno.EPERM
_ENOSYS: Final = _ERRNO | errno.ENOSYS

_NUMBER_AT, _ARCH_AT, _ARG0_AT, _ARG1_AT = 0, 4, 16, 24  # struct seccomp_data, low words (little endian)


def _load(offset: int) -> bytes:
    return struct.pack("<HBBI", 0x20, 0, 0, offset)


def _return(value: int) -> bytes:
    return struct.pack("<HBBI", 0x06, 0, 0, value)


def _if_equal(value: int, then: int, otherwise: int) -> bytes:
    return struct.pack("<HBBI", 0x15, then, otherwise, value)


def _if_at_least(value: int, then: int, otherwise: int) -> bytes:
    return struct.pack("<HBBI", 0x35, then, otherwise, value)


def _if_any_bit(mask: int, then: int, otherwise: int) -> bytes:
    return struct.pack("<HBBI", 0x45, then, otherwise, mask)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """`body`, which ends in a return, for one call; others go on behind it."""
    return [_if_equal(number, 0, len(body)), *body]


def _only_families() -> list[bytes]:
    last = len(_SOCKET_FAMILIES) - 1
    tests = [_if_equal(family, last - i + 1, 0) for i, family in enumerate(_SOCKET_FAMILIES)]
    return [_load(_ARG0_AT), *tests, _return(_EPERM), _return(_ALLOW)]


def _no_typing() -> list[bytes]:
    last = len(_IOCTLS) - 1
    tests = [_if_equal(request, last - i + 1, 0) for i, request in enumerate(_IOCTLS)]
    return [_load(_ARG1_AT), *tests, _return(_ALLOW), _return(_EPERM)]


@cache
def build_filter(machine: str = "") -> bytes:
    """The program for `machine` (this one when empty). Raises SandboxUnavailable for one without a table."""
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise SandboxUnavailable(
            f"There is no system-call table for the processor {machine!r}.",
            "Run the worker on x86_64 or aarch64.",
        )
    column, audit = _ARCHITECTURES[machine]
    program = [_load(_ARCH_AT), _if_equal(audit, 1, 0), _return(_KILL), _load(_NUMBER_AT)]
    if machine == "x86_64":
        program += [_if_at_least(_X32_BIT, 0, 1), _return(_KILL)]
    for row in _REFUSED.values():
        number = row[column]
        if number is not None and number >= 0:
            program += _when(number, [_return(_EPERM)])
    program += _when(_CLONE3[column], [_return(_ENOSYS)])
    clone = [_load(_ARG0_AT), _if_any_bit(_CLONE_NEW, 0, 1), _return(_EPERM), _return(_ALLOW)]
    program += _when(_CLONE[column], clone)
    program += _when(_SOCKET[column], _only_families())
    program += _when(_IOCTL[column], _no_typing())
    program.append(_return(_ALLOW))
    return b"".join(program)


def build_profile(machine: str = "") -> dict[str, Any]:
    """The same filter as a profile for Docker and Podman. Conditions compare 64 bits where the kernel takes 32: so
    the low words are masked, and socket families are refused by ranges. Raises SandboxUnavailable."""
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise SandboxUnavailable(
            f"There is no system-call table for the processor {machine!r}.",
            "Run the worker on x86_64 or aarch64.",
        )
    families = [family for family in range(max(_SOCKET_FAMILIES)) if family not in _SOCKET_FAMILIES]
    rules: list[dict[str, Any]] = [_rule(sorted(_REFUSED)), _rule(["clone3"], code=errno.ENOSYS)]
    rules += [_rule(["socket"], [_argument(0, "SCMP_CMP_EQ", family)]) for family in families]
    rules.append(_rule(["socket"], [_argument(0, "SCMP_CMP_GT", max(_SOCKET_FAMILIES))]))
    rules += [
        _rule(["clone"], [_masked(0, 1 << bit, 1 << bit)]) for bit in range(32) if _CLONE_NEW >> bit & 1
    ]
    rules += [_rule(["ioctl"], [_masked(1, 0xFFFFFFFF, request)]) for request in _IOCTLS]
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "archMap": [{"architecture": f"SCMP_ARCH_{machine.upper()}", "subArchitectures": []}],
        "syscalls": rules,
    }


def _rule(
    names: list[str], arguments: list[dict[str, Any]] | None = None, code: int = errno.EPERM
) -> dict[str, Any]:
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": code, "args": arguments or []}


def _argument(index: int, comparison: str, value: int) -> dict[str, Any]:
    return {"index": index, "value": value, "op": comparison}


def _masked(index: int, mask: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
