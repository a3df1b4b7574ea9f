"""The text of a patch as sections and hunks. Pure: it knows no file.

The format is the V4A envelope (`*** Begin Patch`, Add / Update / Delete File, Move to, `@@` anchors). Models
also write its impostors: unified diffs, code fences, a here-document around it, a missing end. They are
converted, each with a note that the model sees. What can be read in two ways is an error that names the line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from bot.domain import limits
from bot.editing.splice import Step, StepLine
from bot.errors import ForModel

BEGIN: Final = "*** Begin Patch"
END: Final = "*** End Patch"
_END_OF_FILE: Final = "*** End of File"
_MOVE: Final = "*** Move to:"
_RANGE: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_GIT_LINES: Final = (
    "index ",
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "similarity index ",
)
_FORMAT: Final = (
    "Next: send the whole patch again as\n*** Begin Patch\n*** Update File: path\n@@ the line that opens the "
    "function (if needed)\n context line\n-old line\n+new line\n*** End Patch"
)


class Action(StrEnum):
    ADD = "Add"
    UPDATE = "Update"
    DELETE = "Delete"


@dataclass(frozen=True)
class Hunk:
    """`line_hint`: the line, from 1, that a unified diff names; only ever decides between equal places."""

    at: int  # line of the patch, from 1
    anchors: tuple[str, ...] = ()
    steps: tuple[StepLine, ...] = ()
    at_end: bool = False
    line_hint: int | None = None


@dataclass(frozen=True)
class Section:
    """`path` as written. `stripped`: the same without `a/` or `b/`, when it came as a unified diff."""

    action: Action
    path: str
    at: int
    hunks: tuple[Hunk, ...] = ()
    move_to: str | None = None
    content: tuple[str, ...] = ()  # of an Add, lines without endings
    stripped: str | None = None


@dataclass(frozen=True)
class Patch:
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


@dataclass
class _Reader:
    """The patch's lines and where we are; `first` is the number of its first line in the text as sent."""

    lines: list[str]
    first: int
    at: int = 0
    notes: dict[str, None] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return self.lines[self.at]

    @property
    def number(self) -> int:
        return self.first + self.at

    def more(self) -> bool:
        return self.at < len(self.lines)

    def ahead(self, offset: int) -> str:
        at = self.at + offset
        return self.lines[at] if at < len(self.lines) else ""

    def note(self, text: str) -> None:
        self.notes[text] = None

    def fault(self, reason: str) -> ForModel:
        return _fault(f"Line {self.number} of the patch: {reason}")


def _fault(reason: str) -> ForModel:
    return ForModel(f"Nothing was written. {reason}\n{_FORMAT}")


def parse_patch(text: str) -> Patch:
    """Sections in the order written, with notes on what was converted. Raises ForModel."""
    reader = _unwrap(text)
    sections: list[Section] = []
    while reader.more():
        if not reader.line.strip():
            reader.at += 1
            continue
        sections.append(_section(reader))
        if len(sections) > limits.PATCH_FILES:
            raise _fault(f"The patch changes more than {limits.PATCH_FILES} files.")
    if not sections:
        raise _fault("The patch names no file.")
    return Patch(tuple(sections), tuple(reader.notes))


def _unwrap(text: str) -> _Reader:
    """Take off what stands around the envelope: fences, here-document, prose before and behind."""
    lines = text.replace("\r\n", "\n").split("\n")
    begin = next((n for n, line in enumerate(lines) if line.strip() == BEGIN), None)
    start = 0 if begin is None else begin + 1
    if begin is None:
        start = next((n for n, line in enumerate(lines) if _opens_section(lines, n)), len(lines))
    reader = _Reader([], start + 1)
    if any(line.strip() for line in lines[: start if begin is None else begin]):
        reader.note("text before the patch (fence, here-document) was ignored")
    end = next((n for n in range(start, len(lines)) if _is_end(lines, n)), None)
    if end is None:
        end = len(lines)
        while end > start and _is_wrapping(lines[end - 1]):
            end -= 1
        if any(line.startswith("*** ") for line in (*lines[:start], *lines[start : start + 1])):
            reader.note(f"`{END}` was missing")
    elif any(line.strip() == BEGIN for line in lines[end:]):
        raise _fault("There are two patches in one call.")
    elif any(line.strip() for line in lines[end + 1 :]):
        reader.note("text behind the patch was ignored")
    if begin is None and start < len(lines) and lines[start].startswith("*** "):
        reader.note(f"`{BEGIN}` was missing")
    reader.lines = lines[start:end]
    return reader


def _is_end(lines: Sequence[str], n: int) -> bool:
    """The marker; indented (then it could be a context line) only as the last thing in the text."""
    if lines[n].rstrip() == END:
        return True
    return lines[n].strip() == END and all(_is_wrapping(line) for line in lines[n + 1 :])


def _is_wrapping(line: str) -> bool:
    stripped = line.strip()
    return not stripped or stripped.startswith("```") or stripped.strip("'\")") in ("EOF", "PATCH", "")


def _opens_section(lines: Sequence[str], n: int) -> bool:
    return lines[n].startswith(("*** Add File:", "*** Update File:", "*** Delete File:", "diff --git ")) or (
        _is_unified_header(lines, n)
    )


def _is_unified_header(lines: Sequence[str], n: int) -> bool:
    """`---` and `+++` alone could be a dropped `-- ` and an added `++ ` line: a hunk must follow."""
    if n + 1 >= len(lines) or not (lines[n].startswith("--- ") and lines[n + 1].startswith("+++ ")):
        return False
    return "/dev/null" in (_header_path(lines[n]), _header_path(lines[n + 1])) or (
        n + 2 < len(lines) and lines[n + 2].startswith("@@")
    )


def _section(reader: _Reader) -> Section:
    at, line = reader.number, reader.line
    for action in Action:
        head = f"*** {action} File:"
        if line.startswith(head):
            reader.at += 1
            path = line[len(head) :].strip()
            if not path:
                raise reader.fault(f"`{head}` names no path.")
            return _v4a_section(reader, Section(action, path, at))
    if line.startswith("diff --git ") or _is_unified_header(reader.lines, reader.at):
        reader.note("a unified diff was converted; its line numbers do not count, its context does")
        return _unified_section(reader)
    raise reader.fault(f"`{line[:80]}` opens no file (expected `*** Add|Update|Delete File: path`).")


def _v4a_section(reader: _Reader, section: Section) -> Section:
    if section.action is Action.ADD:
        return replace(section, content=_added_lines(reader))
    if section.action is Action.DELETE:
        while reader.more() and not reader.line.strip():
            reader.at += 1
        return section
    if reader.more() and reader.line.startswith(_MOVE):
        section = replace(section, move_to=reader.line[len(_MOVE) :].strip())
        if not section.move_to:
            raise reader.fault(f"`{_MOVE}` names no path.")
        reader.at += 1
    if reader.more() and _is_unified_header(reader.lines, reader.at):
        reader.note("`---` and `+++` headers below `*** Update File` were ignored")
        reader.at += 2
    return replace(section, hunks=_hunks(reader, unified=False))


def _added_lines(reader: _Reader) -> tuple[str, ...]:
    lines: list[str] = []
    while reader.more() and not _ends_section(reader, unified=False):
        line = reader.line
        if line.startswith("+"):
            lines.append(line[1:])
        elif not line.strip():
            lines.append("")
        elif line.rstrip() == _END_OF_FILE:
            pass
        else:
            raise reader.fault("every line of an added file begins with `+`.")
        reader.at += 1
    while lines and lines[-1] == "" and not reader.lines[reader.at - 1].startswith("+"):
        lines.pop()  # blank lines between two sections
        reader.at -= 1
    while reader.more() and not reader.line.strip():
        reader.at += 1
    return tuple(lines)


def _ends_section(reader: _Reader, *, unified: bool) -> bool:
    line = reader.line
    if line.startswith("*** ") and line.rstrip() != _END_OF_FILE:
        return True
    return line.startswith("diff --git ") or (unified and _is_unified_header(reader.lines, reader.at))


def _hunks(reader: _Reader, *, unified: bool) -> tuple[Hunk, ...]:
    hunks: list[Hunk] = []
    while reader.more() and not _ends_section(reader, unified=unified):
        if not reader.line.strip() and not hunks and reader.ahead(1).startswith("@@"):
            reader.at += 1
            continue
        hunk = _hunk(reader, unified=unified)
        if hunk.at_end or any(line.body or line.step is not Step.KEEP for line in hunk.steps):
            hunks.append(hunk)
    return tuple(hunks)


def _hunk(reader: _Reader, *, unified: bool) -> Hunk:
    hunk = Hunk(reader.number)
    anchors: list[str] = []
    while reader.more() and reader.line.startswith("@@"):
        numbers = _RANGE.match(reader.line)
        if numbers is not None:
            reader.note("a unified diff was converted; its line numbers do not count, its context does")
            hunk = replace(hunk, line_hint=int(numbers[1]))
        elif (anchor := reader.line[2:].strip().removesuffix("@@").strip()) != "":
            anchors.append(anchor)
        reader.at += 1
    steps: list[StepLine] = []
    at_end = False
    while reader.more() and not reader.line.startswith("@@") and not _ends_section(reader, unified=unified):
        line = reader.line
        reader.at += 1
        if line.rstrip() == _END_OF_FILE:
            at_end = True
            break
        if line.startswith("\\ No newline"):
            continue
        steps.append(_step(reader, line))
    if anchors and not steps:
        reader.at -= 1
        raise reader.fault("the anchor has no hunk below it.")
    return replace(hunk, anchors=tuple(anchors), steps=tuple(steps), at_end=at_end)


def _step(reader: _Reader, line: str) -> StepLine:
    if not line:
        return StepLine(Step.KEEP, "")
    try:
        return StepLine(Step(line[0]), line[1:])
    except ValueError:
        reader.at -= 1
        raise reader.fault(
            f"`{line[:80]}` begins with neither a blank (context), `-` nor `+`. "
            "Context lines need one blank in front."
        ) from None


def _unified_section(reader: _Reader) -> Section:
    """One file of a unified diff: git's extended header, the `---`/`+++` pair, hunks."""
    at = reader.number
    old, new, renamed = _git_header(reader)
    if _is_unified_header(reader.lines, reader.at):
        old, new = _header_path(reader.line), _header_path(reader.ahead(1))
        reader.at += 2
    elif not renamed and "/dev/null" not in (old, new):
        raise reader.fault("a file of a unified diff has no `---` and `+++` lines.")
    hunks = _hunks(reader, unified=True)
    if old == "/dev/null":
        content = tuple(line.body for hunk in hunks for line in hunk.steps if line.step is Step.PUT)
        return Section(Action.ADD, new, at, content=content, stripped=_stripped(new))
    if new == "/dev/null":
        return Section(Action.DELETE, old, at, stripped=_stripped(old))
    moved = _stripped(new) or new
    same = moved == (_stripped(old) or old)
    return Section(Action.UPDATE, old, at, hunks, None if same else moved, stripped=_stripped(old))


def _git_header(reader: _Reader) -> tuple[str, str, bool]:
    """Old and new path of a `diff --git` header (empty if there is none), and whether it is a rename."""
    if not reader.line.startswith("diff --git "):
        return "", "", False
    names = re.fullmatch(r"diff --git (a/.+) (b/.+)", reader.line.rstrip())
    old, new = (names[1], names[2]) if names else ("", "")
    renamed = False
    reader.at += 1
    while reader.more() and reader.line.startswith((*_GIT_LINES, "rename ")):
        if reader.line.startswith("deleted file mode "):
            new = "/dev/null"
        elif reader.line.startswith("new file mode "):
            old = "/dev/null"
        renamed = renamed or reader.line.startswith("rename ")
        reader.at += 1
    return old, new, renamed


def _header_path(line: str) -> str:
    """The path of a `---` or `+++` line, without a time stamp behind it."""
    return line[4:].split("\t")[0].strip()


def _stripped(path: str) -> str | None:
    return path[2:] if path.startswith(("a/", "b/")) and len(path) > 2 else None
