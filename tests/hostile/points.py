"""What untrusted code may try, by number: the list that every back end is held against.

A point is covered by an `Attempt` (a small program inside, with a twin that must work: a probe that never works
would prove nothing) or by a test of its own under `@point(number)`. `test_coverage.py` finds the ones that nobody
tries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

Test = TypeVar("Test", bound=Callable[..., object])

POINTS: Final = {
    1: "environment of a command",
    2: "/proc/1/environ",
    3: "environment of every visible process",
    4: "host paths in command lines",
    5: "the App's key by its path",
    6: "home, ssh and cloud configuration",
    7: "inherited descriptors",
    8: "session keyring",
    9: "the worker's database and sockets",
    10: "the token in caches, reflogs, logs, texts",
    11: "writing the system",
    12: "shadow",
    13: "mount, umount, remount",
    14: "pivot_root, chroot",
    15: "new user namespace",
    16: "block device",
    17: "devices in /dev",
    18: "file handles",
    19: "/proc/1/root and cwd",
    20: "core pattern, sysrq, kernel memory",
    21: "/sys and cgroup files",
    22: "mounts that come back to the host",
    23: "writing into read-only layers",
    24: "hard links out of the workspace",
    25: "host processes",
    26: "stopping the first process",
    27: "set-uid programs",
    28: "capabilities, new privileges, filter",
    29: "typing into a terminal",
    30: "foreign system calls",
    31: "wide system calls",
    32: "raising limits",
    33: "direct network",
    34: "metadata address",
    35: "loopback services of the host",
    36: "unix sockets of the host",
    37: "container and bus sockets",
    38: "vsock, packet, alg, raw sockets",
    39: "names",
    40: "the proxy",
    41: "no listener, no network",
    42: "fork bomb",
    43: "memory bomb",
    44: "full disks",
    45: "sparse file",
    46: "endless and strange output",
    47: "daemons and trees that ignore SIGTERM",
    48: "output held by a background process",
    49: "a killed worker",
    50: "parallel tasks",
    51: "a start from a thread that ends",
    52: "a work tree full of git traps",
    53: "links swapped while tools read",
    54: "fifo, socket, device in the tree",
    55: "nested repository, gitlink folder",
    56: ".git as a file, a link, in other spellings",
    57: "control characters in names",
    58: "deep trees, many files, no descriptors left",
    59: "bombs in a fetch",
    60: "hostile trees on checkout",
    61: "LFS pointers",
    62: "alternates that the agent wrote",
    63: "git configuration of the user",
    64: "a redirect to another origin",
    65: "workflow files",
    66: "each back end switched off",
    67: "layers after a hostile task",
}


@dataclass(frozen=True)
class Attempt:
    """`program` prints `blocked ...` for each thing that was refused and `OPEN ...` for each that was not;
    `twin` prints `works ...`. Both are Python, behind `PRELUDE`. `least`: lines that must say `blocked`."""

    point: int
    program: str
    twin: str
    least: int = 1
    backends: tuple[str, ...] = ("bubblewrap", "podman", "docker")
    machines: tuple[str, ...] = ("x86_64", "aarch64")

    def __str__(self) -> str:
        return f"{self.point:02}-{POINTS[self.point].replace(' ', '-').replace('/', '_')}"


def point(*numbers: int) -> Callable[[Test], Test]:
    """Marks a test of its own with the points that it covers."""

    def marked(test: Test) -> Test:
        test.points = numbers  # type: ignore[attr-defined]
        return test

    return marked


PRELUDE: Final = """
import ctypes, errno, os, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
NUMBERS = {"keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "mount": (165, 40),
  "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268),
  "clone": (56, 220), "clone3": (435, 435), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
  "fsopen": (430, 430), "open_tree": (428, 428), "mount_setattr": (442, 442), "ptrace": (101, 117),
  "process_vm_readv": (310, 270), "pidfd_getfd": (438, 438), "kcmp": (312, 272), "bpf": (321, 280),
  "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "syslog": (103, 116),
  "kexec_load": (246, 104), "init_module": (175, 105), "reboot": (169, 142), "swapon": (167, 224),
  "sethostname": (170, 161), "settimeofday": (164, 170), "getpid": (39, 172), "getppid": (110, 173)}

def call(name, *arguments):
    ctypes.set_errno(0)
    got = libc.syscall(NUMBERS[name][ARM], *arguments)
    if got < 0:
        raise OSError(ctypes.get_errno(), name)
    return got

def attempt(what, action, *refusals):
    # `refusals`: the only errors that count as a wall; none given: every OSError does
    try:
        got = action()
    except OSError as error:
        name = errno.errorcode.get(error.errno, str(error.errno or error))
        print("blocked" if not refusals or name in refusals else "OPEN", what, name, flush=True)
    else:
        print("OPEN", what, repr(got)[:200], flush=True)

def absent(what, there):
    print("OPEN" if there else "blocked", what, flush=True)

def works(what, so):
    print("works" if so else "FAILS", what, flush=True)

def read(path):
    with open(path, "rb") as source:
        return source.read(1 << 20)

def write(path, text=b"x"):
    with open(path, "wb") as sink:
        sink.write(text)

def visible():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
"""
