"""A patch over the files that it names: all of them or none. Pure: reads through a function, writes nothing.

Races: none here. The caller reads and writes under the workspace's one-at-a-time rule, writes all changes of
a plan together, keeps mode bits, and gives a moved file the mode of `moved_from`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bot.domain.ids import RepoPath
from bot.domain.paths import UnsafePath, parse_repo_path
from bot.editing import explain
from bot.editing.locate import Located, locate_hunks
from bot.editing.match import Rung
from bot.editing.patch_parse import Action, Section, parse_patch
from bot.editing.splice import Place, assemble, splice
from bot.editing.syntax import check_syntax
from bot.editing.text import decode_text, encode_text
from bot.editing.write import new_file
from bot.errors import ForModel

Read = Callable[[RepoPath], bytes | None]
"""A regular file's content; None if there is none, also for a directory. May raise ForModel (too large)."""

_SHOWN_HUNKS = 8
"""Changes shown in one answer: eight of twenty lines stay below a tenth of the output's limit."""


@dataclass(frozen=True)
class FileChange:
    """`content` None: delete. A move is two changes: the old path deleted, the new one with `moved_from`."""

    path: RepoPath
    content: bytes | None
    moved_from: RepoPath | None = None


@dataclass(frozen=True)
class PatchPlan:
    changes: tuple[FileChange, ...]
    summary: str  # for the model: what changed, the lines as they now read, what was converted


@dataclass(frozen=True)
class _Updated:
    content: bytes
    shown: tuple[str, ...]
    rungs: frozenset[Rung]


def apply_patch(text: str, read: Read, names: Collection[str] = ()) -> PatchPlan:
    """The changes of the whole patch. Raises ForModel if any part can't be applied: then write nothing.

    `names` are the repository's paths, to suggest the one that was meant when a file is missing.
    """
    patch = parse_patch(text)
    notes = list(patch.notes)
    changes: list[FileChange] = []
    lines: list[str] = []
    shown: list[str] = []
    for section in patch.sections:
        path = _resolve(section, read, notes)
        match section.action:
            case Action.ADD:
                changes.append(_add(path, section, read))
                lines.append(f"A {path} (new, lines: {len(section.content)})")
            case Action.DELETE:
                _read_existing(path, read, names)
                changes.append(FileChange(path, None))
                lines.append(f"D {path}")
            case Action.UPDATE:
                updated, moved = _update(path, section, read, names)
                changes.extend(moved)
                lines.append(f"M {path}" + (f" -> {moved[-1].path}" if len(moved) > 1 else ""))
                notes.extend(f"{path}: matched {rung.value}" for rung in Rung if rung in updated.rungs)
                shown.extend(updated.shown)
    _refuse_collisions(changes)
    return PatchPlan(tuple(changes), _summary(lines, notes, shown))


def _summary(lines: Sequence[str], notes: Sequence[str], shown: Sequence[str]) -> str:
    parts = ["Patch applied:", *lines]
    parts.extend(f"Note: {note}." for note in dict.fromkeys(notes))
    parts.extend(shown[:_SHOWN_HUNKS])
    if len(shown) > _SHOWN_HUNKS:
        parts.append(f"({len(shown) - _SHOWN_HUNKS} more changes are not shown.)")
    return "\n".join(parts)


def _path(text: str) -> RepoPath:
    try:
        return parse_repo_path(text)
    except UnsafePath as error:
        raise ForModel(
            f"Nothing was written. {error}.\nNext: send the whole patch again with paths below the root."
        ) from error


def _resolve(section: Section, read: Read, notes: list[str]) -> RepoPath:
    """`a/` and `b/` are taken off unified diffs, and off other paths only if no such file exists."""
    if section.stripped is not None:
        stripped = _path(section.stripped)
        if section.action is Action.ADD or read(stripped) is not None:
            return stripped
        return _path(section.path)
    path = _path(section.path)
    if section.action is not Action.ADD and path.startswith(("a/", "b/")) and read(path) is None:
        stripped = _path(path[2:])
        if read(stripped) is not None:
            notes.append(f"`{path}` was read as `{stripped}`")
            return stripped
    return path


def _read_existing(path: RepoPath, read: Read, names: Collection[str]) -> bytes:
    content = read(path)
    if content is None:
        raise explain.missing_file(path, names)
    return content


def _refuse_existing(path: RepoPath, read: Read, what: str) -> None:
    if read(path) is not None:
        raise explain.refuse(
            path,
            f"it exists already, so it can't be {what}.",
            "Next: use `*** Update File:`, or another name.",
        )
    parts = path.split("/")
    for depth in range(1, len(parts)):
        parent = RepoPath("/".join(parts[:depth]))
        if read(parent) is not None:
            raise explain.refuse(
                path, f"`{parent}` is a file, not a directory.", "Next: choose another path."
            )


def _add(path: RepoPath, section: Section, read: Read) -> FileChange:
    _refuse_existing(path, read, "added")
    return FileChange(path, new_file(path, "".join(line + "\n" for line in section.content)))


def _update(
    path: RepoPath, section: Section, read: Read, names: Collection[str]
) -> tuple[_Updated, list[FileChange]]:
    before = _read_existing(path, read, names)
    if not section.hunks and section.move_to is None:
        raise explain.refuse(path, f"the section at line {section.at} of the patch has no hunk.")
    target = path if section.move_to is None else _path(section.move_to)
    updated = _Updated(before, (), frozenset())
    if section.hunks:
        updated = _apply_hunks(path, before, section)
    if target == path:
        if updated.content == before:
            raise explain.refuse(path, "the patch changes nothing there: its old and new lines are the same.")
        return updated, [FileChange(path, updated.content)]
    _refuse_existing(target, read, "the target of a move")
    return updated, [FileChange(path, None), FileChange(target, updated.content, moved_from=path)]


def _apply_hunks(path: RepoPath, before: bytes, section: Section) -> _Updated:
    text = decode_text(before, path)
    located = locate_hunks(path, text.bodies, section.hunks)
    replacements = [
        splice(
            text, Place(place.match.start, place.match.end, place.match.rung, place.match.shift), place.steps
        )
        for place in located
    ]
    after = encode_text(assemble(text, replacements), text, path)
    broken = check_syntax(path, before, after)
    if broken is not None:
        raise explain.refuse(
            path,
            f"the patch was rolled back, because the file would not parse any more: {broken}",
            "Next: send the whole patch again so that the file stays valid.",
        )
    rungs = frozenset(place.match.rung for place in located) - {Rung.EXACT}
    return _Updated(after, _shown(path, after, located), rungs)


def _shown(path: RepoPath, after: bytes, located: Sequence[Located]) -> tuple[str, ...]:
    bodies = decode_text(after, path).bodies
    moved = 0
    shown: list[str] = []
    for place in located:
        start = place.match.start + moved
        size = sum(line.step != "-" for line in place.steps)
        shown.append(
            f"{path}, lines {start + 1}-{max(start + size, start + 1)}:\n"
            + explain.number_lines(bodies, start - 1, start + size + 1)
        )
        moved += size - (place.match.end - place.match.start)
    return tuple(shown)


def _refuse_collisions(changes: Sequence[FileChange]) -> None:
    """Each path at most once, and no path that needs another one to be a directory."""
    seen: set[str] = set()
    for change in changes:
        if change.path in seen:
            raise explain.refuse(
                change.path,
                "the patch names it twice.",
                "Next: send the whole patch again with one section for each file, several hunks in it.",
            )
        seen.add(change.path)
    written = {change.path for change in changes if change.content is not None}
    for path in written:
        parts = path.split("/")
        parent = next(
            ("/".join(parts[:n]) for n in range(1, len(parts)) if "/".join(parts[:n]) in written), None
        )
        if parent is not None:
            raise explain.refuse(
                path, f"the patch makes `{parent}` a file as well.", "Next: rename one of them."
            )
