"""A unified diff for people. Never applied by anything: transport is objects, not patches.

Names with control characters are quoted, or they would forge lines of the diff; long and binary files are named only.
"""

import difflib
from pathlib import Path
from typing import Any, Final

from dulwich.repo import Repo

from bot.domain import limits
from bot.repos.cache import open_cache, read_blob
from bot.repos.trees import compare

_LINKS: Final = {"120000": "symbolic link", "160000": "submodule"}


def diff(cache: Path, old: str, new: str) -> str:
    with open_cache(cache) as repo:
        changes = compare(repo, old, new)
        return "".join(_file(repo, change) for change in changes)


def _file(repo: Repo, change: dict[str, Any]) -> str:
    path = _quoted(change["path"])
    lines = [f"diff --git a/{path} b/{path}"]
    old_mode, new_mode = change["old_mode"], change["new_mode"]
    if old_mode is None:
        lines.append(f"new file mode {new_mode}")
    elif new_mode is None:
        lines.append(f"deleted file mode {old_mode}")
    elif old_mode != new_mode:
        lines += [f"old mode {old_mode}", f"new mode {new_mode}"]
    before, after = _content(repo, change["old_blob"]), _content(repo, change["new_blob"])
    names = (f"a/{path}" if old_mode else "/dev/null", f"b/{path}" if new_mode else "/dev/null")
    return "\n".join([*lines, *_body(before, after, names)]) + "\n"


def _body(before: bytes | None, after: bytes | None, names: tuple[str, str]) -> list[str]:
    if before is None or after is None or b"\0" in before or b"\0" in after:
        return [f"Binary files {names[0]} and {names[1]} differ"]
    old, new = _lines(before), _lines(after)
    if max(len(old), len(new)) > limits.DIFF_LINES_PER_FILE:
        return [f"[{len(old)} lines before, {len(new)} after: too long to show]"]
    if old == new:
        return []
    body = [f"--- {names[0]}", f"+++ {names[1]}"]
    for line in list(difflib.unified_diff(old, new, lineterm="\n"))[2:]:
        body.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            body.append("\\ No newline at end of file")
    return body


def _lines(content: bytes) -> list[str]:
    """Lines with their endings, split at line feeds only."""
    text = content.decode("utf-8", "replace")
    pieces = text.split("\n")
    lines = [piece + "\n" for piece in pieces[:-1]]
    return [*lines, pieces[-1]] if pieces[-1] else lines


def _content(repo: Repo, blob: str | None) -> bytes | None:
    return b"" if blob is None else read_blob(repo, blob)


def _quoted(path: str) -> str:
    return path if path.isprintable() else path.encode("unicode_escape").decode()
