"""A unified diff as data: files, hunks, and which line stands where. Pure.

Reads what `repos` renders and what git and GitHub serve. Headers are trusted only where the grammar puts them: within
a hunk the counts of its header decide, so a changed line that looks like a header is a line.
"""

import re
from dataclasses import dataclass
from typing import Final

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_GIT: Final = re.compile(r"diff --git a/(.*) b/(.*)")


@dataclass(frozen=True)
class DiffLine:
    """`old` and `new`: the line's numbers, None on the side where it is not."""

    text: str
    old: int | None
    new: int | None


@dataclass(frozen=True)
class DiffHunk:
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class FileDiff:
    """`old` or `new` is empty for an added or a deleted file. Binary and mode-only changes have no hunks."""

    old: str
    new: str
    hunks: tuple[DiffHunk, ...] = ()

    @property
    def path(self) -> str:
        return self.new or self.old

    @property
    def added(self) -> int:
        return sum(line.old is None for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        return sum(line.new is None for hunk in self.hunks for line in hunk.lines)


def parse_diff(text: str) -> tuple[FileDiff, ...]:
    """All files, in order. Lines that belong to no file are skipped: there is nothing they could mean."""
    files: list[FileDiff] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        if header := _GIT.fullmatch(line):
            files.append(FileDiff(_unquoted(header[1]), _unquoted(header[2])))
            at += 1
        elif line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            named = FileDiff(_side(line[4:]), _side(lines[at + 1][4:]))
            if files and not files[-1].hunks and named.path in (files[-1].old, files[-1].new):
                files[-1] = named
            else:
                files.append(named)
            at += 2
        elif files and (header := _HUNK.match(line)):
            hunk, at = _parse_hunk(lines, at, header)
            last = files[-1]
            files[-1] = FileDiff(last.old, last.new, (*last.hunks, hunk))
        else:
            if files and not files[-1].hunks:
                files[-1] = _with_mode(files[-1], line)
            at += 1
    return tuple(files)


def render_stat(files: tuple[FileDiff, ...], most: int) -> str:
    """A line for each file with its counts, at most `most` of them, and the sum."""
    lines = [f"{file.path} +{file.added} -{file.removed}{_note(file)}" for file in files[:most]]
    if len(files) > most:
        lines.append(f"[{len(files) - most} files more]")
    if files:
        added, removed = sum(file.added for file in files), sum(file.removed for file in files)
        lines.append(f"{len(files)} files in all, +{added} -{removed}")
    return "\n".join(lines)


def _note(file: FileDiff) -> str:
    return " (new)" if not file.old else " (deleted)" if not file.new else ""


def _parse_hunk(lines: list[str], at: int, header: re.Match[str]) -> tuple[DiffHunk, int]:
    """The hunk and the index behind it. Ends where its counts are used up, or the text is."""
    old, new = int(header[1]), int(header[3])
    old_left, new_left = int(header[2] or 1), int(header[4] or 1)
    found: list[DiffLine] = []
    at += 1
    while at < len(lines) and (old_left > 0 or new_left > 0 or lines[at].startswith("\\")):
        sign, text = lines[at][:1], lines[at][1:]
        at += 1
        if sign == "-":
            found.append(DiffLine(text, old, None))
            old, old_left = old + 1, old_left - 1
        elif sign == "+":
            found.append(DiffLine(text, None, new))
            new, new_left = new + 1, new_left - 1
        elif sign in (" ", ""):  # some tools cut the blank of an empty context line
            found.append(DiffLine(text, old, new))
            old, new, old_left, new_left = old + 1, new + 1, old_left - 1, new_left - 1
    return DiffHunk(tuple(found)), at


def _with_mode(file: FileDiff, line: str) -> FileDiff:
    if line.startswith("new file mode"):
        return FileDiff("", file.new)
    return FileDiff(file.old, "") if line.startswith("deleted file mode") else file


def _side(name: str) -> str:
    """The path of a `---` or `+++` line, without its prefix and without a time behind a tab."""
    path = name.split("\t")[0]
    if path == "/dev/null":
        return ""
    path = _unquoted(path)
    return path[2:] if path[:2] in ("a/", "b/") else path


def _unquoted(path: str) -> str:
    """Git quotes names with control characters; they can't be anchored anyway, so the quotes alone go."""
    return path[1:-1] if len(path) > 1 and path[0] == path[-1] == '"' else path
