"""Reading trees and making new ones out of old ones. Everything is objects of the cache; no file is looked at."""

import base64
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Final

from dulwich.object_store import commit_tree_changes
from dulwich.objects import Blob, ObjectID
from dulwich.repo import Repo

from bot.domain.paths import UnsafePath, parse_repo_path
from bot.errors import Bug
from bot.repos.cache import Entries, Entry, entries, locked_cache, open_cache, read_blob, tree_items
from bot.repos.left_out import usable_path

Change = dict[str, Any]  # a TreeChange as JSON


def list_tree(cache: Path, tree: str) -> dict[str, tuple[str, str]]:
    """Path to (mode, id); names that no tool may name are left out."""
    with open_cache(cache) as repo:
        return {
            path: (_mode(mode), sha.decode())
            for raw, (mode, sha) in entries(repo, tree).items()
            if (path := usable_path(raw)) is not None
        }


def changes(cache: Path, old: str, new: str) -> list[Change]:
    with open_cache(cache) as repo:
        return compare(repo, old, new)


def differing(repo: Repo, old: str, new: str) -> tuple[Entries, Entries]:
    """What `entries` gives of both trees, without what both have alike: a folder of the same id is never opened."""
    before: Entries = {}
    after: Entries = {}
    folders: list[tuple[bytes, bytes | None, bytes | None]] = [(b"", old.encode(), new.encode())]
    while folders:
        place, one, other = folders.pop()
        ones, others = (tree_items(repo, tree.decode()) if tree else {} for tree in (one, other))
        for name in ones.keys() | others.keys():
            mine, theirs = ones.get(name), others.get(name)
            if mine == theirs:
                continue
            path = place + name
            below = _folder(mine), _folder(theirs)
            if below != (None, None):
                folders.append((path + b"/", *below))
            for item, files in ((mine, before), (theirs, after)):
                if item is not None and not S_ISDIR(item[0]):
                    files[path] = item
    return before, after


def _folder(item: Entry | None) -> bytes | None:
    return item[1] if item is not None and S_ISDIR(item[0]) else None


def compare(repo: Repo, old: str, new: str) -> list[Change]:
    """Every path that differs between two trees, sorted."""
    found = []
    olds, news = differing(repo, old, new)
    for path in sorted(olds.keys() | news.keys()):
        before, after = olds.get(path), news.get(path)
        if before == after or not _is_text(path):
            continue
        found.append(
            {
                "path": path.decode(),
                "old_mode": _mode(before[0]) if before else None,
                "old_blob": before[1].decode() if before else None,
                "new_mode": _mode(after[0]) if after else None,
                "new_blob": after[1].decode() if after else None,
            }
        )
    return found


def derive(cache: Path, base: str, changes: list[Change]) -> str:
    """The tree of `base` with the changes applied."""
    with locked_cache(cache) as repo:
        return apply(repo, base, changes)


def apply(repo: Repo, base: str, changes: list[Change], known: Entries | None = None) -> str:
    """Set or delete each path; `known`: the entries of `base`, by who has them. A file that takes the place of a
    folder takes all of it, and the other way round; git's own trees can't say anything else."""
    if not changes:
        return base
    have = entries(repo, base) if known is None else known
    wanted: dict[bytes, Entry | None] = {}
    for change in changes:
        path = _checked(change["path"]).encode()
        new = change["new_blob"]
        wanted[path] = (int(change["new_mode"], 8), new.encode()) if new else None
    for path, new in list(wanted.items()):
        if new is not None:
            _clear_way(path, have, wanted)
    return write_paths(repo, base, {path: new for path, new in wanted.items() if new or path in have})


def write_paths(repo: Repo, base: str, wanted: dict[bytes, Entry | None]) -> str:
    """The tree of `base` with each path set to mode and id, or deleted; one that is deleted has to be there."""
    gone = [(path, None, None) for path, new in sorted(wanted.items()) if new is None]
    made = [(path, new[0], ObjectID(new[1])) for path, new in sorted(wanted.items()) if new is not None]
    # Deletions first: a folder must be gone before a file takes its name.
    tree = ObjectID(base.encode())
    for edits in (gone, made):
        tree = commit_tree_changes(repo.object_store, tree, edits) if edits else tree
    return tree.decode()


def _clear_way(path: bytes, have: Entries, wanted: dict[bytes, Entry | None]) -> None:
    parts = path.split(b"/")
    for depth in range(1, len(parts)):
        parent = b"/".join(parts[:depth])
        if parent in have and parent not in wanted:
            wanted[parent] = None
    for other in have:
        if other.startswith(path + b"/") and other not in wanted:
            wanted[other] = None


def store_blob(cache: Path, content: str) -> str:
    """`content` in base64; the blob's id."""
    with locked_cache(cache) as repo:
        blob = Blob.from_string(base64.b64decode(content))
        repo.object_store.add_object(blob)
        return blob.id.decode()


def read_blobs(cache: Path, blobs: list[str]) -> dict[str, str]:
    """Id to content in base64; those that are not here are left out."""
    with open_cache(cache) as repo:
        found = {sha: read_blob(repo, sha) for sha in blobs}
    return {sha: base64.b64encode(content).decode() for sha, content in found.items() if content is not None}


def _checked(path: str) -> str:
    try:
        return parse_repo_path(path)
    except UnsafePath as error:
        raise Bug(f"a change names a path that was never checked: {error}") from error


def _mode(mode: int) -> str:
    return f"{mode:06o}"


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


OPERATIONS: Final[dict[str, Callable[..., Any]]] = {
    "list_tree": list_tree,
    "changes": changes,
    "derive": derive,
    "store_blob": store_blob,
    "read_blobs": read_blobs,
}
