"""The face of host-side git: a bare cache of our own, templates of plain files, trees as the name of content.

Every state of a repository is a tree id in the bare cache: the base, each snapshot of the work, the test part
of a patch alone. A workspace is opened over `materialise(tree)`. Nothing here reads an agent's `.git`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.domain.ids import CommitSha, RepoPath, TreeSha


@dataclass(frozen=True)
class Remote:
    """Where to fetch from or push to. The token goes to the child on stdin, never into a URL."""

    url: str
    token: str


@dataclass(frozen=True)
class RepoKey:
    """Names a cache: one for each installation and repository, so that nothing is shared across them."""

    installation: int
    repository: int


@dataclass(frozen=True)
class Identity:
    name: str
    email: str


class FileMode(StrEnum):
    REGULAR = "100644"
    EXECUTABLE = "100755"
    SYMLINK = "120000"
    SUBMODULE = "160000"


@dataclass(frozen=True)
class TreeChange:
    """One path that differs between two trees. `old_*` None: added; `new_*` None: deleted."""

    path: RepoPath
    old_mode: FileMode | None
    old_blob: str | None
    new_mode: FileMode | None
    new_blob: str | None


@dataclass(frozen=True)
class Snapshot:
    """A work tree as it was: its tree in the cache, what differs from base, what was left out and why."""

    tree: TreeSha
    changes: tuple[TreeChange, ...]
    left_out: tuple[str, ...]  # sentences: special files, unsafe names, over a cap


class ConflictKind(StrEnum):
    """Why a path could not be merged."""

    MARKED = "marked"  # both changed the same lines: they stand between markers
    DELETED_BY_OURS = "deleted_by_ours"  # and changed by theirs: it is there as they have it
    DELETED_BY_THEIRS = "deleted_by_theirs"  # and changed by ours: it is there as we have it
    NO_TEXT = "no_text"  # both changed what has no lines, or is too long: it is there as ours has it


@dataclass(frozen=True)
class Conflict:
    path: str  # for a file with lines a RepoPath; else perhaps a name that no tool may name
    kind: ConflictKind


@dataclass(frozen=True)
class Merge:
    """What both sides come to. Without conflicts it is finished."""

    tree: TreeSha
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class MergeSides:
    """Trees, and what the markers of a conflict call the two sides."""

    began: TreeSha  # what both began with
    ours: TreeSha
    theirs: TreeSha
    our_name: str
    their_name: str


@dataclass(frozen=True)
class BaseCommit:
    commit: CommitSha
    tree: TreeSha


@dataclass(frozen=True)
class Checkout:
    """A person's own clone: its HEAD, and `files`, the tree of what lies there now, committed or not."""

    root: Path
    commit: CommitSha
    tree: TreeSha
    files: TreeSha


@dataclass(frozen=True)
class Written:
    """Where alone a work tree can be other than the plain files of the tree `under`: the overlay's layers above these
    (Workspace.written_layers), at rest."""

    layers: tuple[Path, ...]
    under: TreeSha


@dataclass(frozen=True)
class View:
    """A mounted work tree: `wrap` makes a command see it at `root` (Workspace.view_command and view_root). `written`:
    None where nothing is known of it, so that every file is looked at."""

    wrap: Callable[[list[str]], list[str]]
    root: Path
    written: Written | None = None


class Repos(Protocol):
    """All methods start one short-lived child process and raise RepositoryFault or RetryLater."""

    async def fetch(
        self, key: RepoKey, remote: Remote, ref: str, commit: CommitSha | None = None
    ) -> BaseCommit:
        """Bring `ref` (refs/heads/main), or exactly `commit` when pinned, into the cache; depth 1 first."""
        ...

    async def materialise(self, key: RepoKey, tree: TreeSha) -> Path:
        """A directory with the plain files of a tree, made once, read-only from then on."""
        ...

    async def left_out(self, key: RepoKey, tree: TreeSha) -> tuple[str, ...]:
        """A sentence for each path of a tree whose content is not among the plain files: submodules, Git LFS
        pointers, files that were too large to fetch, names that can't be used. At most 50, the rest counted."""
        ...

    async def snapshot(self, key: RepoKey, base: TreeSha, view: View) -> Snapshot:
        """Walk a work tree and store it. What the base's .gitignore names is left out, unless tracked. With
        `view.written` the sentences tell of what was written alone."""
        ...

    async def changes(self, key: RepoKey, old: TreeSha, new: TreeSha) -> tuple[TreeChange, ...]: ...

    async def derive(self, key: RepoKey, base: TreeSha, changes: tuple[TreeChange, ...]) -> TreeSha:
        """The tree of `base` with these changes applied (each sets or deletes its path)."""
        ...

    async def store_blob(self, key: RepoKey, content: bytes) -> str:
        """Put one blob into the cache (the canary test); returns its id."""
        ...

    async def read_blobs(self, key: RepoKey, blobs: tuple[str, ...]) -> dict[str, bytes]: ...

    async def list_tree(self, key: RepoKey, tree: TreeSha) -> dict[str, tuple[FileMode, str]]:
        """Every path of a tree that can be named, with its mode and blob id."""
        ...

    async def diff(self, key: RepoKey, old: TreeSha, new: TreeSha) -> str:
        """Unified diff for people, `a/` and `b/` prefixes; unsafe names quoted, binaries named only."""
        ...

    async def merge(self, key: RepoKey, sides: MergeSides) -> Merge:
        """What both sides did since they parted, in one tree; the same arguments give the same one."""
        ...

    async def commit(
        self, key: RepoKey, tree: TreeSha, parents: tuple[CommitSha, ...], message: str, when: int
    ) -> CommitSha:
        """Write a commit object of our own identity; the same arguments give the same id. Two parents: a merge."""
        ...

    async def push(
        self, key: RepoKey, remote: Remote, ref: str, commit: CommitSha, expected: CommitSha | None
    ) -> None:
        """Compare-and-swap: `ref` must be `expected` (None: absent) before, else RepositoryFault."""
        ...

    async def forget(self, key: RepoKey, trees: tuple[TreeSha, ...]) -> None:
        """Remove templates that no task needs any more; unknown ones are no error."""
        ...
