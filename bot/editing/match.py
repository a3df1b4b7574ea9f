"""Where a block of lines stands in a file: a ladder of four rungs, never "the most similar place".

    exact → blanks at line ends ignored → whole block shifted in indentation → typographic signs as ASCII

Each rung is as loose as the one before and more. The first rung with any match decides, and the match must be
the only one on it: whether it is, is the caller's question (an anchor or the order of hunks may settle it).
Lines are normalised only to *find* a span; what is written comes from `splice`, over the original lines.
Searching is linear in the file, whatever the block: joined text and `str.find`, no line-by-line product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.editing.text import BLANKS
from bot.errors import ForModel


class Rung(StrEnum):
    """How loosely a match was found; the value is the phrase shown to the model."""

    EXACT = "exact"
    TRAILING_BLANKS = "ignoring blanks at line ends"
    INDENTATION = "shifted in indentation"
    PUNCTUATION = "with typographic punctuation read as ASCII"


@dataclass(frozen=True)
class Shift:
    """What indentation the file has more (`add`) or less (`remove`) than the block that was sent."""

    add: str = ""
    remove: str = ""

    def apply(self, body: str) -> str | None:
        """The line at the file's indentation; None if it has less than what is to be removed."""
        if not body.strip(BLANKS):
            return body
        if self.remove:
            return body[len(self.remove) :] if body.startswith(self.remove) else None
        return self.add + body


NO_SHIFT: Final = Shift()


@dataclass(frozen=True)
class Match:
    """Lines `start` (from 0) up to, not including, `end`."""

    start: int
    end: int
    rung: Rung
    shift: Shift = NO_SHIFT


# One character to one character, so that offsets in the folded text are offsets in the original.
_FOLD: Final = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2002, 0x200B))), " "),
    }
)
_NORMALISE: Final[dict[Rung, Callable[[str], str]]] = {
    Rung.EXACT: lambda body: body,
    Rung.TRAILING_BLANKS: lambda body: body.rstrip(BLANKS),
    Rung.INDENTATION: lambda body: body.strip(BLANKS),
    Rung.PUNCTUATION: lambda body: fold(body).strip(BLANKS),
}
_SHIFT_CHECKS: Final = 400_000
"""Line pairs compared for indentation in one search: bounds a block of one repeated line in a file of it."""
_OVERLAP_CHARACTERS: Final = 50_000_000
"""Matches times length: bounds a long block of one repeated line, which overlaps itself everywhere."""


def _too_repetitive() -> ForModel:
    return ForModel(
        "Nothing was written. The lines that were sent repeat too often in the file to tell places apart.\n"
        "Next: send lines that stand there only once."
    )


def fold(text: str) -> str:
    """Typographic dashes, quotes and spaces as ASCII; the length stays."""
    return text.translate(_FOLD)


def indent_of(body: str) -> str:
    return body[: len(body) - len(body.lstrip(" \t"))]


class Haystack:
    """A file's lines, prepared for several searches; each rung's form is made at its first use."""

    def __init__(self, bodies: Sequence[str]) -> None:
        self.bodies = bodies
        self._joined: dict[Rung, str] = {}

    def matches(self, block: Sequence[str], rung: Rung, inserted: Sequence[str] = ()) -> list[Match]:
        """Every place of `block` on this rung, overlapping ones too, in order.

        `inserted` are lines that will be put in: a place at which they can't be re-indented is no match.
        A block of blank lines alone is found on the exact rung only.
        """
        if not block or (rung is not Rung.EXACT and not any(body.strip(BLANKS) for body in block)):
            return []
        starts = self._starts(block, rung)
        if rung in (Rung.EXACT, Rung.TRAILING_BLANKS):
            return [Match(start, start + len(block), rung) for start in starts]
        return self._shifted(starts, block, rung, inserted)

    def first_rung(self, block: Sequence[str], inserted: Sequence[str] = ()) -> list[Match]:
        """All matches on the first rung that has any; empty if none has."""
        for rung in Rung:
            found = self.matches(block, rung, inserted)
            if found:
                return found
        return []

    def _starts(self, block: Sequence[str], rung: Rung) -> list[int]:
        normalise = _NORMALISE[rung]
        if rung not in self._joined:
            self._joined[rung] = "\n" + "".join(normalise(body) + "\n" for body in self.bodies)
        hay = self._joined[rung]
        needle = "\n" + "".join(normalise(body) + "\n" for body in block)
        starts: list[int] = []
        line, counted_to, at = 0, 0, hay.find(needle)
        while at >= 0:
            line += hay.count("\n", counted_to, at)
            counted_to = at
            starts.append(line)
            if len(starts) * len(needle) > _OVERLAP_CHARACTERS:
                raise _too_repetitive()
            at = hay.find(needle, at + 1)
        return starts

    def _shifted(
        self, starts: list[int], block: Sequence[str], rung: Rung, inserted: Sequence[str]
    ) -> list[Match]:
        found: list[Match] = []
        checks = 0
        for start in starts:
            checks += len(block)
            if checks > _SHIFT_CHECKS:
                raise _too_repetitive()
            shift = _shift_between(self.bodies[start : start + len(block)], block, rung)
            if shift is not None and all(shift.apply(body) is not None for body in inserted):
                found.append(Match(start, start + len(block), rung, shift))
        return found


def _shift_between(there: Sequence[str], block: Sequence[str], rung: Rung) -> Shift | None:
    """The one shift that turns every indentation of `block` into that of the file; None if there is none."""
    only: Shift | None = None
    for ours, sent in zip(there, block, strict=True):
        if not sent.strip(BLANKS):
            continue
        have, want = indent_of(ours), indent_of(sent)
        if rung is Rung.PUNCTUATION:  # a no-break space in the indentation counts as a blank there
            have, want = indent_of(fold(ours)), indent_of(fold(sent))
        if have.endswith(want):
            shift = Shift(add=have[: len(have) - len(want)])
        elif want.endswith(have):
            shift = Shift(remove=want[: len(want) - len(have)])
        else:
            return None
        if only is not None and shift != only:
            return None
        only = shift
    return only
