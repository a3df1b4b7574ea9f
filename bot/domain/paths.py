"""Which names may stand for a file of a repository.

Every path that a model, a patch or a sandbox names passes through here before anything is read or written.
The rules hold on every system, not only on this one: what is harmless on Linux must not become `.git` on a
case-folding, NTFS or HFS+ disk of somebody who clones the result. It must never touch the file system:
symbolic links are the business of whoever opens the file.

Sources: git's `verify_path`, `is_ntfs_dotgit` and `is_hfs_dotgit` (CVE-2014-9390, CVE-2019-1352).
"""

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from bot.domain import limits
from bot.domain.ids import RepoPath

WORKSPACE: Final = "/workspace"
"""Where the repository lies inside every sandbox: models write this prefix often, so it is taken off."""

# Code points that HFS+ drops when it compares names (git's utf8.c, next_hfs_char).
_HFS_IGNORED: Final = frozenset(
    chr(c) for c in (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)
# NTFS: the name or its short form, then dots and blanks that Windows drops, then perhaps a stream (`:`).
_NTFS_DOTGIT: Final = re.compile(r"(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.DOTALL)

# What nearly every name is: no system reads it as anything else, and nothing of it has to be normalised.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_PLAIN_BYTES: Final = 255  # of the whole path, so of each part too


class UnsafePath(ValueError):
    """This text can't name a file of the repository. The message quotes it and says why."""

    def __init__(self, text: str, reason: str) -> None:
        shown = text if len(text) <= 120 else text[:120] + "…"
        super().__init__(f"{shown!a} is not a usable path: {reason}")
        self.reason = reason


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern of the repository's file means this path; one with a slash at its end means all below."""
    return any(
        fnmatchcase(path, pattern) or (pattern.endswith("/") and path.startswith(pattern))
        for pattern in patterns
    )


def is_dotgit(part: str) -> bool:
    """Whether some file system takes this one path component, or a piece of it between `\\`, for `.git`."""
    plain = "".join(c for c in part if c not in _HFS_IGNORED)
    return any(
        _NTFS_DOTGIT.fullmatch(piece.casefold()) is not None
        for form in (part, plain, unicodedata.normalize("NFKC", plain))
        for piece in form.split("\\")
    )


def parse_repo_path(text: str) -> RepoPath:
    """The checked path below the repository's root, `/` between parts. Raises UnsafePath.

    Normalised: `./` in front and between, doubled slashes, the sandbox's `/workspace/` in front. Nothing else
    is mended: a blank at an end is part of the name, and `..` is refused even where it would stay inside.
    """
    if len(text) <= _PLAIN_BYTES and _PLAIN.fullmatch(text) and text.count("/") < limits.TREE_DEPTH:
        return RepoPath(text)  # a tree has thousands of names, and each is asked about more than once
    _refuse_bad_text(text)
    rest = text
    if rest == WORKSPACE or rest.startswith(f"{WORKSPACE}/"):
        rest = rest[len(WORKSPACE) :].lstrip("/")
    if rest.startswith("/"):
        raise UnsafePath(text, f"it is absolute; name files relative to the repository's root ({WORKSPACE})")
    if rest.endswith("/"):
        raise UnsafePath(text, "it ends in a slash; name a file, not a directory")
    parts = [part for part in rest.split("/") if part not in ("", ".")]
    if not parts or rest.endswith("/."):
        raise UnsafePath(text, "it names the repository's root; name a file")
    for part in parts:
        _refuse_bad_part(text, part)
    if len(parts) > limits.TREE_DEPTH:
        raise UnsafePath(text, f"it has more than {limits.TREE_DEPTH} parts")
    path = "/".join(parts)
    if len(path.encode()) > limits.PATH_BYTES:
        raise UnsafePath(text, f"it is longer than {limits.PATH_BYTES} bytes")
    return RepoPath(path)


def _refuse_bad_text(text: str) -> None:
    if not text.strip():
        raise UnsafePath(text, "it is empty")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise UnsafePath(text, "it contains a control character, a line separator or half a surrogate pair")


def _refuse_bad_part(text: str, part: str) -> None:
    if any(piece and not piece.strip(". ") for piece in part.split("\\")):  # also `.. ` and `...`: Windows
        raise UnsafePath(text, "`..` is not allowed, nor a name of dots and blanks alone")
    if is_dotgit(part):
        raise UnsafePath(text, "`.git`, in whatever spelling, is not part of the repository's content")
    if len(part.encode()) > 255:  # NAME_MAX of every common file system
        raise UnsafePath(text, "one of its parts is longer than 255 bytes")
