"""A cgroup for each command, where this process may make one: v2 (delegated) or v1, else none.

Memory, process count, processor time. It must never move processes that are not ours, nor touch a group that it did
not make. Without a cgroup the launcher's rlimits and the watchdog stand in; the preflight says which.

Races. A group is removed after its last process is dead; a removal that fails (the kernel is still counting
down) is tried again at the next command. Names are unique to a process and a command; what dead workers left is
removed at the start. Several threads remove at once: each takes the list of what is left in one step, and a directory
that another one has removed is gone.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.sandbox.bounds import Bounds

_ROOT: Final = Path("/sys/fs/cgroup")
_PREFIX: Final = "pullwright-"
_WORKER: Final = "pullwright-worker"
_PERIOD_US: Final = 100_000  # the kernel's own default for sharing out processor time


@dataclass(frozen=True)
class CgroupHost:
    """Where groups can be made: controller name to the directory that will hold them."""

    version: int  # 1 or 2; 0: nowhere
    parents: dict[str, Path] = field(default_factory=dict)
    _left: set[Path] = field(default_factory=set)  # groups that could not be removed yet

    def enforces(self, controller: str) -> bool:
        return controller in self.parents

    @property
    def label(self) -> str:
        return f"cgroup v{self.version}"

    def remove(self, directories: tuple[Path, ...]) -> None:
        """These, and what could not be removed before."""
        for directory in (*self._left, *directories):
            try:
                directory.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                self._left.add(directory)
                continue
            self._left.discard(directory)


@dataclass(frozen=True)
class CommandCgroup:
    """The group of one command: controller name to its directory."""

    directories: dict[str, Path]
    version: int

    @property
    def folders(self) -> tuple[Path, ...]:
        """Its directories, each once: in v2 all controllers share one."""
        return tuple(dict.fromkeys(self.directories.values()))

    def killed_for_memory(self) -> int:
        """How many processes the kernel killed for want of memory; 0 when it can't be told."""
        directory = self.directories.get("memory")
        if directory is None:
            return 0
        return _count(
            directory / ("memory.events" if self.version == 2 else "memory.oom_control"), "oom_kill"
        )

    def refused_processes(self) -> int:
        """How many starts of processes the kernel refused; 0 when it can't be told."""
        directory = self.directories.get("pids")
        return 0 if directory is None else _count(directory / "pids.events", "max")


def _count(path: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def find_cgroups() -> CgroupHost:
    """Try v2, then v1, by making and removing a group. Never raises: nowhere is an answer."""
    own = _own_groups()
    return _find_v2(own) or _find_v1(own) or CgroupHost(0)


def make_cgroup(host: CgroupHost, name: str, bounds: Bounds) -> CommandCgroup:
    """A limited group for one command; whoever asked removes it by `host.remove`. Raises OSError when it can't be made:
    then nothing is left."""
    group = CommandCgroup({}, host.version)
    try:
        for controller, parent in host.parents.items():
            directory = parent / f"{_PREFIX}{os.getpid()}-{name}"
            if directory not in group.directories.values():
                directory.mkdir()
            group.directories[controller] = directory
            _limit(directory, controller, host.version, bounds)
    except OSError:
        host.remove(group.folders)
        raise
    return group


@contextlib.contextmanager
def command_cgroup(host: CgroupHost, name: str, bounds: Bounds) -> Iterator[CommandCgroup]:
    """`make_cgroup`, and removed behind."""
    group = make_cgroup(host, name, bounds)
    try:
        yield group
    finally:
        host.remove(group.folders)


def _limit(directory: Path, controller: str, version: int, bounds: Bounds) -> None:
    match controller, version:
        case "pids", _:
            (directory / "pids.max").write_text(str(bounds.processes))
        case "memory", 2:
            (directory / "memory.max").write_text(str(bounds.memory_bytes))
            _if_there(directory / "memory.swap.max", "0")
        case "cpu", 2:
            (directory / "cpu.max").write_text(f"{int(bounds.cpus * _PERIOD_US)} {_PERIOD_US}")
        case "cpu", _:
            (directory / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (directory / "cpu.cfs_quota_us").write_text(str(int(bounds.cpus * _PERIOD_US)))
        case _:
            (directory / "memory.limit_in_bytes").write_text(str(bounds.memory_bytes))
            _if_there(directory / "memory.memsw.limit_in_bytes", str(bounds.memory_bytes))


def _if_there(path: Path, text: str) -> None:
    """Swap accounting may be switched off in the kernel."""
    with contextlib.suppress(OSError):
        path.write_text(text)


def _own_groups() -> dict[str, str]:
    """Controller (`""` for v2) to the path of our own group."""
    groups = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _find_v2(own: dict[str, str]) -> CgroupHost | None:
    if "" not in own or not (_ROOT / "cgroup.controllers").exists():
        return None
    base = _ROOT / own[""].lstrip("/")
    if base.name == _WORKER:  # moved there by an earlier start in this process
        base = base.parent
    try:
        offered = set((base / "cgroup.controllers").read_text().split())
        if not {"memory", "pids"} <= offered:
            return None
        wanted = [name for name in ("memory", "pids", "cpu") if name in offered]
        _move_into_leaf(base)
        (base / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
        _sweep(base)
        host = CgroupHost(2, dict.fromkeys(wanted, base))
        with command_cgroup(host, "probe", Bounds()):
            return host
    except OSError:
        return None


def _move_into_leaf(base: Path) -> None:
    """v2 allows limits only below groups without processes. Moves none but this process and its children."""
    inside = {int(pid) for pid in (base / "cgroup.procs").read_text().split()}
    if not inside:
        return
    if not inside <= _family(os.getpid()):
        raise PermissionError("the group holds processes that are not ours")
    leaf = base / _WORKER
    leaf.mkdir(exist_ok=True)
    for pid in inside:
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(str(pid))


def _family(root: int) -> set[int]:
    found, stack = set(), [root]
    while stack:
        pid = stack.pop()
        found.add(pid)
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                stack += map(int, (thread / "children").read_text().split())
    return found


def _find_v1(own: dict[str, str]) -> CgroupHost | None:
    parents = {}
    for controller in ("memory", "pids", "cpu"):
        parent = _ROOT / controller / own.get(controller, "/").lstrip("/")
        with contextlib.suppress(OSError):
            _sweep(parent)
            with command_cgroup(CgroupHost(1, {controller: parent}), "probe", Bounds()):
                parents[controller] = parent
    return CgroupHost(1, parents) if parents else None


def _sweep(parent: Path) -> None:
    """Remove what dead workers left. A living one's group may be empty for a moment: its id is looked up."""
    for directory in parent.glob(f"{_PREFIX}*-*"):
        owner = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(OSError):
                directory.rmdir()
