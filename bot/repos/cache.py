"""The bare cache: one for each installation and repository, ours alone. No remotes, no hooks, no configuration.

Writers hold a lock on a file beside it; readers need none, objects never change.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dulwich.object_store import iter_tree_contents
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.repo import Repo

from bot.domain import limits
from bot.errors import RepositoryFault

Entry = tuple[int, bytes]  # mode and id
Entries = dict[bytes, Entry]  # by path


@contextmanager
def open_cache(path: Path) -> Iterator[Repo]:
    """The repository for reading. Raises RepositoryFault when nothing was fetched yet."""
    if not (path / "objects").is_dir():
        raise RepositoryFault("This repository was never fetched here.", "Ask again.")
    repo = Repo(str(path), bare=True)
    try:
        yield repo
    finally:
        repo.close()


@contextmanager
def locked_cache(path: Path) -> Iterator[Repo]:
    """The repository for writing; made when there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        repo = Repo(str(path), bare=True) if (path / "objects").is_dir() else _create(path)
        try:
            yield repo
        finally:
            repo.close()


def read_tree(repo: Repo, sha: str) -> Tree:
    found = _read(repo, sha)
    if not isinstance(found, Tree):
        raise RepositoryFault(f"{sha} is no tree of the cache.", "Ask again.")
    return found


def read_commit(repo: Repo, sha: str) -> Commit:
    found = _read(repo, sha)
    if not isinstance(found, Commit):
        raise RepositoryFault(f"{sha} is no commit of the cache.", "Ask again.")
    return found


def read_blob(repo: Repo, sha: str) -> bytes | None:
    """None when it was too large to be fetched, or came all the same: not every server heeds the filter."""
    try:
        found = repo.object_store[ObjectID(sha.encode())]
    except KeyError:
        return None
    content = found.as_raw_string() if isinstance(found, Blob) else None
    return content if content is None or len(content) <= limits.BLOB_BYTES else None


def tree_items(repo: Repo, tree: str) -> Entries:
    """What stands in one folder by name, its folders too."""
    return {bytes(item.path): (item.mode, bytes(item.sha)) for item in read_tree(repo, tree).items()}


def entries(repo: Repo, tree: str) -> Entries:
    """Every path of a tree with its mode and id, as bytes."""
    read_tree(repo, tree)
    found = iter_tree_contents(repo.object_store, ObjectID(tree.encode()))
    return {
        entry.path: (entry.mode, bytes(entry.sha))
        for entry in found
        if entry.path and entry.mode and entry.sha
    }


def _read(repo: Repo, sha: str) -> object:
    try:
        return repo.object_store[ObjectID(sha.encode())]
    except KeyError as error:
        raise RepositoryFault(f"{sha} is not in the cache.", "Ask again: it will be fetched.") from error


def _create(path: Path) -> Repo:
    path.mkdir(exist_ok=True)
    return Repo.init_bare(str(path))
