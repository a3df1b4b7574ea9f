"""The sandbox's face: what other rooms may ask of it. Knows nothing of how a back end does it.

Two trees never meet: what the sandbox wrote is read by the host only through `Workspace.read_file` (which
acts inside the sandbox) or by a child process started under `Workspace.view_command` (which walks the merged
tree by directory descriptors, after every process of the sandbox is dead).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from bot.domain import limits


class EndedBy(StrEnum):
    """Why a command is over. Everything but EXIT is a bound or a person, and is named to the model."""

    EXIT = "exit"
    SIGNAL = "signal"  # killed by a signal of its own making (segmentation fault, abort)
    TIMEOUT = "timeout"
    MEMORY = "memory"
    DISK = "disk"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Command:
    """One command for a workspace. `script` is given to bash; stdin is `stdin`, then closed.

    `workdir` is relative to the repository's root. `files` are extra read-only files, absolute path in the
    sandbox (below /pullwright) to bytes: the harness's own programs, which nothing inside can change.
    """

    script: str
    workdir: str = "."
    timeout_s: float = limits.COMMAND_TIMEOUT_S
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    output_bytes: int = limits.COMMAND_OUTPUT_BYTES


@dataclass(frozen=True)
class CommandResult:
    """`output`: stdout and stderr as written; over the cap head and tail, `cut_bytes` left out between."""

    exit_code: int | None  # None unless ended_by is EXIT
    ended_by: EndedBy
    seconds: float
    output: bytes
    cut_bytes: int = 0
    detail: str = ""  # for a bound: which, and its size
    met: str = ""  # a bound that it met without ending by it: refused starts of processes
    reached: Mapping[str, int] = field(default_factory=dict)  # host -> bytes through the proxy
    refused: Mapping[str, str] = field(default_factory=dict)  # host -> why the proxy did not let it out

    @property
    def ok(self) -> bool:
        return self.ended_by is EndedBy.EXIT and self.exit_code == 0


@dataclass(frozen=True)
class FileWrite:
    """New content of one file, or None to delete it. `executable` None keeps the mode that the file has."""

    path: str
    content: bytes | None
    executable: bool | None = None


class FileKind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"
    MISSING = "missing"


@dataclass(frozen=True)
class FileRead:
    """`content` only for a file of at most the asked size; `entries` only for a directory (names, `/` behind
    directories, sorted)."""

    kind: FileKind
    size: int = 0
    content: bytes | None = None
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class EgressPolicy:
    """Which hosts a command may reach through the proxy. Empty = no proxy is planted = no network at all.

    `where`: which list a host has to be added to, for the hint of a refusal.
    """

    hosts: tuple[str, ...] = ()  # exact, or `*.example.org` for one label
    pins: Mapping[str, str] = field(default_factory=dict)  # host -> network in CIDR form (operator only)
    ca_bundle: bytes | None = None
    where: str = "PULLWRIGHT_EGRESS_HOSTS"


OFFLINE: Final = EgressPolicy()


@dataclass(frozen=True)
class BlockedHost:
    """A host that something wanted and did not get: for the pull request."""

    host: str
    reason: str
    command: str  # the first that wanted it, its first line


@dataclass(frozen=True)
class Environment:
    """A prepared environment: what set-up wrote outside the repository, only ever a read-only lower layer.

    `env_layer` is mounted at /env and `workspace_layer` (ignored build products such as *.egg-info, editable
    installs) below the workspace's upper layer. `history_layer` holds a `.git` and nothing else, where the model is
    to have one. `digest` names it in the evidence.
    """

    digest: str
    env_layer: Path | None = None
    workspace_layer: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)  # PATH additions and the like
    image: str = ""  # container back end: what it was made in; "": the operator's image
    egress: EgressPolicy = (
        OFFLINE  # what commands in it may reach: nothing, unless the repository's file says so
    )
    blocked: tuple[BlockedHost, ...] = ()  # what its set-up wanted and did not get
    history_layer: Path | None = None

    @property
    def workspace_layers(self) -> tuple[Path, ...]:
        """What lies between the template and the workspace's own writes, topmost first."""
        return tuple(layer for layer in (self.workspace_layer, self.history_layer) if layer is not None)


NO_SETUP = Environment(digest="none")


@dataclass(frozen=True)
class SetupSpec:
    """What prepares an environment. `key_parts` and `lock_parts` are everything that may change its result; those
    of the same key but other lock files are a family: `maintenance` brings an older one of it up to date.

    `secrets` are variables of the set-up alone. They must be no part of what it leaves behind, which is checked.
    """

    script: str
    template: Path  # plain files of the commit whose set-up this is
    key_parts: tuple[str, ...]
    egress: EgressPolicy
    lock_parts: tuple[str, ...] = ()
    maintenance: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)  # how package managers find their indexes
    timeout_s: float = limits.SETUP_TIMEOUT_S
    image: str = ""  # that the repository asks for; only the container back end heeds it


@dataclass(frozen=True)
class Check:
    """One line of the preflight: what was tried, whether it works, the exact remedy if not."""

    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Preflight:
    """`passed_over`: what back ends that were to be taken before this one were refused for."""

    backend: str  # "bubblewrap" or "container", or "" when nothing works
    checks: tuple[Check, ...]
    enforced_by: Mapping[str, str] = field(
        default_factory=dict
    )  # limit -> cgroup v1 | cgroup v2 | rlimit | watchdog
    passed_over: tuple[Check, ...] = ()

    @property
    def ok(self) -> bool:
        return bool(self.backend)


@dataclass(frozen=True)
class SessionAnswer:
    """`exit_code` None: the process still runs, or (`timed_out`) was killed. `output`: new since the last answer."""

    exit_code: int | None
    output: bytes
    cut_bytes: int = 0
    timed_out: bool = False


class Session(Protocol):
    """One sandbox that stays: processes in the background, and commands beside them. Requests are those of
    `session_inside`: start, poll, signal, run."""

    async def ask(self, request: dict[str, object], within_s: float) -> SessionAnswer:
        """Raises ForModel: unknown job, a bound of the sandbox, no answer."""
        ...

    async def close(self) -> None:
        """Back when every process of it is dead. Idempotent."""
        ...


class Workspace(Protocol):
    """A private, writable copy-on-write view of a template at /workspace. Commands run one at a time each in
    processes of their own; nothing persists between them but files."""

    async def run(self, command: Command) -> CommandResult:
        """Run it and return when every process that it started is dead. Cancelling kills them all."""
        ...

    async def read_file(self, path: str, max_bytes: int = limits.READ_FILE_BYTES) -> FileRead:
        """Read inside the sandbox; a path that leaves the workspace is MISSING."""
        ...

    async def write_files(self, writes: tuple[FileWrite, ...]) -> None:
        """All or none, each by temporary file and rename, parents made, mode bits kept. Raises ForModel."""
        ...

    def prepare(self) -> None:
        """A command will follow soon: what can be made without knowing it is made meanwhile. Back at once; what
        is refused is said by the command."""
        ...

    async def open_session(self) -> Session:
        """The workspace is the session's until that is closed: no command runs meanwhile."""
        ...

    def view_command(self, argv: list[str]) -> list[str]:
        """Wrap a host command so that it sees the merged tree at `view_root`, read-only, in a mount namespace
        of its own. Only while no command runs."""
        ...

    @property
    def view_root(self) -> Path: ...

    @property
    def written_layers(self) -> tuple[Path, ...]:
        """The layers over the template, topmost first: what stands in none of them is as it is there. For names alone
        (bot/repos/walk.py), at rest. Empty where the work tree is a copy."""
        ...

    async def stamp(self) -> str | None:
        """The same text as long as no file of the workspace was written, deleted or renamed (a `.git` aside), so that
        a walk can be saved; None when that can't be told. Waits while a command runs."""
        ...

    @property
    def blocked(self) -> tuple[BlockedHost, ...]:
        """Hosts that its commands wanted and did not get, each once, in order of appearance."""
        ...

    async def close(self) -> None:
        """Remove everything that it wrote. Idempotent."""
        ...


class Sandbox(Protocol):
    async def preflight(self) -> Preflight:
        """Run the real command with everything on, once; the answer is kept."""
        ...

    async def open_workspace(self, template: Path, environment: Environment = NO_SETUP) -> Workspace:
        """A fresh workspace over `template`. Raises SandboxUnavailable: never a weaker substitute."""
        ...

    async def ensure_environment(self, spec: SetupSpec) -> Environment:
        """The environment for this key, prepared once. Raises SetupFailed with the log's tail."""
        ...
