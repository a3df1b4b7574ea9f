"""Bare repositories on disk, read and written through dulwich's objects; no git binary, no hooks, no filters.

Answers are plain values (hex strings, bytes, frozen records), so that nothing else in this room but the smart
HTTP module needs dulwich. A missing object is None, never an exception. One instance is used under `Hub.lock`;
smart HTTP opens a repository object of its own for each request.
"""

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from dulwich.diff_tree import RenameDetector, tree_changes
from dulwich.graph import find_merge_base
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree
from dulwich.patch import write_object_diff
from dulwich.refs import Ref, SymrefLoop
from dulwich.repo import Repo
from dulwich.walk import Walker

ZERO_SHA = "0" * 40


@dataclass(frozen=True)
class Signature:
    """Who and when; `when` in seconds since the epoch, written as UTC."""

    name: str
    email: str
    when: int


@dataclass(frozen=True)
class CommitInfo:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class Entry:
    """One entry of a tree; `path` is relative to the tree that was asked for."""

    path: str
    mode: int
    sha: str
    size: int | None  # bytes; None for trees and submodules

    @property
    def kind(self) -> str:
        if stat.S_ISDIR(self.mode):
            return "tree"
        return "commit" if self.mode == 0o160000 else "blob"


@dataclass(frozen=True)
class FileChange:
    path: str
    previous_path: str | None
    status: str  # added, removed, modified, renamed
    sha: str  # of the new blob; of the old one when removed
    diff: bytes  # with the `diff --git` header
    patch: str | None  # hunks only; None for binary files
    additions: int
    deletions: int


@dataclass(frozen=True)
class Comparison:
    merge_base: str | None
    ahead: tuple[str, ...]  # oldest first, as GitHub lists them
    behind: int


class GitStore:
    """One bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._repo = Repo(str(path))

    @classmethod
    def create(cls, path: Path, default_branch: str) -> "GitStore":
        path.mkdir(parents=True)
        Repo.init_bare(str(path)).close()
        store = cls(path)
        store._repo.refs.set_symbolic_ref(Ref(b"HEAD"), Ref(f"refs/heads/{default_branch}".encode()))
        return store

    def close(self) -> None:
        self._repo.close()

    # -- refs -----------------------------------------------------------------------------------------------
    def refs(self) -> dict[str, str]:
        """Every full ref name and what it points to, sorted; without HEAD."""
        found = self._repo.refs.as_dict()
        return {n.decode(): s.decode() for n, s in sorted(found.items()) if n.startswith(b"refs/")}

    def ref(self, name: str) -> str | None:
        try:
            return self._repo.refs[Ref(name.encode())].decode()
        except (KeyError, SymrefLoop):
            return None

    def set_ref(self, name: str, sha: str) -> None:
        self._repo.refs[Ref(name.encode())] = ObjectID(sha.encode())

    def delete_ref(self, name: str) -> None:
        self._repo.refs.remove_if_equals(Ref(name.encode()), None)

    def rename_branch(self, old: str, new: str) -> None:
        """HEAD follows. Raises KeyError when there is no such branch."""
        sha = self.refs()[f"refs/heads/{old}"]
        self.set_ref(f"refs/heads/{new}", sha)
        self._repo.refs.set_symbolic_ref(Ref(b"HEAD"), Ref(f"refs/heads/{new}".encode()))
        self.delete_ref(f"refs/heads/{old}")

    def branches(self) -> dict[str, str]:
        prefix = "refs/heads/"
        return {n.removeprefix(prefix): s for n, s in self.refs().items() if n.startswith(prefix)}

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag, full ref or 40-digit id names."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", f"refs/{revision}", revision):
            sha = self.ref(name) if name.startswith("refs/") else None
            if sha is not None:
                return self._peel(sha)
        return self._peel(revision) if len(revision) == 40 else None

    def _peel(self, sha: str) -> str | None:
        found = self._object(sha)
        while isinstance(found, Tag):
            found = self._object(found.object[1].decode())
        return found.id.decode() if isinstance(found, Commit) else None

    # -- objects --------------------------------------------------------------------------------------------
    def _object(self, sha: str) -> ShaFile | None:
        try:
            return self._repo.object_store[ObjectID(sha.encode())]
        except (KeyError, ValueError, AssertionError):
            return None

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob or tag."""
        found = self._object(sha)
        return found.type_name.decode() if found is not None else None

    def blob(self, sha: str) -> bytes | None:
        found = self._object(sha)
        return found.data if isinstance(found, Blob) else None

    def commit(self, sha: str) -> CommitInfo | None:
        found = self._object(sha)
        if not isinstance(found, Commit):
            return None
        return CommitInfo(
            found.id.decode(),
            found.tree.decode(),
            tuple(p.decode() for p in found.parents),
            _signature(found.author, found.author_time),
            _signature(found.committer, found.commit_time),
            found.message.decode(errors="replace").rstrip("\n"),
        )

    def entries(self, tree: str, recursive: bool = False, prefix: str = "") -> list[Entry] | None:
        """The entries of a tree in git's order (with `recursive` trees are listed too, before their content)."""
        found = self._object(tree)
        if not isinstance(found, Tree):
            return None
        listed: list[Entry] = []
        for name, mode, sha in found.iteritems():
            assert name is not None and mode is not None and sha is not None
            path = prefix + name.decode(errors="replace")
            is_blob = not stat.S_ISDIR(mode) and mode != 0o160000
            size = self._repo.object_store[sha].raw_length() if is_blob else None
            listed.append(Entry(path, mode, sha.decode(), size))
            if recursive and stat.S_ISDIR(mode):
                listed += self.entries(sha.decode(), True, path + "/") or []
        return listed

    def entry_at(self, commit: str, path: str) -> Entry | None:
        """What stands at `path` ("" is the root tree) in a commit."""
        info = self.commit(commit)
        if info is None:
            return None
        here = Entry("", 0o040000, info.tree, None)
        for part in [p for p in path.split("/") if p]:
            below = {e.path: e for e in self.entries(here.sha) or []} if here.kind == "tree" else {}
            if part not in below:
                return None
            here = below[part]
        return Entry(path.strip("/"), here.mode, here.sha, here.size)

    def add_blob(self, content: bytes) -> str:
        return self._add(Blob.from_string(content))

    def add_tree(self, entries: Mapping[str, tuple[int, str]]) -> str:
        """A tree from nested paths; every blob must exist already."""
        tree = Tree()
        folders: dict[str, dict[str, tuple[int, str]]] = {}
        for path, (mode, sha) in entries.items():
            head, _, rest = path.partition("/")
            if rest:
                folders.setdefault(head, {})[rest] = (mode, sha)
            else:
                tree.add(head.encode(), mode, ObjectID(sha.encode()))
        for name, below in folders.items():
            tree.add(name.encode(), 0o040000, ObjectID(self.add_tree(below).encode()))
        return self._add(tree)

    def add_commit(
        self, tree: str, parents: Iterable[str], message: str, author: Signature, committer: Signature
    ) -> str:
        commit = Commit()
        commit.tree = ObjectID(tree.encode())
        commit.parents = [ObjectID(p.encode()) for p in parents]
        commit.author, commit.committer = _raw(author), _raw(committer)
        commit.author_time, commit.commit_time = author.when, committer.when
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = message.encode()
        commit.encoding = b"UTF-8"
        return self._add(commit)

    def _add(self, new: ShaFile) -> str:
        self._repo.object_store.add_object(new)
        return new.id.decode()

    def copy_from(self, source: Path, revision: str) -> str:
        """Bring one commit of another repository here with all of its history and nothing later.

        Deltas of the source's packs are reused, so the cost is mostly the walk (about 20,000 objects a second).
        Returns the commit's id. Raises KeyError when the source does not have it.
        """
        other = Repo(str(source))
        try:
            commit = other[revision.encode()]
            while isinstance(commit, Tag):
                commit = other[commit.object[1]]
            shallow = other.get_shallow()
            count, objects = other.object_store.generate_pack_data(
                set(), {commit.id}, shallow=shallow, ofs_delta=True
            )
            self._repo.object_store.add_pack_data(count, iter(objects))
            if shallow:
                self._repo.update_shallow(shallow, set())
            return commit.id.decode()
        finally:
            other.close()

    # -- history and differences -----------------------------------------------------------------------------
    def log(self, commit: str, limit: int) -> list[CommitInfo]:
        walker = Walker(self._repo.object_store, [ObjectID(commit.encode())], max_entries=limit)
        return [info for entry in walker if (info := self.commit(entry.commit.id.decode()))]

    def _only_in(self, head: str, base: str) -> Iterator[str]:
        walker = Walker(
            self._repo.object_store,
            [ObjectID(head.encode())],
            exclude=[ObjectID(base.encode())],
            reverse=True,
        )
        return (entry.commit.id.decode() for entry in walker)

    def compare(self, base: str, head: str) -> Comparison:
        """Three-dot comparison of two commits."""
        ahead, behind = tuple(self._only_in(head, base)), sum(1 for _ in self._only_in(base, head))
        if not behind:
            return Comparison(base, ahead, 0)
        if not ahead:
            return Comparison(head, (), behind)
        found = find_merge_base(self._repo, [ObjectID(base.encode()), ObjectID(head.encode())])
        return Comparison(found[0].decode() if found else None, ahead, behind)

    def is_ancestor(self, old: str, new: str) -> bool:
        return not any(True for _ in self._only_in(old, new))

    def changes(self, old_commit: str | None, new_commit: str) -> list[FileChange]:
        """The files that differ between two commits (None: everything is added), with their diffs."""
        store = self._repo.object_store
        trees: list[ObjectID | None] = []
        for sha in (old_commit, new_commit):
            info = self.commit(sha) if sha else None
            trees.append(ObjectID(info.tree.encode()) if info else None)
        found = []
        for change in tree_changes(store, trees[0], trees[1], rename_detector=RenameDetector(store)):
            old, new = change.old, change.new
            out = BytesIO()
            write_object_diff(
                out,
                store,
                (old.path, old.mode, old.sha) if old else (None, None, None),
                (new.path, new.mode, new.sha) if new else (None, None, None),
            )
            here = new or old
            assert here is not None and here.path is not None and here.sha is not None
            moved = change.type in ("rename", "copy") and old is not None and old.path is not None
            found.append(
                _file_change(
                    here.path.decode(errors="replace"),
                    old.path.decode(errors="replace") if moved and old and old.path else None,
                    _STATUS[change.type],
                    here.sha.decode(),
                    out.getvalue(),
                )
            )
        return sorted(found, key=lambda c: c.path)


_STATUS = {"add": "added", "delete": "removed", "modify": "modified", "rename": "renamed", "copy": "copied"}


def _file_change(path: str, previous: str | None, status: str, sha: str, diff: bytes) -> FileChange:
    start = diff.find(b"\n@@ ")
    patch = diff[start + 1 :].decode(errors="replace").rstrip("\n") if start >= 0 else None
    lines = patch.splitlines() if patch else []
    added, removed = (sum(1 for line in lines if line.startswith(sign)) for sign in "+-")
    return FileChange(path, previous, status, sha, diff, patch, added, removed)


def _signature(raw: bytes, when: int) -> Signature:
    text = raw.decode(errors="replace")
    name, _, rest = text.partition(" <")
    return Signature(name, rest.rstrip(">"), when)


def _raw(signature: Signature) -> bytes:
    return f"{signature.name} <{signature.email}>".encode()
