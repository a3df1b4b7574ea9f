"""Replace one string in one file: the `edit` tool of models that do not write patches. Bytes in, bytes out.

The string may begin and end within a line. It must be in the file exactly once (or `replace_all`), first as
it is, then by the rungs of `match`. Line endings never count in the comparison; the file's own are written.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from bot.editing import explain
from bot.editing.match import Haystack, Match, Rung, fold
from bot.editing.splice import Place, Replacement, assemble, diff_steps, splice
from bot.editing.syntax import check_syntax
from bot.editing.text import SourceText, decode_text, encode_text, ending_of, split_sent

_APPLIED_CHARACTERS: Final = 4
"""A shorter new text is found somewhere in most files: it can't tell that the edit was made before."""


@dataclass(frozen=True)
class EditResult:
    """`span`: first and last changed line, from 1, in the new content (of the first and last place)."""

    content: bytes
    rung: Rung
    span: tuple[int, int]
    message: str
    count: int = 1


@dataclass(frozen=True)
class _Job:
    text: SourceText
    old: str  # with `\n` alone
    new: str
    path: str


def apply_edit(
    content: bytes, old_string: str, new_string: str, replace_all: bool = False, path: str = "the file"
) -> EditResult:
    """The content with `old_string` replaced. Raises ForModel: not found, not unique, no change, broken.

    `path` is for the texts and for the choice of the syntax check.
    """
    text = decode_text(content, path)
    job = _Job(text, old_string.replace("\r\n", "\n"), new_string.replace("\r\n", "\n"), path)
    _refuse_empty(job)
    view = "\n".join(text.bodies) + ("\n" if text.raw and text.ends_in_newline else "")
    rung, replacements = _replacements(job, view, replace_all)
    raw = assemble(text, replacements)
    after = encode_text(raw, text, path)
    if after == content:
        raise explain.refuse(path, "the edit changes nothing: the lines already read like `new_string`.")
    broken = check_syntax(path, content, after)
    if broken is not None:
        raise explain.refuse(
            path,
            f"the edit was rolled back, because the file would not parse any more: {broken}",
            "Next: send the edit again so that the whole file stays valid.",
        )
    return _result(after, rung, replacements)


def _refuse_empty(job: _Job) -> None:
    if not job.old:
        raise explain.refuse(
            job.path,
            "`old_string` is empty.",
            "Next: send the lines to replace, or use write_file for a new file.",
        )
    if job.old == job.new:
        raise explain.refuse(
            job.path,
            "`old_string` and `new_string` are the same (line endings do not count).",
            "Next: send the text that should stand there instead.",
        )


def _replacements(job: _Job, view: str, replace_all: bool) -> tuple[Rung, list[Replacement]]:
    """The first rung with a match decides."""
    spans, total = _find_spans(view, job.old, replace_all)
    if spans:
        _refuse_ambiguous(job, [_line_of(view, a) for a, _ in spans], total, replace_all)
        return Rung.EXACT, _by_characters(job, spans, Rung.EXACT)
    old, new = split_sent(job.old), split_sent(job.new)
    if old[-1] == "" and len(old) > 1:
        old.pop()
        if new[-1] == "":
            new.pop()
    matches = Haystack(job.text.bodies).first_rung(old, new)
    if matches:
        _refuse_ambiguous(job, [match.start for match in matches], len(matches), replace_all)
        return matches[0].rung, _by_lines(job, matches, old, new)
    folded = fold(job.old)
    spans, total = _find_spans(fold(view), folded, replace_all) if folded.strip() else ([], 0)
    if spans:
        _refuse_ambiguous(job, [_line_of(view, a) for a, _ in spans], total, replace_all)
        return Rung.PUNCTUATION, _by_characters(job, spans, Rung.PUNCTUATION)
    raise _not_found(job, view, old)


def _find_spans(view: str, wanted: str, replace_all: bool) -> tuple[list[tuple[int, int]], int]:
    """Character spans: all that do not overlap for `replace_all`, else the first dozen, overlapping too."""
    spans: list[tuple[int, int]] = []
    at = view.find(wanted)
    while at >= 0:
        spans.append((at, at + len(wanted)))
        if not replace_all and len(spans) > 12:
            break
        at = view.find(wanted, at + (len(wanted) if replace_all else 1))
    return spans, max(len(spans), view.count(wanted)) if len(spans) > 12 else len(spans)


def _by_characters(job: _Job, spans: Sequence[tuple[int, int]], rung: Rung) -> list[Replacement]:
    """Widen each span to whole lines (spans that share lines together), then splice line by line."""
    starts = [0, *accumulate(len(body) + 1 for body in job.text.bodies)]
    replacements: list[Replacement] = []
    group: list[tuple[int, int]] = []
    limit = 0  # lines before it belong to the group
    for span in spans:
        if group and _line_at(starts, span[0]) >= limit:
            replacements.append(_splice_group(job, group, _Region(starts, limit), rung))
            group = []
        group.append(span)
        limit = _end_line(job, starts, span)
    replacements.append(_splice_group(job, group, _Region(starts, limit), rung))
    return replacements


@dataclass(frozen=True)
class _Region:
    """Offsets at which the lines start, and the line behind the region's last."""

    starts: Sequence[int]
    end: int


def _line_at(starts: Sequence[int], offset: int) -> int:
    return min(bisect_right(starts, offset) - 1, len(starts) - 2)


def _end_line(job: _Job, starts: Sequence[int], span: tuple[int, int]) -> int:
    """The line behind the last that the span touches. If the new text no longer ends the line that the old
    one ended, the next line is joined to it and belongs to the span too."""
    last = _line_at(starts, span[1] - 1)
    if not job.old.endswith("\n") or _is_whole(job, starts, span):
        return last + 1
    return min(last + 2, len(job.text.raw))


def _is_whole(job: _Job, starts: Sequence[int], span: tuple[int, int]) -> bool:
    """Whether the span ends with a line's ending, and what replaces it does so too (or is nothing)."""
    if not job.old.endswith("\n"):
        return False
    return job.new.endswith("\n") or (not job.new and span[0] == starts[_line_at(starts, span[0])])


def _splice_group(job: _Job, group: Sequence[tuple[int, int]], region: _Region, rung: Rung) -> Replacement:
    text, end = job.text, region.end
    start = _line_at(region.starts, group[0][0])
    base = region.starts[start]
    unended = end == len(text.raw) and not text.ends_in_newline
    there = "\n".join(text.bodies[start:end]) + ("" if unended else "\n")
    old_parts: list[str] = []
    new_parts: list[str] = []
    at = 0
    for a, b in group:
        between = there[at : a - base]
        old_parts.extend((between, job.old))
        new_parts.extend((between, job.new))
        at = b - base
    old, new = "".join((*old_parts, there[at:])), "".join((*new_parts, there[at:]))
    final = new.endswith("\n") if end == len(text.raw) else None
    last = ending_of(text.raw[end - 1])
    outside = last and new.endswith("\n") and not _is_whole(job, region.starts, group[-1])
    place = Place(start, end, rung, final_newline=final, last_ending=last if outside else None)
    return splice(text, place, diff_steps(_lines(old), _lines(new)))


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _by_lines(job: _Job, matches: Sequence[Match], old: list[str], new: list[str]) -> list[Replacement]:
    replacements: list[Replacement] = []
    steps = diff_steps(old, new)
    limit = 0
    for match in matches:
        if match.start >= limit:
            replacements.append(
                splice(job.text, Place(match.start, match.end, match.rung, match.shift), steps)
            )
            limit = match.end
    return replacements


def _refuse_ambiguous(job: _Job, starts: Sequence[int], total: int, replace_all: bool) -> None:
    if len(starts) == 1 or replace_all:
        return
    raise explain.refuse(
        job.path,
        f"`old_string` matches {total} places: {explain.list_lines(starts, total)}.",
        "Next: add the line before or after to `old_string` so that it is unique, or set replace_all.",
    )


def _not_found(job: _Job, view: str, old: Sequence[str]) -> Exception:
    if len(job.new.strip()) >= _APPLIED_CHARACTERS and job.new in view:
        line = _line_of(view, view.find(job.new)) + 1
        return explain.refuse(
            job.path,
            f"already applied: `new_string` is at line {line} and `old_string` is not there. Nothing to do.",
            "Next: go on; read the file only if you meant another place.",
        )
    return explain.refuse(
        job.path,
        f"no match for `old_string` ({len(old)} line{'s' if len(old) > 1 else ''}).",
        explain.near_miss(job.text.bodies, old),
        "Next: send the edit again with `old_string` exactly as the file reads.",
    )


def _line_of(view: str, offset: int) -> int:
    return view.count("\n", 0, offset)


def _result(after: bytes, rung: Rung, replacements: Sequence[Replacement]) -> EditResult:
    bodies = decode_text(after, "").bodies
    spans: list[tuple[int, int]] = []
    moved = 0
    for replacement in replacements:
        start = replacement.start + moved
        spans.append((start, start + len(replacement.raw)))
        moved += len(replacement.raw) - (replacement.end - replacement.start)
    how = "" if rung is Rung.EXACT else f" Matched {rung.value}."
    places = f"{len(spans)} places" if len(spans) > 1 else "1 place"
    shown = "\n     …\n".join(explain.around(bodies, a, b) for a, b in spans[:3])
    message = f"Edited {places}.{how} Now:\n{shown}"
    return EditResult(
        after, rung, (spans[0][0] + 1, max(spans[-1][1], spans[-1][0] + 1)), message, len(spans)
    )
