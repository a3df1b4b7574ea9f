"""A sandbox before its command: what is settled without knowing it, and one that is made ahead.

Every sandbox is made in two steps. The first needs the layers, the bounds and the network only: launcher, namespaces,
mounts, filter, limits, and inside a shell that waits. The second is the command: its words, its variables, what it
reads. Between them nothing of the repository's runs, so the first step may be done while nobody knows the command yet:
a workspace does it while the model thinks (`Workspace.prepare`). It must never have two sandboxes over one writable
layer, nor hand a command to one that was made for something else.

Races. A command, a session or the end of the workspace may come while one is being made: they wait for it, and end it
if it is not what they need. Who is cancelled while it is ended leaves that to go on; whoever comes next waits for it
first. It dies while it waits: its pidfd tells, and another is made. The worker is killed: it dies with its zygote, as
everything does.
"""

import asyncio
import contextlib
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.domain import limits
from bot.errors import Bug, ForModel, SandboxUnavailable
from bot.sandbox.arguments import STAGE, SYSTEM_FILES, Inside, build_arguments
from bot.sandbox.bounds import Bounds
from bot.sandbox.bwrap import Bubblewrap
from bot.sandbox.cgroups import CgroupHost
from bot.sandbox.identities import Identity
from bot.sandbox.launch import Descriptors, Ends, Launch, Running, make_ends, start
from bot.sandbox.launcher import GATE, WORDS
from bot.sandbox.seam import Mounts
from bot.sandbox.seccomp import build_filter
from bot.sandbox.starter import Starter

FILES_BELOW: Final = "/pullwright/"
_OUR_PROCESSES: Final = 8  # launcher, watchdog, bubblewrap: in the cgroup's count, not in the rlimit's
_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN: Final = {
    "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "IFS", "LINENO",
    "OLDPWD", "OPTIND", "PIPESTATUS", "POSIXLY_CORRECT", "PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL",
    "SRANDOM", "UID", "_",
}  # fmt: skip  # variables that dash or bash sets, reads or refuses by itself
_SHELL: Final = ("/bin/sh", "-c", f"read -r go <&{GATE} && . /dev/fd/{WORDS}")


@dataclass(frozen=True)
class Ground:
    """Everything that is the same for every sandbox of a workspace. `uid`: who owns the layers when we are root; None:
    ourselves. `identity`: whom commands run as, and how they see the layers; None: the owner."""

    bwrap: Bubblewrap
    uid: int | None
    toolchains: tuple[Path, ...]
    cgroups: CgroupHost
    bounds: Bounds = field(default_factory=Bounds)
    identity: Identity | None = None
    starter: Starter = field(default_factory=Starter)


@dataclass(frozen=True)
class Wanted:
    """What a sandbox is made for. `files`: absolute path inside to content. `is_planted`: with a listener for the
    proxy. `stdin`: the read end of a pipe that is spoken to; None: a command's bytes."""

    mounts: Mounts
    files: Mapping[str, bytes] = field(default_factory=dict)
    is_planted: bool = False
    stdin: int | None = None

    def serves(self, other: "Wanted") -> bool:
        """Whether a sandbox that was made for this one does for `other`: more files do no harm."""
        same = (self.mounts, self.is_planted, self.stdin) == (other.mounts, other.is_planted, other.stdin)
        return same and other.files.items() <= self.files.items()


def render_words(argv: tuple[str, ...], variables: Mapping[str, str]) -> bytes:
    """What the shell inside does: become `argv`, with these variables alone. Raises ForModel.

    Variables are exported by the shell itself, for an argument of a program can be read by every user of the host, and
    a set-up's secrets are among them. Only a name that no shell takes goes by `env`.
    """
    if any("\0" in word for word in (*argv, *variables, *variables.values())):
        raise ForModel(
            "A command can't hold a NUL byte. Write it into a file, or by an escape such as $'\\0'."
        )
    odd = [f"{name}={value}" for name, value in variables.items() if not _is_plain(name)]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items() if _is_plain(name)]
    words = ("/usr/bin/env", "--", *odd, *argv) if odd else argv
    lines.append(f"exec {shlex.join(words)} {GATE}<&- {WORDS}<&-\n")
    return "\n".join(["unset OLDPWD SHLVL", *lines]).encode("utf-8", "surrogateescape")


def _is_plain(name: str) -> bool:
    """Whether every shell lets it be exported and does nothing by it."""
    return _NAME.fullmatch(name) is not None and name not in _SHELLS_OWN and not name.startswith("BASH")


async def make(ground: Ground, wanted: Wanted) -> Running:
    """A sandbox whose shell waits, or one whose start has failed (`Running.told`). Raises SandboxUnavailable when
    not even that could be begun; then nothing is left."""
    try:
        running = await _make(ground, wanted)
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxUnavailable(f"No process can be started: {error}.") from error
    if running.is_stuck:
        ground.starter.give_up()
    return running


async def _make(ground: Ground, wanted: Wanted) -> Running:
    with contextlib.ExitStack() as undone:
        descriptors = undone.enter_context(Descriptors())
        ends = make_ends(descriptors, wanted.stdin)
        if not ground.starter.is_ready:
            await asyncio.to_thread(ground.starter.ensure)
        waiting = ground.starter.take(ground.cgroups, ground.bounds)
        undone.callback(waiting.close)
        running = await start(_launch(ground, wanted, descriptors, ends), descriptors, waiting)
        undone.pop_all()
    return running


@dataclass(eq=False)
class Ahead:
    """The one sandbox of a workspace that is made ahead."""

    _making: tuple[Wanted, asyncio.Task[Running]] | None = field(default=None, init=False)
    _ending: asyncio.Task[None] | None = field(default=None, init=False)

    def prepare(self, ground: Ground, wanted: Wanted) -> None:
        """Begin to make one, if there is none. What is refused is said by the command that finds nothing."""
        if self._making is None and self._ending is None:
            making = asyncio.create_task(_make_ahead(ground, wanted))
            making.add_done_callback(_look_at)
            self._making = wanted, making

    async def take(self, wanted: Wanted | None) -> Running | None:
        """The one that was made, if it lives and does for `wanted`. Otherwise it is ended, which None asks for."""
        await self._await_ending()
        if self._making is None:
            return None
        made_for, making = self._making
        await asyncio.wait([making])
        self._making = None
        if making.cancelled() or making.exception() is not None:
            return None  # whatever it was: the command's own start meets it too, and says it
        running = making.result()
        if wanted is not None and made_for.serves(wanted) and running.is_alive:
            return running
        self._ending = asyncio.create_task(running.end())
        await self._await_ending()
        return None

    async def _await_ending(self) -> None:
        if self._ending is not None:
            await asyncio.shield(self._ending)
            self._ending = None


async def _make_ahead(ground: Ground, wanted: Wanted) -> Running:
    running = await make(ground, wanted)
    ground.starter.prepare(ground.cgroups, ground.bounds)
    return running


def _look_at(making: asyncio.Task[Running]) -> None:
    """No warning that nobody asked for it: whoever takes it is told."""
    if not making.cancelled():
        making.exception()


def _launch(ground: Ground, wanted: Wanted, descriptors: Descriptors, ends: Ends) -> Launch:
    toolchains = tuple((f"t{i}", path) for i, path in enumerate(ground.toolchains))
    seccomp = descriptors.memory(build_filter())
    files = {
        path: (descriptors.memory(content), 0o555 if path.startswith(FILES_BELOW) else 0o444)
        for path, content in {**SYSTEM_FILES, **_checked(wanted.files)}.items()
    }
    mounts = wanted.mounts
    env = "writable" if mounts.env_upper else "read-only" if mounts.env_lower else ""
    inside = Inside(toolchains, env, files, seccomp, ends.status[1], ends.block[0])
    text = "\0".join(build_arguments(inside)) + "\0"
    arguments = descriptors.memory(text.encode("utf-8", "surrogateescape"))
    lowers, identity = tuple(f"l{i}" for i in range(len(mounts.lowers))), ground.identity
    binds = [
        *((name, str(path)) for name, path in toolchains),
        *zip(lowers, map(str, mounts.lowers), strict=True),
        ("upper", str(mounts.upper)),
        *((("env", str(mounts.env_upper or mounts.env_lower)),) if env else ()),
        *((f"b/{path.name}", str(path)) for path in _bwrap_dirs(ground.bwrap)),
    ]
    return Launch(
        uid=identity.uid if identity else ground.uid,
        map=identity.map if identity else None,
        mapped=("upper", "env", *lowers),
        bwrap=f"{STAGE}/b/{ground.bwrap.path.relative_to(_bwrap_dirs(ground.bwrap)[0].parent)}",
        binds=tuple(binds),
        lowers=lowers,
        arguments=("--args", str(arguments)),
        shell=_SHELL,
        rlimits=_rlimits(ground),
        watch=_watch(ground, mounts),
        inherited=(arguments, seccomp, *(descriptor for descriptor, _ in files.values())),
        ends=ends,
        plant=wanted.is_planted,
        volatile=mounts.env_upper is None,  # what set-up makes is kept
    )


def _bwrap_dirs(bwrap: Bubblewrap) -> tuple[Path, ...]:
    """Shown below the stage, so that the uid need not be able to reach where it is installed."""
    if bwrap.library_dirs:
        return (bwrap.path.parent.parent, *bwrap.library_dirs)
    return (bwrap.path.parent,)


def _checked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    for path in files:
        if not path.startswith(FILES_BELOW) or ".." in path.split("/") or "\0" in path:
            raise Bug(f"a file for the sandbox must lie below {FILES_BELOW}: {path!r}")
    return dict(files)


def _rlimits(ground: Ground) -> tuple[tuple[str, int], ...]:
    counted = ground.cgroups.enforces("pids")  # then the cgroup is to refuse first: it tells
    always = (
        ("RLIMIT_NPROC", ground.bounds.processes + (_OUR_PROCESSES if counted else 0)),
        ("RLIMIT_NOFILE", limits.SANDBOX_OPEN_FILES),
        ("RLIMIT_FSIZE", limits.SANDBOX_FILE_BYTES),
        ("RLIMIT_CORE", 0),
    )
    if ground.cgroups.enforces("memory"):
        return always
    return (*always, ("RLIMIT_DATA", ground.bounds.memory_bytes))  # one process; the watchdog adds them up


def _watch(ground: Ground, mounts: Mounts) -> dict[str, object]:
    return {
        "paths": [f"{STAGE}/upper/upper", *([f"{STAGE}/env"] if mounts.env_upper else [])],
        "base": [0, 0],
        "root": None,  # the launcher, its parent
        "bytes": ground.bounds.disk_bytes,
        "files": ground.bounds.disk_files,
        "free": ground.bounds.disk_free_bytes,
        "memory": 0 if ground.cgroups.enforces("memory") else ground.bounds.memory_bytes,
    }
