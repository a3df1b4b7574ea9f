"""The command line of bubblewrap: what a sandboxed process sees, and nothing more.

Pure, but for looking at which of the system's directories are there. It must never name a host path on the
visible command line (pid 1's is readable inside): all of it goes through `--args` by descriptor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from bot.domain import limits
from bot.domain.paths import WORKSPACE

STAGE: Final = "/tmp"  # noqa: S108  # covered by a private file system in the launcher's own mount namespace
HOME: Final = "/home/agent"
SANDBOX_UID: Final = 1000  # inside; outside it is the worker's dedicated uid

PASSWD: Final = b"root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:/bin/bash\n"
GROUP: Final = b"root:x:0:\nagent:x:1000:\n"
HOSTS: Final = b"127.0.0.1 localhost sandbox\n::1 localhost\n"
NSSWITCH: Final = b"passwd: files\ngroup: files\nhosts: files\n"
SYSTEM_FILES: Final[Mapping[str, bytes]] = {
    "/etc/passwd": PASSWD,  # getpwuid
    "/etc/group": GROUP,
    "/etc/hosts": HOSTS,  # `localhost` without a resolver
    "/etc/nsswitch.conf": NSSWITCH,
}

_SHOWN_ETC: Final = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/localtime",
    "/etc/mime.types",
)
_LINKED: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Inside:
    """What one sandbox needs: toolchains as (name below the stage, path inside), the environment's layer, and
    descriptors of files to lay down. Variables are the command's (`standing.render_words`)."""

    toolchains: tuple[tuple[str, Path], ...]
    env: str  # "", "read-only" or "writable"
    files: Mapping[str, tuple[int, int]]  # path inside -> (descriptor, mode)
    seccomp: int
    status: int
    block: int


def build_arguments(inside: Inside) -> list[str]:
    """All options, in bubblewrap's order of work: directories before what lies in them, read-only last."""
    return [
        *_namespaces(),
        *("--json-status-fd", str(inside.status), "--block-fd", str(inside.block)),
        *("--seccomp", str(inside.seccomp)),
        *_system(),
        *_files(inside.files),
        *_own_directories(),
        *_toolchains(inside.toolchains),
        *_layers(inside.env),
        *("--chdir", WORKSPACE, "--remount-ro", "/", "--clearenv"),
    ]


def base_variables(toolchains: tuple[Path, ...], more: Mapping[str, str]) -> dict[str, str]:
    """The whole environment inside. A PATH in `more` is put before ours, everything else replaces."""
    bins = [str(path / "bin" if (path / "bin").is_dir() else path) for path in toolchains]
    own = {
        "HOME": HOME,
        "USER": "agent",
        "LOGNAME": "agent",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp",  # noqa: S108  # the sandbox's own
    }
    path = ":".join(filter(None, [more.get("PATH", ""), "/env/bin", *bins, _SYSTEM_PATH]))
    return own | dict(more) | {"PATH": path}


def _namespaces() -> list[str]:
    """The network's namespace is already private: the launcher made it, to plant the proxy's listener in it."""
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        "--disable-userns",  # needs the explicit --unshare-user
        *("--uid", str(SANDBOX_UID), "--gid", str(SANDBOX_UID), "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    ]


@cache
def _system() -> tuple[str, ...]:
    """What is shown of the host, which is looked at once."""
    arguments = [*("--dir", "/etc", "--dir", "/var", "--dir", "/pullwright"), "--ro-bind", "/usr", "/usr"]
    for name in _LINKED:
        path = Path("/") / name
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), f"/{name}"]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for shown in _SHOWN_ETC:
        arguments += ["--ro-bind-try", shown, shown]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(limits.SHM_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    return (*arguments, "--remount-ro", "/dev")


def _own_directories() -> list[str]:
    return [
        *("--perms", "1777", "--size", str(limits.TMP_BYTES), "--tmpfs", "/tmp"),  # noqa: S108
        *("--size", str(limits.HOME_BYTES), "--tmpfs", HOME),
        *("--dir", "/run", "--symlink", "../tmp", "/var/tmp"),  # noqa: S108
    ]


def _files(files: Mapping[str, tuple[int, int]]) -> list[str]:
    """Copied onto the root file system, which is read-only when the command starts."""
    arguments = []
    for path, (descriptor, mode) in files.items():
        arguments += ["--perms", f"{mode:04o}", "--file", str(descriptor), path]
    return arguments


def _toolchains(toolchains: tuple[tuple[str, Path], ...]) -> list[str]:
    return [part for name, path in toolchains for part in ("--ro-bind", f"{STAGE}/{name}", str(path))]


def _layers(env: str) -> list[str]:
    arguments = ["--bind", f"{STAGE}/workspace", WORKSPACE]
    match env:
        case "read-only":
            return [*arguments, "--ro-bind", f"{STAGE}/env", "/env"]
        case "writable":
            return [*arguments, "--bind", f"{STAGE}/env", "/env"]
        case _:
            return [*arguments, "--dir", "/env"]
