"""What of a tree can't be a plain file in a workspace, and why. The one place that decides it.

A repository may hold anything that git can hold: names that no tool may name, links that no system can make,
files that were too large to fetch. Nothing of that stops the work. Such a path is not in the template, it is no
deletion when a work tree is walked, and every tree that is derived from the base keeps it. The model is told.
"""

import contextlib
import io
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dulwich.attrs import AttributeValue, Pattern, match_path, parse_git_attributes
from dulwich.objects import S_ISGITLINK, ObjectID
from dulwich.repo import Repo
from dulwich.wildmatch import MalformedPattern

from bot.domain import limits
from bot.domain.paths import UnsafePath, parse_repo_path
from bot.repos.cache import Entries, entries, open_cache, read_blob

_LINK_BYTES: Final = 4095  # PATH_MAX of Linux without the final NUL
_POINTER_BYTES: Final = 1024  # of the Git LFS specification
_POINTER_BEGINS: Final = b"version https://git-lfs.github.com/spec/"
_SENTENCES: Final = 50  # the rest is counted


def left_out(cache: Path, tree: str) -> list[str]:
    """One sentence for each path whose content is not in the workspace, in the order of paths."""
    with open_cache(cache) as repo:
        files = entries(repo, tree)
        pointers = frozenset(_pointers(repo, files))
        said = [
            f"{_shown(path)} {why}."
            for path, (mode, sha) in sorted(files.items())
            if (why := why_left_out(repo, path, mode, sha) or _why_without_content(path, mode, pointers))
        ]
    more = len(said) - _SENTENCES
    return said[:_SENTENCES] + ([f"{more} more paths are not here."] if more > 0 else [])


def why_left_out(repo: Repo, path: bytes, mode: int, sha: bytes) -> str:
    """Why nothing stands at `path` in a workspace; empty when something does."""
    if usable_path(path) is None:
        return "has a name that can't be used: it is not in the workspace"
    if S_ISGITLINK(mode):
        return ""
    if ObjectID(sha) not in repo.object_store:
        return f"has more than {limits.BLOB_BYTES // limits.MIB} MiB: it is not in the workspace"
    if stat.S_ISLNK(mode) and not is_link_target(read_blob(repo, sha.decode()) or b""):
        return "is a link that can't be made here: it is not in the workspace"
    return ""


def usable_path(raw: bytes) -> str | None:
    """The name as text; None when no tool may name it, or when it is not how its place is written."""
    try:
        text = raw.decode("utf-8")
        return text if parse_repo_path(text) == text else None
    except (UnsafePath, UnicodeDecodeError):
        return None


def is_link_target(target: bytes) -> bool:
    return 0 < len(target) <= _LINK_BYTES and b"\0" not in target


def _why_without_content(path: bytes, mode: int, pointers: frozenset[bytes]) -> str:
    if S_ISGITLINK(mode):
        return "is a submodule: its content is not here"
    return "is a Git LFS pointer: its content is not here" if path in pointers else ""


def _pointers(repo: Repo, files: Entries) -> Iterator[bytes]:
    """Files that an attribute of the repository gives to Git LFS and that are no more than its pointer."""
    patterns = list(_patterns(repo, files))
    if not any(attributes.get(b"filter") == b"lfs" for _, attributes in patterns):
        return
    for path, (mode, sha) in files.items():
        if stat.S_ISREG(mode) and match_path(patterns, path).get(b"filter") == b"lfs":
            content = _text(repo, sha)
            if len(content) <= _POINTER_BYTES and content.startswith(_POINTER_BEGINS):
                yield path


def _patterns(repo: Repo, files: Entries) -> Iterator[tuple[Pattern, Mapping[bytes, AttributeValue]]]:
    """Outermost first: the last that fits decides. What is no pattern is passed over, as git does."""
    for path in sorted(files, key=lambda path: path.count(b"/")):
        folder, _, name = path.rpartition(b"/")
        if name != b".gitattributes" or not stat.S_ISREG(files[path][0]):
            continue
        for pattern, attributes in parse_git_attributes(io.BytesIO(_text(repo, files[path][1]))):
            with contextlib.suppress(MalformedPattern):
                yield Pattern(pattern, folder), attributes


def _text(repo: Repo, sha: bytes) -> bytes:
    return read_blob(repo, sha.decode()) or b""


def _shown(path: bytes) -> str:
    """As text where it can be read, else as the bytes that it is."""
    text = usable_path(path)
    return f"`{text}`" if text is not None else f"{path!r:.150}"
