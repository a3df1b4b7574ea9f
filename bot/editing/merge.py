"""Three versions of one text become one, line by line: what one side changed is taken, the rest is a conflict. Pure.

The classic `diff3`: lines that all three have in common part the text into pieces; a piece that both sides changed,
each in its own way, is shown between markers with what stood there before. Changes on neighbouring lines are one
piece, as in git: whoever changes the line before may have meant this one too.

Must never: drop a change of either side without a marker.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

_QUICK: Final = 2_000  # lines; in longer texts the most frequent lines are no anchors, or it takes minutes

Lines = list[bytes]


@dataclass(frozen=True)
class Labels:
    """What the markers call the two sides; single lines."""

    ours: str
    theirs: str


@dataclass(frozen=True)
class Merged:
    """`conflicts`: pieces that stand between markers."""

    content: bytes
    conflicts: int


@dataclass(frozen=True)
class _Piece:
    base: Lines
    ours: Lines
    theirs: Lines

    @property
    def settled(self) -> Lines | None:
        """What it becomes; None: both sides changed it, each in its own way."""
        if self.ours == self.theirs or self.theirs == self.base:
            return self.ours
        return self.theirs if self.ours == self.base else None


def merge_texts(base: bytes, ours: bytes, theirs: bytes, labels: Labels) -> Merged:
    """`base`: the text that both sides began with; empty where both have made the file."""
    written: list[bytes] = []
    conflicts = 0
    for piece in _part(_split(base), _split(ours), _split(theirs)):
        settled = piece.settled
        conflicts += settled is None
        written += _mark(piece, labels) if settled is None else settled
    return Merged(b"".join(written), conflicts)


def _part(base: Lines, ours: Lines, theirs: Lines) -> Iterator[_Piece]:
    """In the order of the text. Each begins where all three have the same line, or ends there."""
    in_ours, in_theirs = _match(base, ours), _match(base, theirs)
    b = o = t = 0
    while True:
        same = 0
        while in_ours.get(b + same) == o + same and in_theirs.get(b + same) == t + same:
            same += 1
        if same:
            yield _Piece(base[b : b + same], ours[o : o + same], theirs[t : t + same])
            b, o, t = b + same, o + same, t + same
        anchor = next((line for line in range(b, len(base)) if line in in_ours and line in in_theirs), None)
        if anchor is None:
            yield _Piece(base[b:], ours[o:], theirs[t:])
            return
        yield _Piece(base[b:anchor], ours[o : in_ours[anchor]], theirs[t : in_theirs[anchor]])
        b, o, t = anchor, in_ours[anchor], in_theirs[anchor]


def _match(base: Lines, side: Lines) -> dict[int, int]:
    """Which line of `base` stands where in `side`; both grow together."""
    head = 0
    while head < min(len(base), len(side)) and base[head] == side[head]:
        head += 1
    tail = 0
    while tail < min(len(base), len(side)) - head and base[-1 - tail] == side[-1 - tail]:
        tail += 1
    found = {line: line for line in range(head)}
    one, other = base[head : len(base) - tail], side[head : len(side) - tail]
    matcher = SequenceMatcher(None, one, other, autojunk=max(len(one), len(other)) > _QUICK)
    for start, place, size in matcher.get_matching_blocks():
        found |= {head + start + line: head + place + line for line in range(size)}
    return found | {len(base) - 1 - line: len(side) - 1 - line for line in range(tail)}


def _mark(piece: _Piece, labels: Labels) -> Lines:
    sides = [*piece.ours, *piece.theirs, *piece.base]
    end = b"\r\n" if sides and sides[0].endswith(b"\r\n") else b"\n"
    return [
        f"<<<<<<< {labels.ours}".encode() + end,
        *_ended(piece.ours, end),
        b"||||||| before both" + end,
        *_ended(piece.base, end),
        b"=======" + end,
        *_ended(piece.theirs, end),
        f">>>>>>> {labels.theirs}".encode() + end,
    ]


def _ended(lines: Lines, end: bytes) -> Lines:
    """A marker stands at the beginning of a line, whatever was before it."""
    if not lines or lines[-1].endswith(b"\n"):
        return lines
    return [*lines[:-1], lines[-1] + end]


def _split(text: bytes) -> Lines:
    """Lines with their endings, parted at line feeds only."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
