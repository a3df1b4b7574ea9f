"""A person's own checkout: its HEAD brought into the cache, and a finished change written back into its files.

For `pullwright run`. The checkout is the person's, not the sandbox's: its objects are read, its hooks, filters and
configuration are not. Writing back touches only files that are still what the work began from, each by rename, and none
at all when one of them is not.

Race: the person edits while we write. Each file is compared right before the first of them is written; an edit within
that moment is lost, as it would be with `git apply`.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dulwich.errors import NotGitRepository
from dulwich.object_store import iter_tree_contents
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, ShaFile
from dulwich.repo import Repo, UnsupportedVersion

from bot.domain import limits
from bot.domain.paths import parse_repo_path
from bot.errors import RepositoryFault
from bot.repos.cache import locked_cache, open_cache, read_blob
from bot.repos.trees import compare

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def import_head(cache: Path, start: str) -> dict[str, str]:
    """HEAD of the repository that `start` lies in: its root, commit and tree, with every object in the cache."""
    with _opened(start) as source:
        try:
            commit = source[source.head()]
        except KeyError as error:
            raise RepositoryFault(
                f"{source.path} has no commit yet.", "Make one: the change is measured against it."
            ) from error
        if not isinstance(commit, Commit):
            raise RepositoryFault(f"HEAD of {source.path} is no commit.")
        with locked_cache(cache) as repo:
            repo.object_store.add_objects([(one, None) for one in _missing(source, commit, repo)])
        return {"root": str(source.path), "commit": commit.id.decode(), "tree": commit.tree.decode()}


def write_back(cache: Path, root: str, base: str, tree: str) -> list[str]:
    """Bring the files that differ between two trees into `root`; the paths. Nothing is written when one of them is
    not what `base` says any more."""
    with open_cache(cache) as repo:
        changes = compare(repo, base, tree)
        contents = {change["path"]: _content(repo, change) for change in changes}
    top = os.open(root, _FOLDER)
    try:
        moved = [change["path"] for change in changes if not _is_unchanged(top, change)]
        if moved:
            raise RepositoryFault(
                f"These files were changed meanwhile: {', '.join(moved[:10])}. Nothing was written.",
                "Keep the patch instead (`--patch FILE`) and apply it by hand.",
            )
        for change in changes:
            _write(top, change, contents[change["path"]])
    finally:
        os.close(top)
    return [str(change["path"]) for change in changes]


@contextmanager
def _opened(start: str) -> Iterator[Repo]:
    try:
        source = Repo.discover(start)
    except NotGitRepository as error:
        raise RepositoryFault(
            f"{start} is in no git repository.",
            "Run it in a clone; `git init` and a first commit are enough.",
        ) from error
    except (UnsupportedVersion, ValueError) as error:
        raise RepositoryFault(f"The repository at {start} can't be read: {error}.") from error
    with source:
        if source.bare:
            raise RepositoryFault(f"{source.path} is a bare repository.", "Name a clone with files.")
        yield source


def _missing(source: Repo, commit: Commit, repo: Repo) -> list[ShaFile]:
    """The commit, its trees and its blobs, without those that the cache has and those that are too large."""
    wanted: dict[bytes, ShaFile] = {commit.id: commit}
    for entry in iter_tree_contents(source.object_store, commit.tree, include_trees=True):
        if entry.sha is None or entry.mode is None or S_ISGITLINK(entry.mode):
            continue
        if entry.sha in repo.object_store or entry.sha in wanted:
            continue
        try:
            found = source.object_store[ObjectID(bytes(entry.sha))]
        except KeyError:
            continue  # a partial clone: the work does without it
        if not isinstance(found, Blob) or found.raw_length() <= limits.BLOB_BYTES:
            wanted[entry.sha] = found
    return list(wanted.values())


def _content(repo: Repo, change: dict[str, Any]) -> bytes | None:
    """None: to be deleted."""
    parse_repo_path(change["path"])
    if change["new_blob"] is None:
        return None
    if change["new_mode"] not in ("100644", "100755"):
        raise RepositoryFault(
            f"{change['path']} is no regular file in this change.", "Apply the patch by hand."
        )
    content = read_blob(repo, change["new_blob"])
    if content is None:
        raise RepositoryFault(f"The content of {change['path']} is not in the cache.")
    return content


def _is_unchanged(top: int, change: dict[str, Any]) -> bool:
    """Whether the file is still the one of the base (or still missing)."""
    try:
        with _parent(top, change["path"], make=False) as (folder, name):
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return change["old_blob"] is None
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or change["old_blob"] is None:
            return False
        return bool(Blob.from_string(file.read()).id.decode() == change["old_blob"])


def _write(top: int, change: dict[str, Any], content: bytes | None) -> None:
    with _parent(top, change["path"], make=content is not None) as (folder, name):
        if content is None:
            os.unlink(name, dir_fd=folder)
            return
        part = f".{secrets.token_hex(6)}.part"
        mode = 0o777 if change["new_mode"] == "100755" else 0o666  # the person's umask decides the rest
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, mode, dir_fd=folder), "wb") as file:
            file.write(content)
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextmanager
def _parent(top: int, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
    """The open folder of a path and the file's name in it; no link is followed. Raises OSError."""
    *folders, name = path.split("/")
    current = os.dup(top)
    try:
        for folder in folders:
            if make:
                _make_folder(current, folder)
            below = os.open(folder, _FOLDER, dir_fd=current)
            os.close(current)
            current = below
        yield current, name
    finally:
        os.close(current)


def _make_folder(parent: int, name: str) -> None:
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return
