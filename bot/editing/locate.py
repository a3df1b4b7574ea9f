"""Where the hunks of one file belong: one place for each, or an error that says why not.

Anchors (`@@ def f():`) must exist, and a hunk lies in the block that its anchor opens. Hunks come in
the order of the file. A hunk that fits several places is no error if anchors and order leave exactly one
arrangement: the leftmost and the rightmost are the same. "The first that fits" is never taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.editing import explain
from bot.editing.match import Haystack, Match, Rung, fold, indent_of
from bot.editing.patch_parse import Hunk
from bot.editing.splice import Step, StepLine
from bot.editing.text import BLANKS
from bot.errors import ForModel

_ANCHOR_PLACES: Final = 200
"""An anchor that stands in a file more often (a brace) names no place."""
_AGAIN: Final = "Next: send the whole patch again with the lines exactly as the file reads."


@dataclass(frozen=True)
class Located:
    """A hunk at its place. `steps` may lack blank context lines at its edges that the file does not have."""

    match: Match
    steps: tuple[StepLine, ...]


@dataclass(frozen=True)
class _File:
    path: str
    hay: Haystack

    @property
    def bodies(self) -> Sequence[str]:
        return self.hay.bodies

    def refuse(self, hunk: Hunk, reason: str, *parts: str) -> ForModel:
        return explain.refuse(self.path, f"{reason} (hunk at line {hunk.at} of the patch).", *parts)


def locate_hunks(path: str, bodies: Sequence[str], hunks: Sequence[Hunk]) -> list[Located]:
    """The one place of each hunk. Raises ForModel: not found, wrong anchor, ambiguous, out of order."""
    file = _File(path, Haystack(bodies))
    candidates = [_candidates(file, hunk) for hunk in hunks]
    leftmost: list[int] = []
    at = 0
    for hunk, places in zip(hunks, candidates, strict=True):
        index = next((n for n, place in enumerate(places) if place.match.start >= at), None)
        if index is None:
            starts = [place.match.start for place in places]
            raise file.refuse(
                hunk,
                f"the hunk fits {explain.list_lines(starts)}, which is before or inside the hunk above it",
                "Next: send the whole patch again with the hunks in the order of the file, without overlap.",
            )
        leftmost.append(index)
        at = places[index].match.end
    _refuse_ambiguous(file, hunks, candidates, leftmost)
    return [places[index] for places, index in zip(candidates, leftmost, strict=True)]


def _refuse_ambiguous(
    file: _File, hunks: Sequence[Hunk], candidates: Sequence[list[Located]], leftmost: Sequence[int]
) -> None:
    limit = len(file.bodies)
    for n in range(len(hunks) - 1, -1, -1):
        places = candidates[n]
        index = max(k for k, place in enumerate(places) if place.match.end <= limit)
        if index != leftmost[n]:
            starts = [place.match.start for place in places[leftmost[n] : index + 1]]
            raise file.refuse(
                hunks[n],
                f"the hunk fits {len(starts)} places: {explain.list_lines(starts)}",
                "Next: send the whole patch again with more context lines in this hunk, or an `@@` line that "
                "opens the right function.",
            )
        limit = places[index].match.start


def _candidates(file: _File, hunk: Hunk) -> list[Located]:
    regions = _anchor_regions(file, hunk)
    old = [line.body for line in hunk.steps if line.step is not Step.PUT]
    if not old:
        return [_insertion(file, hunk, regions)]
    for steps in _variants(hunk.steps):
        found = _search(file, hunk, steps, regions)
        if found:
            return found
    raise _not_found(file, hunk, old, regions)


def _variants(steps: tuple[StepLine, ...]) -> list[tuple[StepLine, ...]]:
    """The hunk, and without the empty context lines at its edges: models put blank lines between hunks."""
    start, end = 0, len(steps)
    while start < end and steps[start].step is Step.KEEP and not steps[start].body.strip(BLANKS):
        start += 1
    while end > start and steps[end - 1].step is Step.KEEP and not steps[end - 1].body.strip(BLANKS):
        end -= 1
    variants = [steps, steps[:end], steps[start:end]]
    return [
        v for n, v in enumerate(variants) if v not in variants[:n] and any(s.step is not Step.PUT for s in v)
    ]


def _search(
    file: _File, hunk: Hunk, steps: tuple[StepLine, ...], regions: list[tuple[int, int]] | None
) -> list[Located]:
    """Places on the first rung that has any where the anchors allow it."""
    old = [line.body for line in steps if line.step is not Step.PUT]
    new = [line.body for line in steps if line.step is Step.PUT]
    everywhere = [(0, len(file.bodies))]
    allowed = [regions or everywhere]
    if regions:  # a block's end is a guess by indentation: failing it, anything behind the anchor may serve
        allowed.append([(min(start for start, _ in regions), len(file.bodies))])
    for spans in allowed:
        for rung in Rung:
            found = [m for m in file.hay.matches(old, rung, new) if _is_inside(m, spans)]
            if hunk.at_end:
                found = [m for m in found if m.end == len(file.bodies)]
            if found:
                hinted = [m for m in found if m.start + 1 == hunk.line_hint]
                return [Located(match, steps) for match in hinted or found]
    return []


def _is_inside(match: Match, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= match.start < end for start, end in spans)


def _insertion(file: _File, hunk: Hunk, regions: list[tuple[int, int]] | None) -> Located:
    """A hunk of added lines alone: at the end of the file if it says so, or right behind its one anchor."""
    size = len(file.bodies)
    if hunk.at_end or not size:
        return Located(Match(size, size, Rung.EXACT), hunk.steps)
    if regions is None:
        raise file.refuse(
            hunk,
            "the hunk has only `+` lines, so its place is unknown",
            "Next: add the context line before or after them, an `@@` line, or `*** End of File` to append.",
        )
    if len(regions) > 1:
        starts = [start for start, _ in regions]
        raise file.refuse(
            hunk,
            f"the anchor `{hunk.anchors[-1]}` fits {len(starts)} places: {explain.list_lines(starts)}",
            "Next: add a context line, or a second `@@` line above that names the class.",
        )
    behind = regions[0][0] + 1
    return Located(Match(behind, behind, Rung.EXACT), hunk.steps)


def _anchor_regions(file: _File, hunk: Hunk) -> list[tuple[int, int]] | None:
    """The blocks that the innermost anchor may open: line of the anchor, line behind the block's last."""
    regions: list[tuple[int, int]] | None = None
    for anchor in hunk.anchors:
        places = _anchor_places(file.bodies, anchor)
        if regions is not None:
            inside = [n for n in places if any(start < n < end for start, end in regions)]
            first = min(start for start, _ in regions)
            places = inside or [n for n in places if n > first]
        if not places:
            raise file.refuse(
                hunk,
                f"there is no line `{anchor}` for the anchor",
                explain.near_miss(file.bodies, [anchor]),
                "Next: send the whole patch again with an `@@` line that stands in the file, or without it.",
            )
        if len(places) > _ANCHOR_PLACES:
            raise file.refuse(
                hunk,
                f"the anchor `{anchor}` fits {len(places)} places",
                "Next: use the line that opens the function or class.",
            )
        regions = [(n, _block_end(file.bodies, n)) for n in places]
    return regions


def _anchor_places(bodies: Sequence[str], anchor: str) -> list[int]:
    """Lines that are the anchor (blanks aside), else that begin with it: `class A` for `class A(Base):`."""
    wanted = anchor.strip(BLANKS)
    equal = [n for n, body in enumerate(bodies) if body.strip(BLANKS) == wanted]
    if equal:
        return equal
    folded = fold(wanted)
    plain = [fold(body).strip(BLANKS) for body in bodies]
    equal = [n for n, body in enumerate(plain) if body == folded]
    return equal or [n for n, body in enumerate(plain) if _begins_with(body, folded)]


def _begins_with(body: str, anchor: str) -> bool:
    return body.startswith(anchor) and not (body[len(anchor)].isalnum() or body[len(anchor)] == "_")


def _block_end(bodies: Sequence[str], anchor: int) -> int:
    """Behind the last line indented more than the anchor. Lines that only close or open do not end it."""
    depth = len(indent_of(bodies[anchor]).expandtabs())
    deeper = False
    for n in range(anchor + 1, len(bodies)):
        core = bodies[n].strip(BLANKS)
        if not core:
            continue
        if len(indent_of(bodies[n]).expandtabs()) > depth:
            deeper = True
        elif deeper and not core.startswith((")", "]", "{")):
            return n + 1 if core.startswith("}") else n
    return len(bodies)


def _not_found(
    file: _File, hunk: Hunk, old: Sequence[str], regions: list[tuple[int, int]] | None
) -> ForModel:
    elsewhere = file.hay.first_rung(old)
    if elsewhere:
        starts = [match.start for match in elsewhere]
        if hunk.at_end:
            why = f"`*** End of File` is wrong: the block is at {explain.list_lines(starts)}"
            return file.refuse(hunk, f"{why}, the file has {len(file.bodies)} lines", _AGAIN)
        if regions is not None:
            anchors = explain.list_lines([start for start, _ in regions])
            why = f"the anchor `{hunk.anchors[-1]}` is wrong: it is at {anchors}, behind the block"
            return file.refuse(hunk, f"{why} at {explain.list_lines(starts)}", _AGAIN)
    new = [line.body for line in hunk.steps if line.step is not Step.DROP]
    applied = file.hay.first_rung(new) if any(line.step is Step.PUT for line in hunk.steps) else []
    if applied and any(body.strip(BLANKS) for body in new):
        lines = explain.list_lines([match.start for match in applied])
        return file.refuse(
            hunk,
            f"already applied: the hunk's new text is at {lines}",
            "Next: send the rest of the patch without this hunk, or go on if nothing is left.",
        )
    return file.refuse(
        hunk, f"no match for the hunk's {_count(old)}", explain.near_miss(file.bodies, old), _AGAIN
    )


def _count(old: Sequence[str]) -> str:
    return "old line" if len(old) == 1 else f"{len(old)} old lines"
