"""What a review found: anchored to the lines that the diff shows, without repetitions, and no more than a person
reads. Pure.

GitHub refuses a whole review for one comment beside the diff, so every anchor is checked here first: a comment may
stand on a line that some hunk shows, a range within one hunk. What can't be anchored is not lost: it goes into the
review's own text.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.domain import limits
from bot.domain.unified_diff import DiffHunk, FileDiff


class Priority(StrEnum):
    P0 = "P0"  # must not be merged: data loss, a security hole, it does not work at all
    P1 = "P1"  # should be mended before the merge
    P2 = "P2"  # should be mended some time
    P3 = "P3"  # a remark


class Side(StrEnum):
    """Of the diff, as GitHub names them."""

    RIGHT = "RIGHT"
    LEFT = "LEFT"  # only of a deleted file


@dataclass(frozen=True)
class Shown:
    """How a reproduction ended (`exit 1`, `timeout`) when the harness ran it over the head and over its base, and the
    end of what it printed over the head."""

    head: str
    base: str
    output: str = ""


@dataclass(frozen=True)
class Finding:
    """`start` and `end`: line numbers from 1, both included, of the new file (of the old one if it is deleted).
    `snippet`: text that stands on these lines, as far as the model copied it. `suggestion` replaces exactly those
    lines; empty is none. `reproduction` is a script for bash, `shown` what came of it."""

    path: str
    start: int
    end: int
    priority: Priority
    title: str
    body: str
    suggestion: str = ""
    reproduction: str = ""
    snippet: str = ""
    shown: Shown | None = None


@dataclass(frozen=True)
class Anchored:
    """A comment that GitHub takes. `finding.start` and `finding.end` lie within one hunk."""

    finding: Finding
    side: Side


@dataclass(frozen=True)
class Arranged:
    """`loose`: true findings on lines that the diff does not show. `repeated` and `over`: how many were left out
    because they had been said, and because there were too many."""

    anchored: tuple[Anchored, ...] = ()
    loose: tuple[Finding, ...] = ()
    repeated: int = 0
    over: int = 0


def arrange_findings(
    findings: tuple[Finding, ...],
    diff: tuple[FileDiff, ...],
    known: frozenset[str] = frozenset(),
    most: int = limits.FINDINGS,
) -> Arranged:
    """Most urgent first, then in the order of the diff. `known`: fingerprints of findings that people were told
    before (a review of the next push does not repeat them)."""
    new = [finding for finding in findings if fingerprint(finding) not in known]
    kept = _without_repetitions(new)
    order = {file.path: place for place, file in enumerate(diff)}
    kept.sort(key=lambda one: (one.priority.value, order.get(one.path, len(order)), one.start))
    shown, over = kept[:most], len(kept) - len(kept[:most])
    anchored, loose = [], []
    for finding in shown:
        found = anchor(finding, diff)
        if found is None:
            loose.append(finding)
        else:
            anchored.append(found)
    return Arranged(tuple(anchored), tuple(loose), len(findings) - len(kept), over)


def anchor(finding: Finding, diff: tuple[FileDiff, ...]) -> Anchored | None:
    """On the part of its lines that one hunk shows; None when no hunk shows any, or when they are all shown and do
    not hold the snippet: a comment on the wrong lines is worse than none. A suggestion survives only where all its
    lines are shown: else it would replace the wrong ones."""
    file = next((one for one in diff if one.path == finding.path), None)
    if file is None:
        return None
    side = Side.RIGHT if file.new else Side.LEFT
    wanted = range(finding.start, finding.end + 1)
    best: dict[int, str] = {}
    for hunk in file.hunks:
        shown = {number: text for number, text in _lines(hunk, side) if number in wanted}
        best = max(best, shown, key=len)
    complete = len(best) == len(wanted)
    if not best or (complete and not holds_snippet("\n".join(best.values()), finding.snippet)):
        return None
    whole = complete and side is Side.RIGHT
    moved = replace(finding, start=min(best), end=max(best), suggestion=finding.suggestion if whole else "")
    if finding.suggestion and not whole:
        moved = replace(moved, body=f"{finding.body}\n\nProposed:\n\n{_indented(finding.suggestion)}")
    return Anchored(moved, side)


def fingerprint(finding: Finding) -> str:
    """The same for the same finding after lines have moved: by file and words of the title."""
    content = f"{finding.path}\n{' '.join(sorted(_words(finding.title)))}"
    return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]


def holds_snippet(lines: str, snippet: str) -> bool:
    """Whether the text of the lines holds the snippet; blanks do not count, models lose them."""
    return "".join(snippet.split()) in "".join(lines.split())


def _lines(hunk: DiffHunk, side: Side) -> Iterator[tuple[int, str]]:
    """Lines of one side that the hunk shows, in order, with their numbers."""
    for line in hunk.lines:
        number = line.new if side is Side.RIGHT else line.old
        if number is not None:
            yield number, line.text


def _without_repetitions(findings: list[Finding]) -> list[Finding]:
    """Of findings that say the same about the same place, the most urgent; in its first one's place."""
    kept: list[Finding] = []
    for finding in findings:
        twin = next((place for place, other in enumerate(kept) if _same(finding, other)), None)
        if twin is None:
            kept.append(finding)
        elif finding.priority.value < kept[twin].priority.value:
            kept[twin] = finding
    return kept


def _same(one: Finding, other: Finding) -> bool:
    if one.path != other.path:
        return False
    near = (
        one.start <= other.end + limits.FINDING_NEAR_LINES
        and other.start <= one.end + limits.FINDING_NEAR_LINES
    )
    return near and says_the_same(one.title, other.title)


def says_the_same(one: str, other: str) -> bool:
    """Whether two titles mean one fault."""
    words, others = _words(one), _words(other)
    return len(words & others) / max(1, len(words | others)) >= limits.FINDING_SAME_WORDS


def _words(title: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", title.casefold()))


def _indented(text: str) -> str:
    """A code block that nothing in the text can end."""
    return "\n".join(f"    {line}" for line in text.split("\n"))
